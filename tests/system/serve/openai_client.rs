//! The official `OpenAI` client for Python.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use super::client::model_id;
use crate::support::{Daemon, process, python};

/// One command of `tests/python/openai_client.py`; killed when dropped.
pub(crate) struct Script {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Script {
    /// Starts `command` against `daemon`.
    pub(super) fn start(command: &str, daemon: &Daemon) -> Self {
        Self::start_for(&model_id(), command, daemon)
    }

    /// The same for another model than the one that chats.
    pub(crate) fn start_for(model: &str, command: &str, daemon: &Daemon) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join("openai_client.py");
        let mut child = process(python())
            .arg(script)
            .args([command, &daemon.url, model])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the fixture's Python starts");
        let stdin = child.stdin.take().expect("it is piped");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, stdin, lines }
    }

    /// The next thing that it tells.
    pub(crate) fn told(&mut self) -> Value {
        let line = self.lines.next().expect("the script has more to tell; its stderr says why not");
        serde_json::from_str(&line.expect("it prints UTF-8")).expect("it prints JSON")
    }

    /// Lets it go on.
    pub(super) fn go_on(&mut self) {
        self.stdin.write_all(b"\n").expect("the script waits");
    }

    /// Expects that it has nothing more to tell and ended well.
    pub(crate) fn end(mut self) {
        assert!(self.lines.next().is_none(), "it has more to tell");
        assert!(self.child.wait().expect("it is reaped").success());
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It has ended already, unless its test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `command` tells, which is one thing.
fn told_by(command: &str, daemon: &Daemon) -> Value {
    let mut script = Script::start(command, daemon);
    let told = script.told();
    script.end();
    told
}

/// Expects the right answer to the script's question.
pub(super) fn assert_paris(told: &Value) {
    assert!(told["text"].as_str().is_some_and(|text| text.contains("Paris")), "{told}");
}

#[test]
fn lists_the_model_by_the_name_of_its_file_and_loads_nothing() {
    let daemon = Daemon::start(&[]);
    assert_eq!(told_by("models", &daemon), json!({ "listed": [model_id()], "retrieved": model_id() }));
    assert_eq!(daemon.model()["instance"], Value::Null);
}

#[test]
fn chats_and_streams_and_completes() {
    let daemon = Daemon::start(&[]);
    let whole = told_by("chat", &daemon);
    assert_paris(&whole);
    assert_eq!(whole["model"], model_id().as_str(), "{whole}");

    let streamed = told_by("stream", &daemon);
    let texts: Vec<&str> = streamed["texts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(texts.len() > 1, "{streamed}");
    assert_eq!(texts.concat(), whole["text"].as_str().unwrap(), "the same question gets the same answer");
    assert_eq!(streamed["finishes"], json!([whole["finish"]]), "{streamed}");
    assert_eq!(streamed["tokens"], whole["tokens"], "{streamed}");

    assert_paris(&told_by("completion", &daemon));
}

#[test]
fn an_unknown_model_is_not_found() {
    let daemon = Daemon::start(&[]);
    let told = told_by("unknown", &daemon);
    assert_eq!(told["status"], 404, "{told}");
    assert_eq!(told["code"], "model_not_found", "{told}");
    assert_eq!(told["type"], "invalid_request_error", "{told}");
    assert_eq!(told["body"]["known"], json!([model_id()]), "{told}");
}
