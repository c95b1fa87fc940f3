//! Flags of the command line for models of either kind, down to the processes that they start.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{PAINTER, PATIENCE, SIZE, command::started, image, studio};
use crate::{
    command::{Ended, ended},
    serve::client::{self, Answer, ask_for_paris, model_id},
    support::{Daemon, llama_server, loadmaster, sd_cli, sd_model, sd_server, smollm2, wait_until},
};

/// An image model that is whole in one file, under that name.
const TINY: &str = "sd1tiny";

fn tiny() -> String {
    sd_model("sd1tiny.safetensors").display().to_string()
}

/// The command, with the real programs.
fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = loadmaster(home);
    command.args(arguments).arg("--sd-server").arg(sd_server()).arg("--sd-cli").arg(sd_cli());
    command
}

fn tell(daemon: &Daemon, arguments: &[&str]) -> Ended {
    ended(loadmaster(daemon.home()).args(arguments).args(["--listen", daemon.address()]))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// The arguments of a process.
fn arguments_of(pid: u64) -> Vec<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs");
    line.split('\0').map(str::to_owned).collect()
}

#[track_caller]
fn has(arguments: &[String], wanted: &[&str]) {
    let found = arguments.windows(wanted.len()).any(|some| some == wanted);
    assert!(found, "{wanted:?} is not in {arguments:?}");
}

/// The settings of the plan that `model` has now.
fn plan(daemon: &Daemon, model: &str) -> Value {
    Answer::to(client::client().get(format!("{}/api/v1/plan/{model}", daemon.url))).body["plan"].clone()
}

/// The process that serves `model`, which is ready.
fn pid(daemon: &Daemon, model: &str) -> u64 {
    let status = daemon.status();
    let models = status["models"].as_array().expect("it is a list");
    let found = models.iter().find(|entry| entry["id"] == model).expect("it is served");
    found["instance"]["pid"].as_u64().unwrap_or_else(|| panic!("{found}"))
}

#[test]
fn flags_of_serve_reach_both_kinds_and_their_processes() {
    let (text, images) = (smollm2().display().to_string(), tiny());
    let (server, cli) = (sd_server().display().to_string(), sd_cli().display().to_string());
    let daemon = Daemon::start_serving(
        folder(),
        &llama_server(),
        &[
            ["--model", &text, "--model", &images, "--sd-server", &server, "--sd-cli", &cli].as_slice(),
            &["--threads", "1", "--flash-attn", "on", "--mode", "resident", "--pixels", SIZE],
            &["--vae-tiling", "--sd-extra", "rng=cpu", "--steps", "2", "--extra", "no-warmup"],
        ]
        .concat(),
    );
    let language = plan(&daemon, &model_id());
    assert_eq!(
        (&language["flash_attention"], &language["threads"], &language["extra"]),
        (&json!("on"), &json!(1), &json!({ "no-warmup": null })),
        "{language}"
    );
    let painter = plan(&daemon, TINY);
    let told = ["flash_attention", "threads", "mode", "pixels", "vae_tiling", "extra", "steps"];
    let told = told.map(|name| painter[name].clone());
    let pixels = json!(64 * 64);
    let expected =
        [json!(true), json!(1), json!("resident"), pixels, json!(true), json!({ "rng": "cpu" }), json!(2)];
    assert_eq!(told, expected, "{painter}");

    let more = ["plan", &model_id(), "--extra", "no-perf", "--json"];
    let extra = json!({ "no-perf": null, "no-warmup": null });
    assert_eq!(tell(&daemon, &more).json()["plan"]["extra"], extra);

    ask_for_paris(&daemon);
    let language = arguments_of(pid(&daemon, &model_id()));
    for wanted in [&["--flash-attn", "on"][..], &["--threads", "1"], &["--no-warmup"]] {
        has(&language, wanted);
    }
    let mut request = image(2);
    request["model"] = TINY.into();
    let made = Answer::to(super::asked_for(&daemon, &request));
    assert_eq!(made.status, 200, "{made:?}");
    let painter = arguments_of(pid(&daemon, TINY));
    for wanted in [&["--diffusion-fa"][..], &["--vae-tiling"], &["--threads", "1"], &["--rng", "cpu"]] {
        has(&painter, wanted);
    }
}

#[test]
fn start_and_plan_know_the_kind_of_a_model_that_is_served() {
    let daemon = studio("one-shot", &[]);
    // Before the section of the configuration, which says one-shot and 2 steps.
    let asked = ["plan", PAINTER, "--mode", "resident", "--flash-attn", "on", "--steps", "3", "--json"];
    let told = tell(&daemon, &asked).json()["plan"].clone();
    assert_eq!(
        (&told["mode"], &told["flash_attention"], &told["steps"]),
        (&json!("resident"), &json!(true), &json!(3)),
        "{told}"
    );
    let kept = plan(&daemon, PAINTER);
    assert_eq!((&kept["mode"], &kept["steps"]), (&json!("one-shot"), &json!(2)), "{kept}");
    let language = ["plan", &model_id(), "--flash-attn", "off", "--json"];
    assert_eq!(tell(&daemon, &language).json()["plan"]["flash_attention"], "off");

    tell(&daemon, &["start", PAINTER, "--mode", "resident", "--flash-attn", "on", "--sd-extra", "rng=cpu"])
        .printed();
    let server = arguments_of(pid(&daemon, PAINTER));
    has(&server, &["--diffusion-fa"]);
    has(&server, &["--rng", "cpu"]);
    // One flag of the server after the other: the first one stays. What is automatic is the planner's again.
    tell(&daemon, &["start", PAINTER, "--sd-extra", "mmap", "--flash-attn", "auto"]).printed();
    let told = plan(&daemon, PAINTER);
    let expected = (json!({ "mmap": null, "rng": "cpu" }), json!(false), json!("resident"));
    assert_eq!(
        (told["extra"].clone(), told["flash_attention"].clone(), told["mode"].clone()),
        expected,
        "{told}"
    );

    tell(&daemon, &["start", PAINTER, "--gpu-layers", "3"]).failed(
        2,
        "--gpu-layers is for language models, and the model 'painter' makes images",
        "Leave it out. --offload-to-cpu, --clip-on-cpu and --vae-on-cpu say what of an image model stays on the host.",
    );
    let id = model_id();
    tell(&daemon, &["plan", &id, "--mode", "one-shot"]).failed(
        2,
        &format!("--mode is for image models, and the model '{id}' makes none"),
        "Leave it out.",
    );
    let unknown = tell(&daemon, &["start", "nobody", "--mode", "one-shot"]);
    assert_eq!(unknown.code, Some(4), "{unknown:?}");
}

#[test]
fn flags_of_the_other_kind_are_refused_where_one_model_is_named() {
    let (home, text, images) = (folder(), smollm2().display().to_string(), tiny());
    let id = model_id();
    for (line, cause, remedy) in [
        (
            vec!["estimate", &images, "--ctx", "512", "--extra", "no-warmup"],
            format!("--ctx and --extra are for language models, and the model '{TINY}' makes images"),
            "Leave them out. An image takes memory by its size: --pixels reserves it. --sd-extra hands a flag to \
             stable-diffusion.cpp.",
        ),
        (
            vec!["estimate", &text, "--pixels", SIZE],
            format!("--pixels is for image models, and the model '{id}' makes none"),
            "Leave it out. A language model takes memory by its context: --ctx.",
        ),
        (
            vec!["serve", "--listen", "127.0.0.1:0", "--model", &text, "--clip-on-cpu"],
            format!("--clip-on-cpu is for image models, and the model '{id}' makes none"),
            "Leave it out. --gpu-layers says how much of a language model stays on the host.",
        ),
    ] {
        ended(&mut command(home.path(), &line)).failed(2, &cause, remedy);
    }
    // Nobody knows what a file is for that is not there.
    let gone = ["serve", "--listen", "127.0.0.1:0", "--model", "/gone.gguf", "--clip-on-cpu"];
    ended(&mut command(home.path(), &gone)).failed(4, "There is no file /gone.gguf", "Check the path.");
    let asked = [
        "estimate",
        &images,
        "--pixels",
        SIZE,
        "--mode",
        "one-shot",
        "--vae-tiling",
        "--threads",
        "1",
        "--json",
    ];
    let told = ended(&mut command(home.path(), &asked)).json()["plan"].clone();
    let told = ["pixels", "mode", "vae_tiling", "threads"].map(|name| told[name].clone());
    assert_eq!(told, [json!(4096), json!("one-shot"), json!(true), json!(1)]);
}

#[test]
fn flags_that_no_model_heeds_are_told() {
    // Models of the configuration have their settings there.
    let home = folder();
    let text = format!("[models.{PAINTER}]\nfile = '{}'\n", tiny());
    fs::write(home.path().join("config.toml"), text).expect("it is ours");
    let mut serve =
        command(home.path(), &["serve", "--listen", "127.0.0.1:0", "--vae-tiling", "--threads", "1"]);
    let mut daemon = Daemon::of(home, &mut serve);
    kill_process(Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap(), Signal::INT).expect("it runs");
    let (code, said) = daemon.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no model that is served heeds --threads and --vae-tiling: "), "{said}");
}

/// `loadmaster image` of a model whose decoder is another file.
fn paint(home: &Path, more: &[&str]) -> Command {
    let model = sd_model("micro.safetensors").display().to_string();
    let mut command = command(home, &["image", &model, "a cat", "-o", "cat.png"]);
    command.args(more).current_dir(home);
    command
}

#[test]
fn image_has_flags_of_its_model_beside_those_of_its_request() {
    let home = folder();
    let part = format!("taesd={}", sd_model("micro-tae.safetensors").display());
    let small = ["--size", SIZE, "--steps", "2", "--seed", "5"];
    let refused = ended(&mut paint(home.path(), &small));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("vae or taesd is missing"), "{refused:?}");
    let [resident, one_shot] = ["resident", "one-shot"].map(|mode| {
        let made =
            ended(&mut paint(home.path(), &[&small[..], &["--component", &part, "--mode", mode]].concat()));
        assert_eq!(made.code, Some(0), "{made:?}");
        fs::read(home.path().join("cat.png")).expect("it is made")
    });
    assert_eq!(resident, one_shot, "the seed makes the image");

    let endless = ["--size", "256x256", "--steps", "900", "--component", &part, "--mode", "one-shot"];
    let flags = [
        "--threads",
        "1",
        "--flash-attn",
        "on",
        "--vae-tiling",
        "--vae-conv-direct",
        "--sd-extra",
        "rng=cpu",
    ];
    let mut command = paint(home.path(), &[&endless[..], &flags].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
    let mut arguments = Vec::new();
    wait_until("no program was started", PATIENCE, || {
        // The build is asked what it can do before it is run with a model.
        let program = started(home.path()).map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
        let line = program.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok());
        arguments = line.unwrap_or_default().split('\0').map(str::to_owned).collect();
        arguments.iter().any(|argument| argument == "900")
    });
    for wanted in [
        &["--steps", "900"][..],
        &["--threads", "1"],
        &["--diffusion-fa"],
        &["--vae-tiling"],
        &["--vae-conv-direct"],
        &["--rng", "cpu"],
    ] {
        has(&arguments, wanted);
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).expect("it runs");
    wait_until("it does not end", Duration::from_secs(30), || {
        child.try_wait().expect("it is ours").is_some()
    });
}
