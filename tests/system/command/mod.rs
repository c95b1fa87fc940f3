//! The command line from outside.

mod completions;
mod doctor;
mod errors;
mod estimate;
mod help;
mod inspect;
mod run;
mod shipped;
mod urls;

// A pseudo-terminal, signals and file permissions are Unix's.
#[cfg(unix)]
mod adopting;
#[cfg(unix)]
mod binaries;
#[cfg(unix)]
mod chat;
#[cfg(unix)]
mod daemon;
#[cfg(unix)]
mod first_steps;
#[cfg(unix)]
mod hold;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod library;
#[cfg(unix)]
mod models;
#[cfg(unix)]
mod permissions;
#[cfg(unix)]
mod pulls;
#[cfg(unix)]
mod terminal;

// The fake NVML and the software Vulkan device are built and installed as Linux does it.
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod software_gpu;

use std::{path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{llama_server, loadmaster, smollm2};

/// A folder of the test's own, deleted at its end.
fn empty_folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// How the command ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let output = command.output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ended {
    /// Asserts that it went well and said nothing but on stdout.
    #[track_caller]
    pub(crate) fn printed(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        self.stdout
    }

    /// The JSON that it printed.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.printed()).expect("it is one JSON value")
    }

    /// Asserts that it failed with nothing on stdout, and one line each of cause and remedy on stderr.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, cause: &str, remedy: &str) {
        assert_eq!(self.stderr, format!("error: {cause}\n  help: {remedy}\n"));
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""));
    }
}

/// `loadmaster run` of `SmolLM2` with a short context, the same answer every time.
fn run_smollm2(home: &Path) -> Command {
    let mut command = loadmaster(home);
    command.arg("run").arg(smollm2()).arg("--llama-server").arg(llama_server());
    command.args(["--ctx", "1024", "--temperature", "0"]);
    command
}
