//! What was loaded is loaded again after a restart.

use std::{fs, time::Duration};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    client::{ask_for_paris, instance, model_id},
    process::{send, wait_gone},
    swaps::cached,
};
use crate::support::{Daemon, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the daemon wrote down of what is loaded.
fn written(daemon: &Daemon) -> Value {
    let text = fs::read(daemon.home().join("state/loaded.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn wait_ready(daemon: &Daemon) -> Value {
    wait_until("it is not loaded again", PATIENCE, || instance(daemon)["state"] == "ready");
    instance(daemon)
}

#[test]
fn what_ran_comes_back_after_a_kill_by_the_same_plan() {
    let daemon = Daemon::start(&["--resume"]);
    ask_for_paris(&daemon);
    let (before, server) = (instance(&daemon), daemon.server_pid().expect("it runs"));
    wait_until("it is not written down", PATIENCE, || {
        written(&daemon)["loaded"][0]["plan"] == before["plan"]
    });
    let mut written = written(&daemon);
    let home = daemon.kill();
    wait_gone(server);
    // Nobody would plan this today: it is what it was, and not planned anew.
    written["loaded"][0]["plan"]["settings"]["batch_size"] = 1024.into();
    fs::write(home.path().join("state/loaded.json"), written.to_string()).expect("it is ours");
    let daemon = Daemon::start_in(home, &["--resume"]);
    let after = wait_ready(&daemon);
    assert_ne!(after["plan"], before["plan"]);
    assert_eq!(after["plan"], written["loaded"][0]["plan"]);
    ask_for_paris(&daemon);
    // Without being told to, nothing comes back, and nothing is written down.
    let daemon = Daemon::start_in(daemon.kill(), &[]);
    ask_for_paris(&daemon);
    assert!(!daemon.home().join("state/loaded.json").exists());
}

#[test]
fn a_conversation_goes_on_after_an_orderly_end() {
    let mut daemon = Daemon::start(&["--resume"]);
    let (cold, read) = cached(&daemon, &model_id());
    assert!(cold < read / 10, "{cold} of {read}");
    send(daemon.pid(), Signal::TERM);
    let (code, stderr) = daemon.ended();
    assert_eq!(code, Some(0), "{stderr}");
    let daemon = Daemon::start_in(daemon.kill(), &["--resume"]);
    wait_ready(&daemon);
    let (warm, read_again) = cached(&daemon, &model_id());
    assert!(warm > 500 && read_again <= 8, "{warm} cached, {read_again} read again");
}

#[test]
fn what_somebody_stopped_stays_away_and_a_damaged_file_is_passed_over() {
    let daemon = Daemon::start(&["--resume"]);
    ask_for_paris(&daemon);
    wait_until("it is not written down", PATIENCE, || written(&daemon)["loaded"][0].is_object());
    let url = format!("{}/api/v1/instances/{}", daemon.url, model_id());
    let stopped = super::client::client().delete(url).send().expect("Loadmaster answers");
    assert_eq!(stopped.status().as_u16(), 204);
    wait_until("it is still written down", PATIENCE, || written(&daemon)["loaded"] == serde_json::json!([]));

    let home = daemon.kill();
    let file = home.path().join("state/loaded.json");
    fs::write(&file, "{\"version\": 1, \"loaded\": [{").expect("it is ours");
    let mut daemon = Daemon::start_in(home, &["--resume"]);
    ask_for_paris(&daemon);
    wait_until("it is not written anew", PATIENCE, || written(&daemon)["loaded"][0].is_object());
    send(daemon.pid(), Signal::TERM);
    let (code, stderr) = daemon.ended();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("loaded.json is damaged"), "{stderr}");
}
