//! The configuration changes while all goes on.

use std::{fs, path::Path, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    client::{self, Answer, Events, ask_for_paris, question, story},
    control::Told,
    process::send,
};
use crate::{
    command::{Ended, ended},
    support::{Daemon, loadmaster, smollm2, wait_until},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// `[models.NAME]` with the real model.
fn section(name: &str, settings: &str) -> String {
    let file = smollm2();
    let file = file.display();
    format!("[models.{name}]\nfile = '{file}'\n[models.{name}.settings]\ncontext_length = 2048\n{settings}\n")
}

/// Puts a new file in the place of the old one, as editors do.
fn edit(home: &Path, text: &str) {
    let new = home.join("config.toml.new");
    fs::write(&new, text).expect("the home is ours");
    fs::rename(new, home.join("config.toml")).expect("the home is ours");
}

/// A daemon that serves `SmolLM2` by its command line, and what `text` says.
fn daemon(text: &str, arguments: &[&str]) -> Daemon {
    let home: TempDir = tempfile::tempdir().expect("a folder for the test");
    edit(home.path(), text);
    Daemon::start_in(home, arguments)
}

fn reload(daemon: &Daemon, arguments: &[&str]) -> Ended {
    // The command reads a configuration too: a wrong one would keep it from asking.
    let home = tempfile::tempdir().expect("a folder for the test");
    let mut command = loadmaster(home.path());
    ended(command.args(["reload", "--listen", daemon.address()]).args(arguments))
}

/// What `GET /api/v1/instances` says of a model, if it is served.
fn model(daemon: &Daemon, name: &str) -> Option<Value> {
    let status = daemon.status();
    let models = status["models"].as_array().expect("it is a list");
    models.iter().find(|model| model["id"] == name).cloned()
}

fn instance(daemon: &Daemon, name: &str) -> Value {
    model(daemon, name).expect("it is served")["instance"].clone()
}

/// Asks `name` the question that has one right answer.
fn ask(daemon: &Daemon, name: &str) -> Answer {
    let mut question = question();
    question["model"] = name.into();
    client::ask(daemon, &question)
}

fn assert_whole(events: Events) {
    let rest: Vec<Value> = events.collect();
    assert_eq!(rest.last(), Some(&Value::Null), "[DONE] comes last");
    assert!(rest.iter().all(|event| event.get("error").is_none()), "{rest:?}");
}

/// The next event of that name.
fn told(events: &mut Told, name: &str) -> Value {
    events.find(|(told, ..)| told == name).expect("the stream goes on").2
}

#[test]
fn a_change_of_one_model_leaves_another_one_in_the_middle_of_its_answer() {
    let daemon = daemon(&section("other", ""), &[]);
    let first = ask(&daemon, "other");
    assert!(first.text().contains("Paris"), "{first:?}");
    let answering = Events::begin(&daemon, story(600));
    let pid = daemon.server_pid();
    edit(daemon.home(), &section("other", "parallel = 1"));
    wait_until("it is not loaded anew", PATIENCE, || {
        let other = instance(&daemon, "other");
        other["state"] == "ready" && other["plan"]["settings"]["parallel"] == 1
    });
    assert!(ask(&daemon, "other").text().contains("Paris"));
    edit(daemon.home(), "");
    wait_until("it is still there", PATIENCE, || model(&daemon, "other").is_none());
    ask(&daemon, "other").error(404, "model_not_found");
    edit(daemon.home(), &section("another", ""));
    wait_until("it is not there", PATIENCE, || model(&daemon, "another").is_some());
    assert!(ask(&daemon, "another").text().contains("Paris"));
    assert_whole(answering);
    assert_eq!(daemon.server_pid(), pid, "nobody touched it");
}

#[test]
fn a_model_that_is_taken_away_finishes_its_answer() {
    let daemon = daemon(&section("other", "parallel = 1"), &[]);
    let mut long = story(300);
    long["model"] = "other".into();
    let answering = Events::begin(&daemon, long);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&daemon, "other"));
        wait_until("it does not wait", PATIENCE, || {
            model(&daemon, "other").is_some_and(|other| other["waiting"] == 1)
        });
        edit(daemon.home(), "");
        assert_eq!(reload(&daemon, &["--json"]).json()["kept"], json!([client::model_id()]));
        waiting.join().expect("it is answered").error(404, "model_removed");
    });
    assert_whole(answering);
    wait_until("its server still runs", PATIENCE, || model(&daemon, "other").is_none());
}

#[test]
fn what_comes_to_the_same_plan_is_not_touched() {
    let daemon = daemon(&section("other", ""), &[]);
    ask(&daemon, "other").text();
    let before = instance(&daemon, "other");
    let threads = before["plan"]["settings"]["threads"].as_u64().expect("it is resolved");
    edit(daemon.home(), &section("other", &format!("threads = {threads}")));
    let mut command = reload(&daemon, &["--json"]).json();
    if command["changed"] == json!([]) {
        // The change was seen before the command came.
        command["changed"] = command["kept"].take();
    }
    assert!(command["changed"].as_array().is_some_and(|all| all.contains(&json!("other"))), "{command}");
    // Rules do not touch it either.
    let pinned =
        section("other", "").replace("[models.other.settings]", "pinned = true\n[models.other.settings]");
    edit(daemon.home(), &pinned);
    reload(&daemon, &[]).printed();
    ask(&daemon, "other").text();
    assert_eq!(instance(&daemon, "other")["id"], before["id"]);
    assert_eq!(instance(&daemon, "other")["pid"], before["pid"]);
}

#[test]
fn a_wrong_file_changes_nothing_and_is_told() {
    let right = section("other", "");
    let daemon = daemon(&right, &[]);
    let mut events = Told::listen(&daemon, None);
    let file = daemon.home().join("config.toml");
    for (wrong, cause) in [
        ("[models.other", "in line 1, unclosed table, expected `]`"),
        ("lisen = 1", "in line 1, unknown field `lisen`"),
        ("[models.other]\nfile = 'nowhere.gguf'", "There is no file "),
        ("[backends.lama]\nx = 1", "there is no such backend"),
    ] {
        edit(daemon.home(), wrong);
        let failed = told(&mut events, "reload-failed");
        assert!(failed["cause"].as_str().is_some_and(|told| told.contains(cause)), "{failed}");
        let refused = reload(&daemon, &[]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(cause) && refused.stderr.contains("help: "), "{}", refused.stderr);
        told(&mut events, "reload-failed");
    }
    edit(daemon.home(), &right.replace("2048", "2048\nthreds = 2"));
    assert!(reload(&daemon, &[]).stderr.contains("has no setting 'threds'"));
    fs::remove_file(&file).expect("it is ours");
    assert!(reload(&daemon, &[]).stderr.contains("is gone"));
    ask_for_paris(&daemon);
    assert!(ask(&daemon, "other").text().contains("Paris"));
    edit(daemon.home(), &format!("listen = '127.0.0.1:1'\nwait = 7\nresume = true\n{right}"));
    let reloaded = told(&mut events, "reloaded");
    assert_eq!(reloaded["kept"], json!([client::model_id(), "other"]));
    // The address was given on the command line, which comes before the file.
    let shown = reload(&daemon, &[]).printed();
    assert!(shown.ends_with("\n  holds after a restart: resume\n"), "{shown}");
}

#[test]
fn a_hangup_reads_it_again() {
    let daemon = daemon(&section("other", ""), &[]);
    let mut events = Told::listen(&daemon, None);
    events.next().expect("a snapshot comes first");
    send(daemon.pid(), Signal::HUP);
    let reloaded = told(&mut events, "reloaded");
    let all = json!([client::model_id(), "other"]);
    assert_eq!((&reloaded["kept"], &reloaded["changed"]), (&all, &json!([])));
}

#[test]
fn budgets_hold_at_once() {
    let daemon = daemon("", &[]);
    ask_for_paris(&daemon);
    edit(daemon.home(), "[budgets]\nhost = '50 MiB'\n");
    wait_until("it is not moved away", PATIENCE, || daemon.model()["instance"]["state"] == "stopped");
    ask(&daemon, &client::model_id()).error(503, "insufficient_memory");
    edit(daemon.home(), "");
    reload(&daemon, &[]).printed();
    ask_for_paris(&daemon);
}
