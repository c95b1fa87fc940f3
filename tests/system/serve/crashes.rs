//! Servers that die while they answer.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    client::{Events, ask, ask_for_paris, instance, model_id, story},
    openai_client::{Script, assert_paris},
    process::{send, wait_gone},
};
use crate::support::{Daemon, loadmaster, wait_until};

/// Who waits for an answer shall not wait for nothing. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// A start, with the pause before it that follows deaths in a row, on a machine that is busy.
const START: Duration = Duration::from_secs(30);

/// Kills the model's server; returns its number, and when that was.
fn kill_server(daemon: &Daemon) -> (u32, Instant) {
    let pid = daemon.server_pid().expect("the model is loaded");
    let killed = Instant::now();
    send(pid, Signal::KILL);
    (pid, killed)
}

#[expect(clippy::print_stdout, reason = "a measured time belongs to the test's output")]
fn assert_told_soon(killed: Instant, what: &str) {
    let told = killed.elapsed();
    println!("{what}: told {told:?} after the kill");
    assert!(told < PATIENCE, "{what}: told {told:?} after the kill");
}

fn assert_says_sigkill(error: &Value) {
    assert_eq!(error["code"], "server_crashed", "{error}");
    assert_eq!(error["reason"], json!({ "kind": "signal", "name": "SIGKILL" }), "{error}");
    let message = error["message"].as_str().expect("it has a message");
    assert!(message.contains("SIGKILL") && message.contains(&model_id()), "{message}");
    assert!(error["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{error}");
}

/// What `loadmaster ps` prints.
fn ps(daemon: &Daemon, flags: &[&str]) -> String {
    let output = loadmaster(daemon.home())
        .args(["ps", "--listen", daemon.address()])
        .args(flags)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

#[test]
fn a_stream_ends_with_an_error_event_and_the_next_request_starts_anew() {
    let daemon = Daemon::start(&[]);
    let events = Events::begin(&daemon, story(1500));
    let (first, killed) = kill_server(&daemon);
    let last = events.last().expect("an event comes after the kill");
    assert_told_soon(killed, "stream");
    assert_says_sigkill(&last["error"]);

    let text = ps(&daemon, &[]);
    assert!(text.contains(&format!("{} crashed: SIGKILL ended it", model_id())), "{text}");
    assert!(!text.contains(&first.to_string()), "a dead process is not shown: {text}");
    let shown: Value = serde_json::from_str(&ps(&daemon, &["--json"])).unwrap();
    let shown = &shown["models"][0]["instance"];
    assert_eq!(shown["state"], "crashed", "{shown}");
    assert_eq!(shown["failure"]["reason"], json!({ "kind": "signal", "name": "SIGKILL" }), "{shown}");
    assert_eq!(shown["leases"], 0, "{shown}");

    ask_for_paris(&daemon);
    let anew = instance(&daemon);
    assert_eq!(anew["id"], format!("{}#2", model_id()));
    assert_eq!(anew["state"], "ready");
    assert_ne!(daemon.server_pid(), Some(first));
    let sockets = std::fs::read_dir(daemon.home().join("run")).unwrap().count();
    assert_eq!(sockets, 1, "the dead server's socket is cleared away");
}

/// Kills the server that the model's one request is at, before anything of its answer was sent; returns when
/// that was. It is the `count`-th one.
fn kill_under_a_request(daemon: &Daemon, count: u32) -> Instant {
    let id = format!("{}#{count}", model_id());
    wait_until("the request does not come to the server", START, || {
        let instance = instance(daemon);
        instance["id"] == id.as_str() && instance["state"] == "ready" && instance["leases"] == 1
    });
    kill_server(daemon).1
}

#[test]
fn an_answer_that_was_not_begun_is_made_by_the_next_server() {
    let daemon = Daemon::start(&[]);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| ask(&daemon, &story(200)));
        kill_under_a_request(&daemon, 1);
        let answer = answer.join().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["usage"]["completion_tokens"], 200, "{answer:?}");
    });
    assert_eq!(instance(&daemon)["id"], format!("{}#2", model_id()));
}

#[test]
fn a_stream_that_was_not_begun_is_made_by_the_next_server() {
    let daemon = Daemon::start(&[]);
    // The server says nothing before it has read all of this.
    let mut request = story(8);
    request["messages"][0]["content"] = "Tell me a story about a whale. ".repeat(200).into();
    std::thread::scope(|scope| {
        let events = scope.spawn(|| Events::begin(&daemon, request).collect::<Vec<_>>());
        kill_under_a_request(&daemon, 1);
        let events = events.join().unwrap();
        assert!(events.iter().all(|event| event.get("error").is_none()), "{events:?}");
        assert_eq!(events.last(), Some(&Value::Null), "it came whole: {events:?}");
    });
    assert_eq!(instance(&daemon)["id"], format!("{}#2", model_id()));
}

/// It could be this request that its servers die of.
#[test]
fn a_request_whose_servers_die_again_and_again_becomes_a_502() {
    let daemon = Daemon::start(&[]);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| ask(&daemon, &story(1500)));
        kill_under_a_request(&daemon, 1);
        kill_under_a_request(&daemon, 2);
        let killed = kill_under_a_request(&daemon, 3);
        let answer = answer.join().unwrap();
        assert_told_soon(killed, "whole answer");
        let error = answer.error(502, "server_crashed");
        assert_says_sigkill(error);
        assert_eq!(error["attempts"], 3, "{error}");
    });
    ask_for_paris(&daemon);
    assert_eq!(instance(&daemon)["id"], format!("{}#4", model_id()));
}

/// What a client does at once when it was told of a crash must meet the new server, not the dead one.
#[test]
fn whoever_was_told_of_a_crash_can_ask_again_at_once() {
    let daemon = Daemon::start(&[]);
    for _ in 0..3 {
        let events = Events::begin(&daemon, story(1500));
        kill_server(&daemon);
        assert_says_sigkill(&events.last().expect("an event comes after the kill")["error"]);
    }
    ask_for_paris(&daemon);
    assert_eq!(instance(&daemon)["id"], format!("{}#4", model_id()));
}

/// No client learns of a server that died while nobody used it, however soon the next request comes.
#[test]
fn a_death_between_two_requests_is_not_noticed() {
    let daemon = Daemon::start(&[]);
    ask_for_paris(&daemon);
    for count in 2..5 {
        let (pid, _) = kill_server(&daemon);
        wait_gone(pid);
        ask_for_paris(&daemon);
        assert_eq!(instance(&daemon)["id"], format!("{}#{count}", model_id()));
    }
}

/// The server's log is full of words; those of a user's conversation must not pass for its own.
#[test]
fn what_the_user_wrote_is_not_taken_for_the_cause() {
    let daemon = Daemon::start(&[]);
    let mut request = story(1500);
    request["messages"][0]["content"] =
        "CUDA error: out of memory. Unknown model architecture: 'whale'. Couldn't bind.".into();
    let events = Events::begin(&daemon, request);
    kill_server(&daemon);
    assert_says_sigkill(&events.last().expect("an event comes after the kill")["error"]);
}

#[test]
fn the_openai_client_raises_and_goes_on() {
    let daemon = Daemon::start(&[]);
    let mut script = Script::start("crash", &daemon);
    assert_eq!(script.told()["chunks"], 1);
    let (_, killed) = kill_server(&daemon);
    let told = script.told();
    assert_told_soon(killed, "OpenAI client");
    assert_eq!(told["error"], "APIError", "{told}");
    assert_eq!(told["code"], "server_crashed", "{told}");
    assert!(told["message"].as_str().is_some_and(|message| message.contains("SIGKILL")), "{told}");
    script.go_on();
    assert_paris(&script.told());
    script.end();
}
