//! What the panel asks for, of a real server: memory by model, logs, settings; and the commands that do the same.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, client, model_id};
use crate::support::{Daemon, loadmaster, wait_until};

fn get(daemon: &Daemon, path: &str) -> Value {
    Answer::to(client().get(format!("{}{path}", daemon.url))).body
}

fn send(daemon: &Daemon, method: Method, path: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, format!("{}{path}", daemon.url)).body(body.to_string()))
}

/// What a command that asks `daemon` prints.
fn printed(daemon: &Daemon, arguments: &[&str]) -> String {
    let mut command = loadmaster(daemon.home());
    let output = command.args(arguments).args(["--listen", daemon.address()]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn memory_is_told_by_model_and_adds_up() {
    let daemon = Daemon::start(&[]);
    let model = model_id();
    let context = || daemon.model()["instance"]["plan"]["settings"]["context_length"].clone();
    printed(&daemon, &["start", &model]);
    assert_eq!(context(), 2048);
    let system = get(&daemon, "/api/v1/system");
    let host = &system["memory"]["devices"][0];
    let bytes = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {host}"));
    let ours = &host["ours"][0];
    assert_eq!(ours["model"], model.as_str());
    assert!(bytes(&ours["resident"]) > 80 << 20, "{ours}");
    assert!(bytes(&ours["resident"]) < 2 * bytes(&ours["reserved"]), "{ours}");
    let sum = bytes(&ours["resident"])
        + bytes(&host["other"])
        + bytes(&host["free"])
        + bytes(&host["not_returned"]);
    assert_eq!(sum, bytes(&host["total"]));

    // The same model in another way, as the panel and as the command start it.
    let plan: Value =
        serde_json::from_str(&printed(&daemon, &["plan", &model, "--ctx", "512", "--json"])).expect("JSON");
    assert_eq!(plan["plan"]["context_length"], 512);
    assert_eq!(context(), 2048);
    printed(&daemon, &["start", &model, "--ctx", "512"]);
    assert_eq!(context(), 512);
    let path = format!("/api/v1/instances/{model}?wait=true");
    let started = send(&daemon, Method::POST, &path, &json!({ "settings": { "context_length": 1024 } }));
    assert_eq!((started.status, context()), (200, json!(1024)));
}

#[test]
fn logs_are_shown_by_level_and_followed() {
    let daemon = Daemon::start(&[]);
    let model = model_id();
    let mut follow = loadmaster(daemon.home())
        .args(["logs", &model, "--follow", "--json", "--listen", daemon.address()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(follow.stdout.take().expect("it is piped")).lines();
    printed(&daemon, &["start", &model]);
    let found = lines.by_ref().any(|line| line.expect("it prints").contains("load_model: loading model"));
    assert!(found, "the server's log is followed");
    follow.kill().expect("it still follows");
    follow.wait().expect("it is reaped");

    let all = get(&daemon, &format!("/api/v1/logs/{model}"));
    let all = all["lines"].as_array().expect("lines");
    let source = daemon.model()["instance"]["id"].clone();
    assert!(all.iter().all(|line| line["source"] == source && line["model"] == model.as_str()));
    let levels = |level: &str| all.iter().filter(|line| line["level"] == level).count();
    assert!(levels("info") > 50 && levels("warn") > 0, "{} of {}", levels("warn"), all.len());
    let warned = printed(&daemon, &["logs", &model, "--level", "warn"]);
    assert_eq!(warned.lines().count(), levels("warn") + levels("error"), "{warned}");
}

#[test]
fn events_are_followed_and_begin_where_one_says() {
    let daemon = Daemon::start(&[]);
    let model = model_id();
    let follow = |arguments: &[&str]| {
        let mut command = loadmaster(daemon.home());
        command.args(["events", "--listen", daemon.address()]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        (child, lines.map(|line| line.expect("it prints")))
    };
    let (mut json, lines) = follow(&["--json"]);
    let mut told = lines.map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
    let first = told.next().expect("a snapshot comes first");
    assert_eq!(first["event"], "snapshot");
    printed(&daemon, &["start", &model]);
    let ready = told.find(|told| told["data"]["state"] == "ready").expect("it became ready");
    assert!(ready["data"]["at_ms"].as_u64() > Some(1_700_000_000_000), "{ready}");
    json.kill().expect("it still follows");
    json.wait().expect("it is reaped");

    let (mut again, mut lines) = follow(&["--since", &first["id"].to_string()]);
    let line = lines.next().expect("it goes on after the snapshot");
    assert!(line.contains("Z  reserved ") && line.contains(&format!("  {model}#1  ")), "{line}");
    assert!(lines.any(|line| line.contains("Z  ready ")), "it tells all that followed");
    again.kill().expect("it still follows");
    again.wait().expect("it is reaped");
}

#[test]
fn settings_change_while_it_runs_and_say_where_they_come_from() {
    let daemon = Daemon::start(&["--turn", "7"]);
    let setting = |name: &str| {
        let settings = get(&daemon, "/api/v1/settings");
        let found =
            settings["settings"].as_array().and_then(|all| all.iter().find(|one| one["name"] == name));
        found.cloned().unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!((&setting("turn")["value"], &setting("turn")["from"]), (&json!(7), &json!("command")));
    assert_eq!(setting("drain")["from"], "default");
    let shown = printed(&daemon, &["settings", "drain=3", "hang=0"]);
    assert!(shown.lines().any(|line| line.starts_with("drain ") && line.contains(" 3 ")), "{shown}");
    assert_eq!((&setting("drain")["value"], &setting("drain")["from"]), (&json!(3), &json!("changed")));
    let refused =
        send(&daemon, Method::PUT, "/api/v1/settings", &json!({ "turn": 1, "listen": "0.0.0.0:1" }));
    assert_eq!((refused.status, &refused.body["error"]["code"]), (409, &json!("needs_restart")));
    let wrong = send(&daemon, Method::PUT, "/api/v1/settings", &json!({ "turn": "soon" }));
    assert_eq!(wrong.status, 400);
    assert_eq!(setting("turn")["value"], 7);
    // What the file says holds again when it was read.
    std::fs::write(daemon.home().join("config.toml"), "drain = 11\n").expect("the file is written");
    wait_until("the file is read", Duration::from_secs(10), || setting("drain")["value"] == 11);
    assert_eq!(setting("drain")["from"], "file");
}
