//! `cargo xtask tidy`: the rules of the house that no compiler checks.

mod crates;
mod files;

use anyhow::{Result, bail};

use crate::workspace;

/// What was found: `problems` fail the task, `warnings` are only shown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    fn warning(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }
}

/// Checks everything and shows all that was found.
pub(crate) fn run() -> Result<()> {
    let mut findings = Findings::default();
    crates::check(&mut findings)?;
    let checked = files::check(workspace::root(), &mut findings)?;
    for warning in &findings.warnings {
        eprintln!("warning: {warning}");
    }
    for problem in &findings.problems {
        eprintln!("problem: {problem}");
    }
    if !findings.problems.is_empty() {
        bail!("tidy found {} problems", findings.problems.len());
    }
    eprintln!("tidy: {checked} files are in order");
    Ok(())
}
