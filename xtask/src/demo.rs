//! `cargo xtask demo`: the product at work, in one command.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::fixtures::Store;
use crate::{command, workspace};

/// Short enough for a model of 135 million parameters, and everybody knows whether the answer is right.
const PROMPT: &str = "What is the capital of France? Answer in one short sentence.";

/// Fetches what is missing, builds the command and lets it answer [`PROMPT`]; returns the command's exit code.
pub(crate) fn run(extra: &[String]) -> Result<ExitCode> {
    let store = Store::open()?;
    let llama_server = store.llama_server()?;
    let smollm2 = store.smollm2()?;
    let loadmaster = workspace::build_command()?;

    let mut demo = command::new(&loadmaster);
    demo.arg("run")
        .arg(smollm2)
        .arg(PROMPT)
        .arg("--llama-server")
        .arg(llama_server)
        .args(["--temperature", "0", "--stats"])
        .args(extra);
    let status = demo.status().with_context(|| format!("cannot start {}", loadmaster.display()))?;
    // A death by signal has no code; shells report it as a failure too.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
