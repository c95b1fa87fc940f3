//! Servers and connections that fail.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    fake_hub::{FakeHub, Fault, Reply, Request},
    inspect, smollm2, smollm2_inspected,
};

fn hub(change: impl Fn(Reply, &Request) -> Reply + Send + Sync + 'static) -> FakeHub {
    FakeHub::start(move |request| change(Reply::range(&smollm2(), request), request))
}

const LOOK_FOR_ANOTHER: &str =
    "The file on the server is incomplete, or the server says a wrong length: look for another copy.";

const WHOLE: &str =
    "The server, or a proxy on the way, is at fault: download the file as a whole and name the copy.";

/// A hub that says the file has `length` bytes.
fn says(length: u64) -> FakeHub {
    hub(move |reply, request| {
        let (first, last) = request.range().expect("a range is asked for");
        let last = last.min(length - 1);
        let count = (last + 1).saturating_sub(first);
        let reply = reply.header("content-range", &format!("bytes {first}-{last}/{length}"));
        reply.header("content-length", &count.to_string())
    })
}

#[test]
fn a_length_that_ends_in_the_header_is_an_incomplete_file() {
    let hub = says(100_000);
    let ended = inspect(hub.url("/a.gguf"), &[]);
    let why = "the file ends within its header: it has 100000 bytes, the header takes at least ";
    let start = format!("error: {} cannot be used: {why}", hub.url("/a.gguf"));
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
    assert!(ended.stderr.ends_with(&format!("\n  help: {LOOK_FOR_ANOTHER}\n")), "{}", ended.stderr);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_length_that_ends_in_the_data_is_told_after_the_header() {
    let whole = smollm2().metadata().expect("it is there").len();
    let hub = says(whole - 1000);
    let ended = inspect(hub.url("/a.gguf"), &[]);
    let why = format!("the file is incomplete: it has {} bytes of {whole}", whole - 1000);
    let cause = format!("error: {} cannot be used: {why}\n  help: {LOOK_FOR_ANOTHER}\n", hub.url("/a.gguf"));
    assert_eq!((ended.code, ended.stderr), (Some(1), cause));
    assert!(ended.stdout.contains("\narchitecture      llama\n"), "{}", ended.stdout);
}

#[test]
fn a_length_that_is_too_long_hides_nothing_of_the_header() {
    let whole = smollm2().metadata().expect("it is there").len();
    let told = inspect(says(whole + 1_000_000).url("/a.gguf"), &["--json"]).json();
    let mut expected = smollm2_inspected();
    expected["facts"]["file_bytes"] = (whole + 1_000_000).into();
    assert_eq!(told, expected);
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    let hub = hub(|reply, _| reply.header("content-length", "1000"));
    let cause = format!("{} says two lengths that differ: 65536 and 1000 bytes", hub.url("/a.gguf"));
    inspect(hub.url("/a.gguf"), &[]).failed(1, &cause, WHOLE);
}

#[test]
fn a_length_that_changes_is_another_file() {
    let asked = AtomicUsize::new(0);
    let hub = hub(move |reply, request| {
        let (first, last) = request.range().expect("a range is asked for");
        let length = 50_000_000 + asked.fetch_add(1, Ordering::SeqCst);
        reply.header("content-range", &format!("bytes {first}-{last}/{length}"))
    });
    let cause = format!("{} changed while it was read", hub.url("/a.gguf"));
    let remedy = "Try again; the file may have been replaced just now.";
    inspect(hub.url("/a.gguf"), &[]).failed(1, &cause, remedy);
}

#[test]
fn a_range_that_was_not_asked_for_is_refused() {
    let hub = hub(|reply, _| reply.header("content-range", "bytes 7-65542/98334208"));
    let cause =
        format!("{} was asked for bytes from 0 on and answered with a range from 7 on", hub.url("/a.gguf"));
    inspect(hub.url("/a.gguf"), &[]).failed(1, &cause, WHOLE);
    let hub = FakeHub::start(|_| Reply::text(416, "").header("content-range", "bytes */98334208"));
    let cause = format!(
        "{} was asked for bytes from 0 on and answered with a range none of the file (416)",
        hub.url("/a")
    );
    inspect(hub.url("/a"), &[]).failed(1, &cause, WHOLE);
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let answers = AtomicUsize::new(0);
    let hub = hub(move |reply, _| match answers.fetch_add(1, Ordering::SeqCst) {
        0 => reply.fails(30_001, Fault::Cut),
        2 => reply.fails(0, Fault::Cut),
        _ => reply,
    });
    assert_eq!(inspect(hub.url("/a.gguf"), &["--json"]).json(), smollm2_inspected());
    assert_eq!(hub.requests()[1].range(), Some((30_001, 65_535)));
}

#[test]
fn a_server_without_ranges_that_breaks_is_read_again() {
    let answers = AtomicUsize::new(0);
    let hub = FakeHub::start(move |_| {
        let whole = Reply::whole(&smollm2());
        if answers.fetch_add(1, Ordering::SeqCst) == 0 { whole.fails(777_777, Fault::Cut) } else { whole }
    });
    assert_eq!(inspect(hub.url("/a.gguf"), &["--json"]).json(), smollm2_inspected());
    assert_eq!(hub.requests().len(), 2);
}

#[test]
fn a_connection_that_always_breaks_is_given_up() {
    let hub = hub(|reply, _| reply.fails(1000, Fault::Cut));
    let cause = format!("The connection to {} broke after 3000 bytes of 65536", hub.url("/a.gguf"));
    inspect(hub.url("/a.gguf"), &[]).failed(1, &cause, "Check the network, then try again.");
}

#[test]
fn a_server_that_falls_silent_is_not_waited_for() {
    for silent_after in [0, 40_000] {
        let hub = hub(move |reply, _| reply.fails(silent_after, Fault::Stall));
        let cause = format!("{} sent nothing for 1 s", hub.url("/a.gguf"));
        let ended = inspect(hub.url("/a.gguf"), &["--stall-timeout", "1"]);
        ended.failed(1, &cause, "Check the network, then try again.");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let hub = FakeHub::start(|request| match request.path.as_str() {
        "/busy" => Reply::text(503, "busy"),
        _ => Reply::text(404, "Entry not found"),
    });
    let remedy = "Check the address: the name of the file and of its branch must be right.";
    inspect(hub.url("/a.gguf?b"), &[]).failed(4, &format!("There is no file {}", hub.url("/a.gguf")), remedy);
    let cause = format!("{} was answered with 503", hub.url("/busy"));
    inspect(hub.url("/busy"), &[]).failed(1, &cause, "The trouble is the server's: try again later.");

    // A port that was free a moment ago.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let ended = inspect(format!("http://{nobody}/a.gguf"), &[]);
    let start = format!("error: {nobody} cannot be reached: ");
    assert!(ended.stderr.starts_with(&start) && ended.code == Some(1), "{}", ended.stderr);
    let remedy = "Write the address like https://host/path/model.gguf.";
    let cause = "https://:1/a is not an address to fetch: empty host";
    inspect("https://:1/a", &[]).failed(2, cause, remedy);
}
