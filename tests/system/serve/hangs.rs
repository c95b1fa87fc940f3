//! Servers that live and get nothing done, and slow ones, which are left alone.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    client::{Events, ask, ask_for_paris, instance, model_id, question, story},
    process::{runs, send, wait_gone},
};
use crate::support::{Daemon, wait_until};

/// Far more than it takes until a stopped server is found out: one look, which waits for 5 s.
const PATIENCE: Duration = Duration::from_mins(1);

/// A stopped process has its memory, its connections and its open port, and nothing ever comes of it.
fn stop_server(daemon: &Daemon) -> u32 {
    let pid = daemon.server_pid().expect("the model is loaded");
    send(pid, Signal::STOP);
    pid
}

#[test]
fn a_server_that_hangs_in_an_answer_is_ended_and_the_next_request_starts_it_again() {
    let daemon = Daemon::start(&["--hang", "1"]);
    let events = Events::begin(&daemon, story(1500));
    let hung = stop_server(&daemon);
    let error = events.last().expect("an event comes at the end")["error"].clone();
    assert_eq!(error["code"], "server_crashed", "{error}");
    assert_eq!(error["reason"]["kind"], "hung", "{error}");
    assert!(error["reason"]["seconds"].as_u64().is_some_and(|seconds| seconds >= 1), "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("it hung")), "{error}");
    assert!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains("--hang")), "{error}");
    wait_gone(hung);
    ask_for_paris(&daemon);
    assert_eq!(instance(&daemon)["id"], format!("{}#2", model_id()));
}

#[test]
fn a_server_that_hangs_while_nobody_uses_it_is_found_out_too() {
    let daemon = Daemon::start(&["--hang", "1"]);
    ask_for_paris(&daemon);
    let hung = stop_server(&daemon);
    wait_gone(hung);
    wait_until("its end is not told", PATIENCE, || instance(&daemon)["state"] == "crashed");
    assert_eq!(instance(&daemon)["failure"]["reason"]["kind"], "hung");
    ask_for_paris(&daemon);
}

/// For how long a server is slowed down: longer than a server may hang in the test.
const SLOW: Duration = Duration::from_secs(8);

/// Lets `pid` run for a twentieth of the time, as `cpulimit` does.
fn slow_down(pid: u32) {
    let until = Instant::now() + SLOW;
    while Instant::now() < until && runs(pid) {
        send(pid, Signal::STOP);
        thread::sleep(Duration::from_millis(380));
        send(pid, Signal::CONT);
        thread::sleep(Duration::from_millis(20));
    }
}

/// Hundreds of tokens are one batch: llama-server does not say that it gets on until all are read. Only the
/// time that its process has of the CPUs tells it from one that hangs.
#[test]
fn a_slow_server_is_left_alone() {
    let daemon = Daemon::start(&["--hang", "5", "--parallel", "1"]);
    ask_for_paris(&daemon);
    let pid = daemon.server_pid().expect("the model is loaded");
    let mut request = question();
    let numbers: Vec<String> = (0..150).map(|number| number.to_string()).collect();
    let content = format!("{}. What is the name of France's capital?", numbers.join(", "));
    request["messages"][0]["content"] = content.into();
    let answer = thread::scope(|scope| {
        scope.spawn(|| slow_down(pid));
        ask(&daemon, &request)
    });
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens: &Value = &answer.body["usage"]["prompt_tokens"];
    assert!(tokens.as_u64().is_some_and(|tokens| tokens > 400), "the prompt is short: {answer:?}");
    assert_eq!(daemon.server_pid(), Some(pid));
    assert_eq!(instance(&daemon)["id"], format!("{}#1", model_id()));
}
