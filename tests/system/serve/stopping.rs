//! Ends that somebody asked for.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    process::Output,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    client::{Answer, Events, ask, ask_for_paris, chat_url, client, instance, model_id, question, story},
    process::{runs, send, wait_gone},
};
use crate::support::{Daemon, loadmaster, wait_until};

const PATIENCE: Duration = Duration::from_secs(20);

fn stop(daemon: &Daemon, model: &str) -> Output {
    loadmaster(daemon.home())
        .args(["stop", model, "--listen", daemon.address()])
        .output()
        .expect("the command runs")
}

fn loaded() -> (Daemon, u32) {
    let daemon = Daemon::start(&[]);
    ask_for_paris(&daemon);
    let pid = daemon.server_pid().expect("the model is loaded");
    (daemon, pid)
}

/// Expects the rest of an answer, whole.
fn assert_whole(events: Events) {
    let rest: Vec<Value> = events.collect();
    let errors: Vec<&Value> = rest.iter().filter(|event| event.get("error").is_some()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let reasons: Vec<&str> =
        rest.iter().filter_map(|event| event["choices"][0]["finish_reason"].as_str()).collect();
    assert_eq!(reasons, ["length"], "it ends once, with its last token");
    assert_eq!(rest.last(), Some(&Value::Null), "[DONE] comes last");
}

/// Expects that nothing is left of a daemon's servers.
fn assert_nothing_left(daemon: &Daemon) {
    for folder in ["run", "state/children/llama"] {
        let left: Vec<_> = fs::read_dir(daemon.home().join(folder)).expect("it is there").collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

#[test]
fn a_stop_ends_the_process_and_the_next_request_starts_it_again() {
    let (daemon, pid) = loaded();
    let stopped = stop(&daemon, &model_id());
    assert!(stopped.status.success(), "{stopped:?}");
    assert_eq!(String::from_utf8_lossy(&stopped.stdout), format!("stopped {}\n", model_id()));
    assert!(!runs(pid), "it is gone when `stop` returns");
    assert_eq!(instance(&daemon)["state"], "stopped");
    assert_nothing_left(&daemon);
    ask_for_paris(&daemon);
    assert_eq!(instance(&daemon)["state"], "ready");
}

#[test]
fn a_stop_of_what_does_not_run_is_done_and_of_what_is_not_there_is_not_found() {
    let daemon = Daemon::start(&[]);
    let nothing = stop(&daemon, &model_id());
    assert!(nothing.status.success(), "{nothing:?}");
    assert_eq!(instance(&daemon), Value::Null);
    let unknown = stop(&daemon, "whale");
    assert_eq!(unknown.status.code(), Some(4), "{unknown:?}");
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(told.contains("whale") && told.contains(&model_id()), "{told}");
}

#[test]
fn a_stop_lets_the_running_answer_finish() {
    let daemon = Daemon::start(&[]);
    let events = Events::begin(&daemon, story(200));
    let pid = daemon.server_pid().unwrap();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| stop(&daemon, &model_id()));
        wait_until("it does not drain", PATIENCE, || instance(&daemon)["state"] == "draining");
        // Who comes now waits for the next start.
        let late = scope.spawn(|| ask_for_paris(&daemon));
        assert_whole(events);
        assert!(stopping.join().unwrap().status.success());
        assert!(!runs(pid));
        late.join().unwrap();
    });
    assert_eq!(instance(&daemon)["id"], format!("{}#2", model_id()));
}

#[test]
fn a_stop_calls_a_start_off_and_leaves_nothing() {
    let daemon = Daemon::start(&[]);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&daemon, &question()));
        wait_until("it does not start", PATIENCE, || instance(&daemon)["state"] == "starting");
        // The socket is there long before the model is loaded.
        let run = daemon.home().join("run");
        wait_until("there is no socket", PATIENCE, || fs::read_dir(&run).unwrap().count() == 1);
        assert!(stop(&daemon, &model_id()).status.success());
        asked.join().unwrap().error(503, "called_off");
    });
    wait_until("something is left", PATIENCE, || {
        let entries = fs::read_dir(daemon.home().join("state/children/llama")).unwrap().count();
        entries + fs::read_dir(daemon.home().join("run")).unwrap().count() == 0
    });
    ask_for_paris(&daemon);
}

#[test]
fn an_answer_that_outlasts_the_drain_is_cut_and_told_why() {
    let daemon = Daemon::start(&["--drain", "1"]);
    let events = Events::begin(&daemon, story(1500));
    let pid = daemon.server_pid().unwrap();
    let asked = Instant::now();
    let stopped = stop(&daemon, &model_id());
    println!("stop after a drain of 1 s: {:?}", asked.elapsed());
    assert!(stopped.status.success(), "{stopped:?}");
    assert!(!runs(pid));
    assert_eq!(instance(&daemon)["state"], "stopped");
    let last = events.last().expect("an event comes last");
    assert_eq!(last["error"]["code"], "stopped", "{last}");
    ask_for_paris(&daemon);
}

#[test]
fn ctrl_c_while_nothing_is_answered_ends_everything() {
    let (mut daemon, pid) = loaded();
    let sent = Instant::now();
    send(daemon.pid(), Signal::INT);
    let (code, stderr) = daemon.ended();
    println!("Ctrl-C while idle: {:?}", sent.elapsed());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!runs(pid));
    assert_nothing_left(&daemon);
}

#[test]
fn ctrl_c_lets_the_running_answer_finish_and_takes_no_new_request() {
    let mut daemon = Daemon::start(&[]);
    let events = Events::begin(&daemon, story(200));
    let pid = daemon.server_pid().unwrap();
    // This connection was there before, and stays open while another request uses it.
    let kept = client();
    Answer::to(kept.get(format!("{}/healthz", daemon.url)));
    send(daemon.pid(), Signal::INT);
    wait_until("it still takes connections", PATIENCE, || TcpStream::connect(daemon.address()).is_err());
    let refused = kept.post(chat_url(&daemon)).json(&question()).send();
    assert!(refused.is_err(), "{refused:?}");
    assert_whole(events);
    let (code, stderr) = daemon.ended();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!runs(pid));
    assert_nothing_left(&daemon);
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let mut daemon = Daemon::start(&[]);
    let events = Events::begin(&daemon, story(1500));
    let pid = daemon.server_pid().unwrap();
    send(daemon.pid(), Signal::INT);
    wait_until("the first one is not heard", PATIENCE, || TcpStream::connect(daemon.address()).is_err());
    assert!(runs(pid), "it still answers");
    let sent = Instant::now();
    send(daemon.pid(), Signal::INT);
    let (code, stderr) = daemon.ended();
    println!("second Ctrl-C: {:?}", sent.elapsed());
    assert_eq!(code, Some(130), "{stderr}");
    drop(events);
    wait_gone(pid);
}

/// A service manager's SIGTERM, with clients that never finish what they began.
#[test]
fn clients_that_say_nothing_hold_nobody_up() {
    let (mut daemon, pid) = loaded();
    let silent = TcpStream::connect(daemon.address()).unwrap();
    let mut halfway = TcpStream::connect(daemon.address()).unwrap();
    halfway.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n").unwrap();
    // This one has its answer under way, and does not read it.
    let mut deaf = TcpStream::connect(daemon.address()).unwrap();
    let mut request = story(60);
    request["stream"] = true.into();
    let body = request.to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1";
    write!(deaf, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    wait_until("the request does not come through", PATIENCE, || instance(&daemon)["leases"] == 1);
    let sent = Instant::now();
    send(daemon.pid(), Signal::TERM);
    let (code, stderr) = daemon.ended();
    println!("SIGTERM with silent clients: {:?}", sent.elapsed());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!runs(pid));
    drop((silent, halfway, deaf));
}
