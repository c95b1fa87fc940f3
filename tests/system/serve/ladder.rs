//! Estimates climb: computed from the header, asked of the server, measured at the last start.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use super::client::{ask_for_paris, model_id};
use crate::support::{Daemon, llama_server, loadmaster};

/// What the model was expected to take, and what it took.
fn predicted_and_actual(daemon: &Daemon) -> (Value, Value) {
    ask_for_paris(daemon);
    let instance = daemon.model()["instance"].clone();
    (instance["predicted"].clone(), instance["actual"].clone())
}

fn stop(daemon: &Daemon) {
    let arguments = ["stop", &model_id(), "--listen", daemon.address()];
    let stopped = loadmaster(daemon.home()).args(arguments).output().expect("the command runs");
    assert!(stopped.status.success(), "{stopped:?}");
}

fn host(estimate: &Value) -> &Value {
    let devices = estimate["devices"].as_array().expect("it is per device");
    devices.iter().find(|device| device["id"] == "host").expect("the host has some")
}

fn bytes(estimate: &Value, part: &str) -> u64 {
    host(estimate)[part].as_u64().unwrap_or_else(|| panic!("{part} of {estimate}"))
}

#[test]
fn the_second_start_expects_what_the_first_one_took() {
    let daemon = Daemon::start(&[]);
    let (asked, took) = predicted_and_actual(&daemon);
    assert_eq!((&asked["source"], &took["source"]), (&"asked".into(), &"measured".into()));
    // The server prints two digits of a MiB.
    for part in ["weights", "kv_cache", "compute"] {
        let difference = bytes(&asked, part).abs_diff(bytes(&took, part));
        assert!(difference <= (1 << 20) / 100, "{part}: {asked} {took}");
    }
    // The process takes more than its buffers, and not more than was set aside for it.
    let other = (bytes(&took, "other"), bytes(&asked, "other"));
    assert!(other.0 > 1 << 20 && other.0 <= other.1, "{other:?}");
    stop(&daemon);

    let (measured, _) = predicted_and_actual(&daemon);
    assert_eq!(measured["source"], "measured");
    for part in ["weights", "kv_cache", "compute", "mapped"] {
        assert_eq!(bytes(&measured, part), bytes(&took, part), "{part}");
    }
    assert!(bytes(&measured, "other") >= other.1, "{measured}");
    // The next program knows it too.
    let next = Daemon::start_in(daemon.kill(), &[]);
    assert_eq!(predicted_and_actual(&next).0["source"], "measured");
}

#[test]
fn another_plan_is_asked_about_anew() {
    let daemon = Daemon::start(&[]);
    predicted_and_actual(&daemon);
    let other = Daemon::start_in(daemon.kill(), &["--parallel", "2"]);
    assert_eq!(predicted_and_actual(&other).0["source"], "asked");
}

#[test]
fn a_server_that_need_not_be_asked_is_not() {
    let home = tempfile::tempdir().expect("a folder for the test");
    fs::write(home.path().join("config.toml"), "[backends.llama]\nask = false\n").expect("it is ours");
    let daemon = Daemon::start_in(home, &[]);
    assert_eq!(predicted_and_actual(&daemon).0["source"], "computed");
}

/// A fake only in what it refuses: a build from before the question, which the real one is not.
fn server_that_cannot_be_asked(folder: &Path) -> PathBuf {
    let program = folder.join("old-llama-server");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *'--fit on'*) echo 'error: invalid argument: --fit'; exit 1;; esac\nexec '{}' \"$@\"\n",
        llama_server().display()
    );
    fs::write(&program, text).expect("it is ours");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    program
}

#[test]
fn a_server_that_cannot_be_asked_costs_a_rung_and_no_more() {
    let folder = TempDir::new().expect("a folder for the test");
    let server = server_that_cannot_be_asked(folder.path());
    let home = TempDir::new().expect("a folder for the test");
    let daemon = Daemon::start_server(home, &server, &[]);
    let (computed, took) = predicted_and_actual(&daemon);
    assert_eq!(computed["source"], "computed");
    assert_eq!(bytes(&computed, "kv_cache"), bytes(&took, "kv_cache"));
}
