//! Clients that go away in the middle of an answer.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::blocking::Client;
use serde_json::Value;

use super::{
    client::{Answer, Events, instance, story},
    openai_client::{Script, assert_paris},
};
use crate::support::{Daemon, wait_until};

/// Generous: it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether a slot is free. A stream's next token finds that its client is gone.
const STREAMED: Duration = Duration::from_millis(50);

/// While it makes an answer that is not streamed, llama-server looks after each second in which it had nothing
/// else to answer: who asks more often than that keeps it from looking.
const NOT_STREAMED: Duration = Duration::from_millis(1500);

/// Whether the server's only slot works on an answer, as the server itself says.
fn is_working(daemon: &Daemon) -> bool {
    let endpoint = instance(daemon)["endpoint"].as_str().expect("it runs").to_owned();
    let socket = endpoint.strip_prefix("unix:").expect("it listens on a socket");
    let client = Client::builder().no_proxy().unix_socket(socket).build().expect("a client");
    let slots = Answer::to(client.get("http://localhost/slots"));
    let [slot] = slots.body.as_array().expect("a list").as_slice() else { panic!("{slots:?}") };
    slot["is_processing"].as_bool().expect("it says whether it works")
}

/// Waits until the request that was cancelled is over, for Loadmaster and for the server, which is asked
/// every so often.
#[expect(clippy::print_stdout, reason = "a measured time belongs to the test's output")]
fn assert_over(daemon: &Daemon, what: &str, look_every: Duration) {
    let cancelled = Instant::now();
    wait_until("the lease is still held", PATIENCE, || instance(daemon)["leases"] == 0);
    let returned = cancelled.elapsed();
    wait_until("the slot still works", PATIENCE, || {
        let free = !is_working(daemon);
        if !free {
            std::thread::sleep(look_every);
        }
        free
    });
    println!("{what}: lease back after {returned:?}, slot free after {:?}", cancelled.elapsed());
}

#[test]
fn a_closed_stream_frees_its_lease_and_its_slot() {
    let daemon = Daemon::start(&[]);
    let mut script = Script::start("cancel", &daemon);
    assert_eq!(script.told()["chunks"], 3);
    assert_eq!(instance(&daemon)["leases"], 1);
    assert!(is_working(&daemon));
    let pid = daemon.server_pid();
    script.go_on();
    assert_eq!(script.told()["closed"], true);
    assert_over(&daemon, "closed stream", STREAMED);
    script.go_on();
    assert_paris(&script.told());
    script.end();
    assert_eq!(daemon.server_pid(), pid, "the server is the same");
}

#[test]
fn a_client_that_runs_out_of_patience_frees_its_lease_and_its_slot() {
    let daemon = Daemon::start(&[]);
    // The model is loaded before, so that the client's patience ends within the answer.
    Events::begin(&daemon, story(2)).for_each(drop);
    let mut script = Script::start("time_out", &daemon);
    assert_eq!(script.told()["error"], "APITimeoutError");
    assert_over(&daemon, "client that timed out", NOT_STREAMED);
    script.go_on();
    assert_paris(&script.told());
    script.end();
}

/// Sends a request whose answer nobody will read; dropping the connection gives it up.
fn ask_and_hold(daemon: &Daemon) -> TcpStream {
    let mut connection = TcpStream::connect(daemon.address()).expect("it listens");
    let body = story(1500).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        daemon.address(),
        body.len()
    );
    connection
        .write_all(head.as_bytes())
        .and_then(|()| connection.write_all(body.as_bytes()))
        .expect("it reads");
    connection
}

#[test]
fn a_client_that_goes_while_the_model_loads_is_forgotten() {
    let daemon = Daemon::start(&[]);
    let connection = ask_and_hold(&daemon);
    wait_until("nothing is loaded", PATIENCE, || instance(&daemon)["state"] == "starting");
    drop(connection);
    // What is being loaded is loaded: somebody may ask again.
    wait_until("the model is not loaded", PATIENCE, || instance(&daemon)["state"] == "ready");
    assert_over(&daemon, "client that went while the model loaded", NOT_STREAMED);
    assert_eq!(daemon.model()["waiting"], Value::from(0));
}

#[test]
fn nothing_is_loaded_for_a_client_that_went_before() {
    let daemon = Daemon::start(&[]);
    let connection = ask_and_hold(&daemon);
    // The server is being asked what the plan takes, which is long before it is started.
    wait_until("nobody waits", PATIENCE, || daemon.model()["waiting"] == 1);
    drop(connection);
    wait_until("it is still counted", PATIENCE, || daemon.model()["waiting"] == 0);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(instance(&daemon), Value::Null);
}
