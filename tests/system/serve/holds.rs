//! Memory that is held for other programs, and budgets that change.

use std::time::Duration;

use reqwest::blocking::Response;
use serde_json::{Value, json};

use super::{
    client::{Answer, Events, ask, ask_for_paris, client, model_id, question, story},
    swaps::{daemon_for_one_of_two, state},
};
use crate::support::{Daemon, loadmaster, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

fn url(daemon: &Daemon, path: &str) -> String {
    format!("{}/api/v1/{path}", daemon.url)
}

/// A little more than half of this machine's memory, in bytes: there is none for two that have so much.
pub(crate) fn more_than_half() -> u64 {
    let home = tempfile::tempdir().expect("a folder for the test");
    let output = loadmaster(home.path()).args(["probe", "--json"]).output().expect("the command starts");
    let probed: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let memory = |name: &str| probed["now"]["memory"][name].as_u64().expect("a number of bytes");
    let (half, available) = (memory("total") / 100 * 53, memory("available"));
    assert!(
        available > half + (1 << 30),
        "this test needs more than half of the machine's memory: {available}"
    );
    half
}

/// A daemon whose model may keep so many old prompts that it takes more than half of the machine, as far as
/// is known before any are kept.
pub(crate) fn daemon_of_more_than_half() -> Daemon {
    Daemon::start(&["--turn", "1", "--prompt-cache", &more_than_half().to_string()])
}

fn take(daemon: &Daemon, body: &Value) -> Answer {
    Answer::to(client().post(url(daemon, "holds")).json(body))
}

#[test]
fn a_hold_moves_a_model_out_and_it_comes_back() {
    let daemon = daemon_of_more_than_half();
    ask_for_paris(&daemon);
    let held = take(&daemon, &json!({ "devices": { "host": more_than_half() }, "note": "training" }));
    assert_eq!((held.status, &held.body["granted"]), (201, &json!(true)), "{held:?}");
    assert_eq!(daemon.model()["instance"]["state"], "stopped", "it made room");
    let id = held.body["id"].as_str().expect("it has a name").to_owned();
    let listed = Answer::to(client().get(url(&daemon, "holds"))).body;
    assert_eq!(listed["holds"][0]["note"], "training", "{listed}");
    // Who asks meanwhile waits, and is not turned away for good.
    let mut brief = question();
    brief["max_tokens"] = 1.into();
    let asked = client().post(super::client::chat_url(&daemon)).header("x-loadmaster-wait", "1").json(&brief);
    Answer::to(asked).error(503, "waited_too_long");

    let ended = client().delete(url(&daemon, &format!("holds/{id}"))).send().expect("Loadmaster answers");
    assert_eq!(ended.status().as_u16(), 204);
    wait_until("it comes back by itself", PATIENCE, || daemon.model()["instance"]["state"] == "ready");
    ask_for_paris(&daemon);
    Answer::to(client().delete(url(&daemon, &format!("holds/{id}")))).error(404, "hold_not_found");
}

#[test]
fn what_cannot_be_held_is_refused_at_once() {
    let daemon = Daemon::start(&[]);
    let devices = |name: &str, size: Value| json!({ "devices": { name: size } });
    let refused = take(&daemon, &devices("host", (1_u64 << 50).into()));
    let error = refused.error(503, "insufficient_memory");
    assert_eq!(error["devices"][0]["needed"], 1_u64 << 50, "{error}");
    take(&daemon, &devices("gpu99", "1 GiB".into())).error(404, "device_not_found");
    for bad in [devices("host", "lots".into()), devices("host", 0.into()), json!({}), json!([])] {
        take(&daemon, &bad).error(400, "invalid_body");
    }
    let query = client().post(url(&daemon, "holds?while=awake")).json(&devices("host", 1.into()));
    Answer::to(query).error(400, "invalid_query");
    Answer::to(client().delete(url(&daemon, "holds/x"))).error(404, "hold_not_found");
    let page = client().get(format!("{}/metrics", daemon.url)).send().and_then(Response::text);
    assert!(page.expect("figures").contains("# TYPE loadmaster_held_bytes gauge"));
}

#[test]
fn a_hold_ends_with_its_time() {
    let daemon = Daemon::start(&[]);
    let held = take(&daemon, &json!({ "devices": { "host": "1 MiB" }, "ttl_seconds": 1 }));
    assert_eq!(held.status, 201, "{held:?}");
    wait_until("its time is over", PATIENCE, || daemon.status()["holds"] == json!([]));
}

#[test]
fn a_smaller_budget_lets_the_busy_finish_and_a_larger_one_brings_them_back() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    let set = |budgets: Value| Answer::to(client().put(url(&daemon, "budgets")).json(&budgets));
    let events = Events::begin(&daemon, story(200));
    let smaller = set(json!({ "host": "50 MiB" }));
    assert_eq!((smaller.status, &smaller.body), (200, &json!({ "host": "50 MiB" })));
    assert_eq!(events.last(), Some(Value::Null), "its answer came whole");
    wait_until("it is moved away", PATIENCE, || state(&daemon, &model_id()).as_deref() == Some("stopped"));
    ask(&daemon, &question()).error(503, "insufficient_memory");
    set(json!({ "host": "100 %" }));
    wait_until("it comes back", PATIENCE, || state(&daemon, &model_id()).as_deref() == Some("ready"));
    ask_for_paris(&daemon);
    set(json!({ "gpu99": "1 GiB" })).error(404, "device_not_found");
    set(json!({ "host": "lots" })).error(400, "invalid_body");
    let now = Answer::to(client().get(url(&daemon, "budgets"))).body;
    assert_eq!(now, json!({ "host": "100 %" }), "nothing was changed by what was refused");
}
