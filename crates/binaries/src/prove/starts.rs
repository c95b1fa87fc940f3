//! Phase 1: it starts at all.

use std::{path::Path, time::Duration};

use loadmaster_supervise::{Exit, Spec};

use super::{Prover, diagnose, executable, fault::Fault};
use crate::catalog::Program;

/// A build answers in a quarter of a second; the first start from a slow disk, with a virus scanner that reads
/// a gigabyte of CUDA libraries, takes longer.
const DEADLINE: Duration = Duration::from_mins(1);

/// How long a program that has missed its deadline is given to end.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn starts(prover: &Prover, program: Program, path: &Path) -> Result<Option<String>, Fault> {
    executable::check(path)?;
    let question = match program {
        Program::Llama => "--version",
        // Its `--version` is younger than some builds.
        Program::Sd => "--help",
    };
    let exit = run(prover, prover.spec(path).arg(question), "its start").await?;
    if !exit.status.success() {
        return Err(diagnose::of_exit(&exit));
    }
    // "version: 10434 (7e4c0a9)"
    let version = exit.last_lines.iter().find_map(|line| line.strip_prefix("version: "));
    Ok(version.map(|version| version.trim().to_owned()))
}

/// Starts a program that ends by itself, and waits for that.
pub(super) async fn run(prover: &Prover, spec: Spec, doing: &str) -> Result<Exit, Fault> {
    let child = prover.supervisor.spawn(spec).await.map_err(|error| diagnose::of_start(&error))?;
    if let Ok(exit) = tokio::time::timeout(DEADLINE, child.exit().wait()).await {
        return Ok(exit);
    }
    child.stop(PATIENCE).await;
    Err(Fault::Hung { doing: doing.to_owned(), seconds: DEADLINE.as_secs() })
}
