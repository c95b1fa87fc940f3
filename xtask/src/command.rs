//! Child processes: the only place of `xtask` that makes them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{environment, workspace};

/// A command that has not been started yet.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask is no part of the product: its children end with the terminal's Ctrl-C as it does itself"
)]
pub(crate) fn new(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// `cargo` as it was called for `cargo xtask`, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = new(environment::value("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root());
    cargo
}

/// Runs `command` with the terminal's input and output, after saying what runs.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} failed ({})", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no UTF-8", shown(command)))
}

/// Whether `command` can be started and succeeds; its output goes nowhere.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `command`, shows its standard error as it comes, and leaves in `kept` the last line of it with `wanted`.
pub(crate) fn run_and_keep_line(
    command: &mut Command,
    wanted: &str,
    kept: &mut Option<String>,
) -> Result<()> {
    announce(command);
    let mut child =
        command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let stderr = child.stderr.take().expect("it was piped a few lines above");
    for line in BufReader::new(stderr).split(b'\n') {
        let line = line.context("cannot read what the command prints")?;
        let line = String::from_utf8_lossy(&line).into_owned();
        eprintln!("{line}");
        if line.contains(wanted) {
            *kept = Some(line);
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs `command` and hands every line of its standard output to `line` as it comes.
pub(crate) fn run_by_line(command: &mut Command, line: &mut dyn FnMut(&str)) -> Result<()> {
    announce(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let stdout = child.stdout.take().expect("it was piped a few lines above");
    for printed in BufReader::new(stdout).split(b'\n') {
        let printed = printed.context("cannot read what the command prints")?;
        line(&String::from_utf8_lossy(&printed));
    }
    let status = child.wait().with_context(|| format!("cannot wait for {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Where `name` is on the `PATH`.
pub(crate) fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = environment::value("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name).with_extension(std::env::consts::EXE_EXTENSION))
        .find(|candidate| candidate.is_file())
}

fn announce(command: &Command) {
    eprintln!("$ {}", shown(command));
}

/// The command as one would type it, with the program's file name alone.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    command.get_args().fold(program.into_owned(), |line, argument| {
        let argument = argument.to_string_lossy();
        if argument.contains(' ') { format!("{line} '{argument}'") } else { format!("{line} {argument}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = new("/usr/bin/cargo");
        command.args(["run", "--", "two words"]);
        assert_eq!(shown(&command), "cargo run -- 'two words'");
    }

    #[test]
    fn a_line_is_kept_of_a_command_that_fails_too() {
        let mut kept = None;
        let result = run_and_keep_line(cargo().arg("no-such-task"), "no such command", &mut kept);
        assert!(result.unwrap_err().to_string().starts_with("cargo no-such-task failed"));
        assert!(kept.unwrap().contains("no-such-task"));
    }

    #[test]
    fn cargo_is_found_and_nonsense_is_not() {
        assert!(find_in_path("cargo").is_some());
        assert!(find_in_path("no-such-program-anywhere").is_none());
    }
}
