//! A command in a real terminal.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::ended;
use crate::support::{process, python};

/// What the terminal showed.
pub(super) struct Shown {
    /// Up to the end of each text that was expected.
    pub(super) until: Vec<String>,
    pub(super) rest: String,
    pub(super) code: i64,
}

/// Runs `command` in a pseudo-terminal; `steps` are those of `terminal.py`.
pub(super) fn in_terminal(command: &Command, steps: &Value) -> Shown {
    let mut terminal = process(python());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("system/command/terminal.py");
    terminal.arg(script).arg(steps.to_string()).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let told = ended(&mut terminal).json();
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    Shown {
        until: told["shown"].as_array().expect("it is a list").iter().map(text).collect(),
        rest: text(&told["rest"]),
        code: told["code"].as_i64().expect("it is a number"),
    }
}
