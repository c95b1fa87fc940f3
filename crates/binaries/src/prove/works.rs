//! Phase 2: llama-server answers from the device it is for.

use std::{path::Path, time::Duration};

use loadmaster_supervise::{Child, NotReady};
use serde::Deserialize;

use super::{
    Prover, Worked,
    device::{is_of, prefixes},
    diagnose,
    endpoint::Endpoint,
    fault::Fault,
    starts::{DEADLINE, run},
    tiny_model::write_tiny_model,
};
use crate::catalog::Variant;

/// A build is up in half a second. CUDA and Vulkan compile for a card they have not met before, which takes up
/// to some minutes.
const START: Duration = Duration::from_mins(5);

/// The same, for what is only compiled when it is first computed.
const ANSWER: Duration = Duration::from_mins(2);

/// How often it is asked whether it is up.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// How long it is given to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many tokens it is asked for.
const TOKENS: u64 = 4;

/// The token that begins a text, and a word: as many as the server warms up with. Each other number of tokens
/// takes shaders of its own, which a software renderer compiles for minutes.
const PROMPT: [u32; 2] = [1, 260];

/// At verbosity 4 it says all about its buffers; a tenth of these lines is enough.
const LINES: usize = 4000;

pub(super) async fn works(prover: &Prover, server: &Path, variant: Variant) -> Result<Worked, Fault> {
    let device = match prefixes(variant) {
        [] => None,
        _ => Some(device(prover, server, variant).await?),
    };
    let not_proven = |error: &dyn std::fmt::Display| Fault::NotProven { cause: error.to_string() };
    let folder = tempfile::tempdir().map_err(|error| not_proven(&error))?;
    let model = folder.path().join("tiny.gguf");
    write_tiny_model(&model).map_err(|error| not_proven(&error))?;
    let endpoint = Endpoint::choose(ANSWER).map_err(|error| not_proven(&error))?;
    let spec = prover.spec(server).ring_lines(LINES).arg("--model").arg(&model).args(endpoint.arguments());
    let spec = spec.args(["--device", device.as_deref().unwrap_or("none"), "--n-gpu-layers", "99"]).args([
        "--ctx-size",
        "128",
        "--parallel",
        "1",
        "--fit",
        "off",
        "--verbosity",
        "4",
        "--no-webui",
    ]);
    let child = prover.supervisor.spawn(spec).await.map_err(|error| diagnose::of_start(&error))?;
    let result = answers(&child, &endpoint, device.as_deref()).await;
    let exit = child.stop(PATIENCE).await;
    match result {
        // A server that died in the middle tells more than the connection that broke.
        Err(Fault::WrongAnswer { .. }) if !exit.asked => Err(diagnose::of_exit(&exit)),
        Err(fault) => Err(fault),
        Ok(()) => Ok(Worked { device }),
    }
}

/// The first device of this sort that the build sees.
async fn device(prover: &Prover, server: &Path, variant: Variant) -> Result<String, Fault> {
    let spec = prover.spec(server).arg("--list-devices");
    let exit = run(prover, spec, DEADLINE, "the list of its devices").await?;
    if !exit.status.success() {
        return Err(diagnose::of_exit(&exit));
    }
    let seen = devices(&exit.last_lines);
    let ours = seen.iter().find(|name| is_of(variant, name));
    ours.cloned().ok_or(Fault::NoDevice { variant, seen })
}

/// Reads lines such as `  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (2048 MiB, 2048 MiB free)`.
fn devices(lines: &[String]) -> Vec<String> {
    let listed = lines.iter().skip_while(|line| !line.starts_with("Available devices")).skip(1);
    listed.filter_map(|line| Some(line.trim().split_once(": ")?.0.to_owned())).collect()
}

async fn answers(child: &Child, endpoint: &Endpoint, device: Option<&str>) -> Result<(), Fault> {
    let up = || async {
        let answer = endpoint.client.get(format!("{}/health", endpoint.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    match child.ready(up, ASK_EVERY, START).await {
        Ok(()) => {}
        Err(NotReady::Exited(exit)) => return Err(diagnose::of_exit(&exit)),
        Err(NotReady::TimedOut { .. }) => {
            return Err(Fault::Hung { doing: "loading a tiny model".to_owned(), seconds: START.as_secs() });
        }
    }
    complete(endpoint).await?;
    // What a build prints of a buffer: `load_tensors:      Vulkan0 model buffer size =     0.39 MiB`.
    let on = |device: &str| {
        child.tail().iter().any(|line| line.contains(device) && line.contains("model buffer size"))
    };
    match device {
        Some(device) if !on(device) => Err(Fault::NotOnDevice { device: device.to_owned() }),
        _ => Ok(()),
    }
}

/// What of an answer to `/completion` is looked at.
#[derive(Deserialize)]
struct Completion {
    tokens_predicted: u64,
    #[serde(default)]
    completion_probabilities: Vec<Probability>,
}

#[derive(Deserialize)]
struct Probability {
    /// No number if what was computed is none.
    logprob: Option<f64>,
}

async fn complete(endpoint: &Endpoint) -> Result<(), Fault> {
    let wrong = |cause: String| Fault::WrongAnswer { cause };
    let body = serde_json::json!({
        "prompt": PROMPT, "n_predict": TOKENS, "ignore_eos": true, "temperature": 0, "n_probs": 1,
    });
    let request = endpoint.client.post(format!("{}/completion", endpoint.base)).body(body.to_string());
    let request = request.header("Content-Type", "application/json");
    let answer = request.send().await.map_err(|error| {
        if error.is_timeout() {
            Fault::Hung { doing: "answering".to_owned(), seconds: ANSWER.as_secs() }
        } else {
            wrong(error.to_string())
        }
    })?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| wrong(error.to_string()))?;
    if !status.is_success() {
        return Err(wrong(format!("status {status}: {}", text.chars().take(200).collect::<String>())));
    }
    let completion: Completion = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if completion.tokens_predicted != TOKENS {
        return Err(wrong(format!("{} tokens instead of {TOKENS}", completion.tokens_predicted)));
    }
    // A device that computes nonsense mostly computes values that are no numbers.
    let finite = |token: &Probability| token.logprob.is_some_and(f64::is_finite);
    if completion.completion_probabilities.is_empty()
        || !completion.completion_probabilities.iter().all(finite)
    {
        return Err(wrong("the probabilities of its tokens are no numbers".to_owned()));
    }
    Ok(())
}

/// A client for one server on this machine: no proxy, no certificates.
pub(super) fn client(deadline: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_from_the_list() {
        let lines = [
            "noise: 1",
            "Available devices:",
            "  Vulkan0: llvmpipe (LLVM) (2048 MiB)",
            "  CUDA0: NVIDIA (1 MiB)",
        ];
        assert_eq!(devices(&lines.map(str::to_owned)), ["Vulkan0", "CUDA0"]);
        assert!(devices(&["Available devices:", "  (none)"].map(str::to_owned)).is_empty());
    }
}
