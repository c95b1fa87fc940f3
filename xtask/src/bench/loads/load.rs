//! One real load through the product: `loadmaster serve`, a request, `loadmaster ps --json`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::process::{self, Resident};
use super::{Case, Place};
use crate::bench::serve::Serve;
use crate::command;

/// What a load took.
#[derive(Debug)]
pub(super) struct Load {
    /// Tokens of the prompt as the server counted them.
    pub(super) prompt_tokens: u64,
    pub(super) predicted: Estimate,
    /// The buffers that the server printed.
    pub(super) printed: Estimate,
    pub(super) resident: Resident,
}

/// The part of `loadmaster ps --json` that is wanted here.
#[derive(Deserialize)]
struct Status {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    instance: Option<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    pid: Option<u32>,
    predicted: Estimate,
    actual: Option<Estimate>,
}

/// An estimate, in the words of the API.
#[derive(Debug, Deserialize)]
pub(super) struct Estimate {
    pub(super) margin_percent: u64,
    pub(super) devices: Vec<Device>,
}

/// Bytes on one device.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Device {
    pub(super) weights: u64,
    pub(super) kv_cache: u64,
    pub(super) compute: u64,
    pub(super) other: u64,
    pub(super) mapped: u64,
}

impl Estimate {
    /// All devices together: those of software are the host.
    pub(super) fn together(&self) -> Device {
        self.devices.iter().fold(Device::default(), |sum, device| Device {
            weights: sum.weights + device.weights,
            kv_cache: sum.kv_cache + device.kv_cache,
            compute: sum.compute + device.compute,
            other: sum.other + device.other,
            mapped: sum.mapped + device.mapped,
        })
    }

    /// What the orchestrator reserves.
    pub(super) fn reservation(&self) -> u64 {
        let total = self.together().total();
        total + total / 100 * self.margin_percent
    }
}

impl Device {
    pub(super) fn total(&self) -> u64 {
        self.weights + self.kv_cache + self.compute + self.other
    }
}

pub(super) fn measure(loadmaster: &Path, llama_server: &Path, model: &Path, case: &Case) -> Result<Load> {
    // Software devices are left out by llama-server unless they are named.
    let (layers, visible) = match case.place {
        Place::Cpu => ("0", ""),
        Place::Llvmpipe => ("all", "0"),
    };
    let serve = Serve::start(loadmaster, |serve, _| {
        serve.args(["--ctx", &case.context.to_string(), "--gpu-layers", layers]);
        serve.arg("--model").arg(model).arg("--llama-server").arg(llama_server);
        serve.env("GGML_VK_VISIBLE_DEVICES", visible);
        Ok(())
    })?;
    let name = model.file_stem().context("the model has no name")?.to_string_lossy();
    let prompt_tokens = ask(serve.address, &name, case.prompt)?;

    let mut ps = command::new(loadmaster);
    ps.args(["ps", "--json", "--listen", &serve.address.to_string()]).env("LOADMASTER_HOME", serve.home());
    let status: Status =
        serde_json::from_str(&command::capture(&mut ps)?).context("reading `loadmaster ps`")?;
    let instance = status.models.into_iter().find_map(|model| model.instance);
    let Instance { pid, predicted, actual } = instance.context("no model is loaded")?;
    Ok(Load {
        prompt_tokens,
        predicted,
        printed: actual.context("the server printed no buffers")?,
        resident: process::resident(pid.context("the server has no process")?, model)?,
    })
}

/// Lets the model answer a prompt of about `words` tokens, and returns how many they were.
fn ask(address: SocketAddr, model: &str, words: u32) -> Result<u64> {
    let prompt = " word".repeat(usize::try_from(words)?);
    let body = json!({ "model": model, "prompt": prompt, "max_tokens": 8, "temperature": 0 }).to_string();
    let mut connection =
        TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    write!(
        connection,
        "POST /v1/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len(),
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).context("the answer broke off")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "the server refused: {body}");
    // The body may come in chunks, whose sizes stand around the one object that it is.
    let object = body.find('{').zip(body.rfind('}')).map(|(first, last)| &body[first..=last]);
    let answer: serde_json::Value = serde_json::from_str(object.context("the answer has no body")?)?;
    answer["usage"]["prompt_tokens"].as_u64().context("the answer counts no tokens")
}
