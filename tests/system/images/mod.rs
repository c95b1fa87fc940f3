//! Images of real models of random weights by the real programs, beside a real language model.
//!
//! Random weights make noise; everything else about the images is real.

mod clients;
mod command;
#[cfg(target_os = "linux")]
mod flags;
mod scene;

use std::time::Duration;

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    serve::{
        client::{self, Answer, model_id},
        swaps::state,
    },
    support::{Daemon, llama_server, sd_cli, sd_model, sd_server, smollm2},
};

/// The model that makes images: the shapes of Stable Diffusion 1.5.
const PAINTER: &str = "painter";

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Small images of few steps: what is tested is not how long they take.
const SIZE: &str = "64x64";

/// A daemon with both models: the one that makes images runs in this mode.
fn studio(mode: &str, arguments: &[&str]) -> Daemon {
    let home = tempfile::tempdir().expect("a folder for the test");
    let text = format!(
        "[models.{PAINTER}]\nfile = '{}'\nsettings = {{ mode = {mode:?}, pixels = 4096, steps = 2 }}\n\
         [backends.sd]\nserver = '{}'\ncli = '{}'\n",
        sd_model("sd1.safetensors").display(),
        sd_server().display(),
        sd_cli().display(),
    );
    std::fs::write(home.path().join("config.toml"), text).expect("it is ours");
    let model = smollm2();
    let model = model.to_str().expect("fixtures have plain names");
    Daemon::start_serving(home, &llama_server(), &[&["--model", model], arguments].concat())
}

/// What a model would have reserved of the host, in bytes.
fn reserved(daemon: &Daemon, model: &str) -> u64 {
    let plan = Answer::to(client::client().get(format!("{}/api/v1/plan/{model}", daemon.url))).body;
    let total = plan["devices"][0]["total"].as_u64().unwrap_or_else(|| panic!("{plan}"));
    total + total / 100 * plan["margin_percent"].as_u64().expect("a plan has a margin")
}

/// The same with a budget that holds either of them, and not both.
fn studio_for_one_of_two(mode: &str) -> Daemon {
    let (painter, chat) = {
        let daemon = studio(mode, &[]);
        (reserved(&daemon, PAINTER), reserved(&daemon, &model_id()))
    };
    assert!(painter > chat, "{painter} {chat}");
    studio(mode, &["--budget", &format!("host={} B", painter + chat / 2)])
}

fn images_url(daemon: &Daemon) -> String {
    format!("{}/v1/images/generations", daemon.url)
}

/// A request for one image, with a seed: the same image every time.
fn image(steps: u32) -> Value {
    json!({ "model": PAINTER, "prompt": "a lighthouse", "size": SIZE, "steps": steps, "seed": 7 })
}

fn asked_for(daemon: &Daemon, request: &Value) -> RequestBuilder {
    client::client().post(images_url(daemon)).timeout(PATIENCE).json(request)
}

/// Makes one, and returns it in base64.
fn paint(daemon: &Daemon, steps: u32) -> String {
    let answer = Answer::to(asked_for(daemon, &image(steps)));
    assert_eq!(answer.status, 200, "{answer:?}");
    let image = answer.body["data"][0]["b64_json"].as_str().expect("an image is in base64").to_owned();
    // The first bytes of a PNG.
    assert!(image.starts_with("iVBORw0KGgo"), "{image}");
    assert_eq!(answer.body["data"][0]["seed"], 7, "{:?}", answer.body["parameters"]);
    image
}

fn is_ready(daemon: &Daemon, model: &str) -> bool {
    state(daemon, model).as_deref() == Some("ready")
}
