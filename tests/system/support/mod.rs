//! The command under test, its fixtures, and a daemon that ends with its test.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The path of a fixture that `cargo xtask test` brought.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their fixtures are")]
fn fixture(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set; run: cargo xtask test"),
    }
}

/// The command, as built for development.
pub(crate) fn binary() -> PathBuf {
    fixture("LOADMASTER_TEST_BIN")
}

/// The command as it ships: release, with LTO.
pub(crate) fn shipped_binary() -> PathBuf {
    fixture("LOADMASTER_TEST_BIN_RELEASE")
}

/// The real `llama-server`.
pub(crate) fn llama_server() -> PathBuf {
    fixture("LOADMASTER_TEST_LLAMA_SERVER")
}

/// `SmolLM2` 135M, a real model.
pub(crate) fn smollm2() -> PathBuf {
    fixture("LOADMASTER_TEST_SMOLLM2")
}

/// The real `sd-cli`.
pub(crate) fn sd_cli() -> PathBuf {
    fixture("LOADMASTER_TEST_SD_CLI")
}

/// The real `sd-server`.
pub(crate) fn sd_server() -> PathBuf {
    fixture("LOADMASTER_TEST_SD_SERVER")
}

/// A real model of random weights that makes images.
pub(crate) fn sd_model(name: &str) -> PathBuf {
    fixture("LOADMASTER_TEST_SD_MODELS").join(name)
}

/// A file of the fixtures' `LoRAs`.
pub(crate) fn sd_lora(name: &str) -> PathBuf {
    fixture("LOADMASTER_TEST_SD_LORAS").join(name)
}

/// A Python that has the `openai` client.
pub(crate) fn python() -> PathBuf {
    fixture("LOADMASTER_TEST_PYTHON")
}

/// How often processes are killed that are killed at random, if somebody says it.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment how thorough to be")]
pub(crate) fn kills() -> Option<u32> {
    std::env::var("LOADMASTER_TEST_KILLS").ok()?.parse().ok()
}

/// A process for a test; every process of the tests is made here.
#[expect(clippy::disallowed_methods, reason = "tests start the command as a user would")]
pub(crate) fn process(program: impl AsRef<Path>) -> Command {
    Command::new(program.as_ref())
}

/// The command with a home of its own and nothing of the environment's configuration.
pub(crate) fn loadmaster(home: &Path) -> Command {
    let mut command = process(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOADMASTER_") {
            command.env_remove(name);
        }
    }
    command.env("LOADMASTER_HOME", home).stdin(Stdio::null());
    command
}

/// Waits until `holds` does, and fails with `what` after `patience`.
pub(crate) fn wait_until(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "after {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running `loadmaster serve`; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    home: TempDir,
    stderr: Option<JoinHandle<String>>,
}

impl Daemon {
    /// Serves `SmolLM2` with a short context, and `arguments` on top.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder for the test"), arguments)
    }

    /// The same, with a home that an earlier daemon left.
    pub(crate) fn start_in(home: TempDir, arguments: &[&str]) -> Self {
        Self::start_server(home, &llama_server(), arguments)
    }

    /// The same, with another program in the place of `llama-server`.
    pub(crate) fn start_server(home: TempDir, server: &Path, arguments: &[&str]) -> Self {
        let model = smollm2().to_string_lossy().into_owned();
        Self::start_serving(home, server, &[&["--model", model.as_str()], arguments].concat())
    }

    /// The same, with the models that `arguments` name alone.
    pub(crate) fn start_serving(home: TempDir, server: &Path, arguments: &[&str]) -> Self {
        let mut command = loadmaster(home.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--ctx", "2048"]);
        command.arg("--llama-server").arg(server).args(arguments);
        Self::of(home, &mut command)
    }

    /// What `command` serves, which is begun.
    pub(crate) fn of(home: TempDir, command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
        let mut errors = child.stderr.take().expect("it is piped");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What cannot be read any more is not needed any more.
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            panic!("it said {line:?} and {}", stderr.join().unwrap_or_default());
        };
        Self { child, url: url.to_owned(), home, stderr: Some(stderr) }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Its home folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// What `GET /api/v1/instances` says.
    pub(crate) fn status(&self) -> Value {
        let text = reqwest::blocking::get(format!("{}/api/v1/instances", self.url))
            .and_then(reqwest::blocking::Response::text)
            .expect("the control API answers");
        serde_json::from_str(&text).expect("it answers JSON")
    }

    /// What it says of the model that every daemon serves.
    pub(crate) fn model(&self) -> Value {
        let name = smollm2().file_stem().expect("the model is a file").to_string_lossy().into_owned();
        let models = self.status()["models"].as_array().cloned().unwrap_or_default();
        models.into_iter().find(|model| model["id"] == name.as_str()).expect("it is served")
    }

    /// The process of its model's server, if one is alive.
    pub(crate) fn server_pid(&self) -> Option<u32> {
        self.model()["instance"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// Ends it by SIGKILL, as nothing can be prepared for; returns its home.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().expect("it was alive");
        self.child.wait().expect("it is reaped");
        std::mem::replace(&mut self.home, tempfile::tempdir().expect("a folder for the test"))
    }

    /// Waits for its end; returns its exit code and what it printed on stderr.
    pub(crate) fn ended(&mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("it is reaped");
        let stderr = self.stderr.take().map(|reader| reader.join().unwrap_or_default());
        (status.code(), stderr.unwrap_or_default())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already, which is what the test was about.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
