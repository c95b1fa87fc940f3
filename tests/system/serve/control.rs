//! States, events, figures: what others build on.

use std::io::{BufRead, BufReader};

use reqwest::blocking::Response;
use serde_json::{Value, json};

use super::client::{Answer, ask_for_paris, client, model_id};
use crate::support::Daemon;

fn get(daemon: &Daemon, path: &str) -> Answer {
    Answer::to(client().get(format!("{}{path}", daemon.url)))
}

/// One figure of `/metrics`.
fn figure(page: &str, name: &str) -> Option<u64> {
    let found = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.map(|value| value.parse().unwrap_or_else(|error| panic!("{error}: {name} {value}")))
}

/// A stream of events: their names, ids and data.
pub(super) struct Told(BufReader<Response>);

impl Told {
    pub(super) fn listen(daemon: &Daemon, last: Option<u64>) -> Self {
        let mut request = client().get(format!("{}/api/v1/events", daemon.url));
        if let Some(id) = last {
            request = request.header("last-event-id", id.to_string());
        }
        Self(BufReader::new(request.send().expect("Loadmaster answers")))
    }
}

impl Iterator for Told {
    type Item = (String, u64, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut name, mut id, mut data) = (String::new(), 0, Value::Null);
        let mut line = String::new();
        while self.0.read_line(&mut line).expect("the stream goes on") > 0 {
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => text.clone_into(&mut name),
                Some(("id", text)) => id = text.parse().expect("ids are numbers"),
                Some(("data", text)) => data = serde_json::from_str(text).expect("data is JSON"),
                _ if !name.is_empty() => return Some((name, id, data)),
                _ => {}
            }
            line.clear();
        }
        None
    }
}

#[test]
fn the_list_of_models_has_their_state() {
    let daemon = Daemon::start(&[]);
    let state = || get(&daemon, "/v1/models").body["data"][0]["loadmaster"].clone();
    assert_eq!(state(), json!({ "kind": "text", "state": "unloaded", "requests": 0, "waiting": 0 }));
    ask_for_paris(&daemon);
    assert_eq!(state()["state"], "ready");
    let one = get(&daemon, &format!("/v1/models/{}", model_id())).body;
    assert_eq!((&one["object"], &one["loadmaster"]["state"]), (&json!("model"), &json!("ready")));
}

#[test]
fn a_model_is_started_told_of_and_counted() {
    let daemon = Daemon::start(&[]);
    let page = || {
        let answer = client().get(format!("{}/metrics", daemon.url)).send().expect("Loadmaster answers");
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        answer.text().expect("the page comes whole")
    };
    assert_eq!(figure(&page(), "loadmaster_models{state=\"unloaded\"}"), Some(1));
    let mut events = Told::listen(&daemon, None);
    let (name, first, snapshot) = events.next().expect("a snapshot comes first");
    assert_eq!((name.as_str(), &snapshot["models"][0]["instance"]), ("snapshot", &Value::Null));

    let url = format!("{}/api/v1/instances/{}?wait=true", daemon.url, model_id());
    let started = Answer::to(client().post(url));
    assert_eq!((started.status, &started.body["instance"]["state"]), (200, &json!("ready")), "{started:?}");
    let told: Vec<_> = events.take_while(|(_, _, data)| data["state"] != "ready").collect();
    let names: Vec<_> = told.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names, ["reserved", "state", "measured"]);
    let ids: Vec<_> = told.iter().map(|(_, id, _)| id - first).collect();
    assert_eq!(ids, [1, 2, 3]);
    let times: Vec<_> = told.iter().filter_map(|(_, _, data)| data["at_ms"].as_u64()).collect();
    assert!(times.len() == 3 && times.is_sorted() && times[0] > 1_700_000_000_000, "{times:?}");
    let (name, id, again) = Told::listen(&daemon, Some(first + 1)).next().expect("it goes on");
    assert_eq!((name.as_str(), id), ("state", first + 2));
    assert_eq!(again["at_ms"], times[1], "who comes back is told when it happened");

    Answer::to(client().post(format!("{}/api/v1/instances/other", daemon.url))).error(404, "model_not_found");
    ask_for_paris(&daemon);
    let page = page();
    for (name, value) in [
        ("models{state=\"ready\"}", 1),
        ("models{state=\"unloaded\"}", 0),
        ("requests_granted_total", 2),
        ("starts_total", 1),
        ("swaps_total", 0),
        ("crashes_total", 0),
    ] {
        assert_eq!(figure(&page, &format!("loadmaster_{name}")), Some(value), "{name}:\n{page}");
    }
    assert!(figure(&page, "loadmaster_reserved_bytes{device=\"host\"}") > Some(100 << 20), "{page}");
    let measured =
        format!("loadmaster_measured_bytes{{model=\"{0}\",instance=\"{0}#1\",device=\"host\"}}", model_id());
    assert!(figure(&page, &measured) > Some(100 << 20), "{page}");
    // Every figure has its help and its type.
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().expect("a line has a name");
        assert!(
            page.contains(&format!("# HELP {name} ")) && page.contains(&format!("# TYPE {name} ")),
            "{name}"
        );
    }
}

#[test]
fn it_says_when_it_is_ready() {
    let daemon = Daemon::start(&[]);
    assert_eq!(get(&daemon, "/readyz").body, json!({ "status": "ready" }));
}
