//! Phase 1: it starts at all.

use std::{path::Path, time::Duration};

use loadmaster_supervise::{Exit, Spec};

use super::{Prover, diagnose, executable, fault::Fault};
use crate::catalog::Program;

/// A build answers in a quarter of a second; the first start from a slow disk, with a virus scanner that reads
/// a gigabyte of CUDA libraries, takes longer.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// How long a program that has missed its deadline is given to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The help of sd-cli has 190 lines, of which the first says which version it is.
const LINES: usize = 400;

pub(super) async fn starts(prover: &Prover, program: Program, path: &Path) -> Result<Option<String>, Fault> {
    executable::check(path)?;
    let question = match program {
        Program::Llama => "--version",
        // Its `--version` is younger than some builds.
        Program::Sd => "--help",
    };
    let spec = prover.spec(path).ring_lines(LINES).arg(question);
    let exit = run(prover, spec, DEADLINE, "its start").await?;
    if !exit.status.success() {
        return Err(diagnose::of_exit(&exit));
    }
    Ok(exit.last_lines.iter().find_map(|line| version(line)))
}

/// Reads `version: 10434 (7e4c0a9)` of llama.cpp, and `stable-diffusion.cpp version master-782-b290693, commit
/// b290693`, which a build from a source archive says with `unknown` in both places.
fn version(line: &str) -> Option<String> {
    let version = match line.strip_prefix("stable-diffusion.cpp version ") {
        Some(rest) => rest.split(',').next().filter(|version| *version != "unknown"),
        None => line.strip_prefix("version: "),
    };
    version.map(|version| version.trim().to_owned())
}

/// Starts a program that ends by itself, and waits for that.
pub(super) async fn run(prover: &Prover, spec: Spec, deadline: Duration, doing: &str) -> Result<Exit, Fault> {
    let child = prover.supervisor.spawn(spec).await.map_err(|error| diagnose::of_start(&error))?;
    if let Ok(exit) = tokio::time::timeout(deadline, child.exit().wait()).await {
        return Ok(exit);
    }
    child.stop(PATIENCE).await;
    Err(Fault::Hung { doing: doing.to_owned(), seconds: deadline.as_secs() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_their_version_in_their_own_way() {
        assert_eq!(version("version: 10434 (7e4c0a9)").as_deref(), Some("10434 (7e4c0a9)"));
        let line = "stable-diffusion.cpp version master-782-b290693, commit b290693";
        assert_eq!(version(line).as_deref(), Some("master-782-b290693"));
        assert_eq!(version("stable-diffusion.cpp version unknown, commit unknown"), None);
        assert_eq!(version("built with GCC"), None);
    }
}
