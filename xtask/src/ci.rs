//! `cargo xtask ci`: all that continuous integration runs, in the order that fails soonest.

use anyhow::Result;

use crate::steps::{Outcome, Steps};
use crate::{command, panel, test};

/// Runs every check; stops at the first that fails, with its output above the table.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::default();
    let result = all(&mut steps);
    steps.print_summary();
    result
}

fn all(steps: &mut Steps) -> Result<()> {
    steps.run("format", || command::run(command::cargo().args(["fmt", "--all", "--", "--check"])))?;
    steps.run("clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        command::run(command::cargo().args(clippy))
    })?;
    steps.run("documentation", || {
        let doc = ["doc", "--workspace", "--no-deps", "--quiet"];
        command::run(command::cargo().args(doc).env("RUSTDOCFLAGS", "-Dwarnings"))
    })?;
    steps.run_or_skip("dependencies", dependencies)?;
    panel::checks(steps)?;
    test::everything(steps, "ci")
}

fn dependencies() -> Result<Outcome> {
    if command::find_in_path("cargo-deny").is_none() {
        return Ok(Outcome::Skipped("cargo-deny is not installed (cargo install cargo-deny --locked)"));
    }
    command::run(command::cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    if !command::succeeds(command::cargo().args(["deny", "fetch", "db"])) {
        return Ok(Outcome::Skipped("advisories alone: their database cannot be fetched from here"));
    }
    command::run(command::cargo().args(["deny", "check", "advisories"]))?;
    Ok(Outcome::Passed)
}
