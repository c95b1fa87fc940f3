//! The workspace: where it is, and building its binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command;

/// The name of the product's binary.
const COMMAND: &str = "loadmaster";

/// The root folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the manifest of xtask lies in a folder of the workspace")
}

/// Builds the `loadmaster` command alone with the dev profile and returns its path.
pub(crate) fn build_command() -> Result<PathBuf> {
    build(command::cargo().args(["build", "--package", "loadmaster"]), COMMAND)
}

/// Builds the `loadmaster` command as it ships and returns its path.
pub(crate) fn build_release() -> Result<PathBuf> {
    build(command::cargo().args(["build", "--release", "--package", "loadmaster"]), COMMAND)
}

/// Builds the example `name` of the crate `package` with the release profile and returns its path.
pub(crate) fn build_release_example(package: &str, name: &str) -> Result<PathBuf> {
    build(command::cargo().args(["build", "--release", "--package", package, "--example", name]), name)
}

/// Builds the binaries of all members and returns the path of the `loadmaster` command.
pub(crate) fn build_all_binaries() -> Result<PathBuf> {
    // Windows cannot replace the executable that is running: this one.
    build(command::cargo().args(["build", "--workspace", "--bins", "--exclude", "xtask"]), COMMAND)
}

/// Asks cargo itself where the executable went: target folders differ between machines.
fn build(cargo: &mut Command, name: &str) -> Result<PathBuf> {
    let messages = command::capture(cargo.arg("--message-format=json-render-diagnostics"))?;
    executable_in(&messages, name).with_context(|| {
        format!(
            "cargo built no binary named `{name}`: is there a crate with a [[bin]] or example of that name?"
        )
    })
}

#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The executable of the target `name` in cargo's messages, one JSON object a line.
fn executable_in(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"loadmaster"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"loadmaster"},"executable":"/t/loadmaster"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable_in(messages, "loadmaster"), Some("/t/loadmaster".into()));
        assert_eq!(executable_in(messages, "xtask"), None);
    }

    #[test]
    fn the_root_has_the_workspace_manifest() {
        assert!(root().join("Cargo.toml").is_file());
    }
}
