//! Two models, and memory for one of them.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use reqwest::blocking::Response;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{self, Answer, Events, chat_url, model_id, question, story};
use crate::support::{Daemon, smollm2, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// The same model under another name, in a folder that must outlive the daemon.
fn twin() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("twin.gguf");
    std::os::unix::fs::symlink(smollm2(), &path).expect("it is ours");
    (folder, path)
}

/// A daemon that serves both, with a budget that holds one and not two.
pub(crate) fn daemon_for_one_of_two(arguments: &[&str]) -> (Daemon, TempDir) {
    let (folder, twin) = twin();
    let twin = twin.to_str().expect("temporary folders have plain names").to_owned();
    let mut all = vec!["--model", &twin, "--budget", "host=400 MiB"];
    all.extend(arguments);
    (Daemon::start(&all), folder)
}

fn question_for(model: &str) -> Value {
    let mut question = question();
    question["model"] = model.into();
    question
}

fn ask(daemon: &Daemon, model: &str) -> Answer {
    client::ask(daemon, &question_for(model))
}

/// The state of a model's instance: `ready`, `stopped`, or nothing when it never had one.
pub(crate) fn state(daemon: &Daemon, model: &str) -> Option<String> {
    let status = daemon.status();
    let models = status["models"].as_array().expect("it is a list");
    let found = models.iter().find(|entry| entry["id"] == model).expect("it is served");
    found["instance"]["state"].as_str().map(str::to_owned)
}

#[test]
fn the_one_that_is_asked_for_takes_the_place_of_the_idle_one() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    for (asked, other) in [(model_id().as_str(), "twin"), ("twin", &model_id()), (&model_id(), "twin")] {
        let answer = ask(&daemon, asked);
        assert!(answer.text().contains("Paris"), "{answer:?}");
        assert_eq!(state(&daemon, asked).as_deref(), Some("ready"));
        assert_ne!(state(&daemon, other).as_deref(), Some("ready"));
    }
}

#[test]
fn many_clients_of_both_lose_nothing() {
    let (daemon, _folder) = daemon_for_one_of_two(&["--parallel", "2"]);
    let models = [model_id(), "twin".to_owned()];
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (daemon, models) = (&daemon, &models);
            scope.spawn(move || {
                for request in 0..4 {
                    // Every client in another order.
                    let model = &models[(number + request * (1 + number % 2)) % 2];
                    let answer = ask(daemon, model);
                    assert!(answer.text().contains("Paris"), "{answer:?}");
                }
            });
        }
    });
}

#[test]
fn an_answer_is_finished_before_its_model_makes_room() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    let events = Events::begin(&daemon, story(60));
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&daemon, "twin"));
        let rest: Vec<Value> = events.collect();
        assert_eq!(rest.last(), Some(&Value::Null), "it came whole: {rest:?}");
        waiting.join().expect("the other request is answered")
    });
    assert!(waiting.text().contains("Paris"), "{waiting:?}");
}

#[test]
fn a_client_that_went_away_moves_nothing() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    let events = Events::begin(&daemon, story(400));
    let impatient = client::client().post(chat_url(&daemon)).json(&question_for("twin"));
    impatient.timeout(Duration::from_millis(300)).send().expect_err("it waits for the other one");
    wait_until("it is still counted as waiting", PATIENCE, || {
        let status = daemon.status();
        let twin = status["models"].as_array().and_then(|all| all.iter().find(|one| one["id"] == "twin"));
        twin.is_some_and(|twin| twin["waiting"] == 0)
    });
    drop(events);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!((state(&daemon, "twin"), state(&daemon, &model_id()).as_deref()), (None, Some("ready")));
}

#[test]
fn a_stream_that_waits_is_told_its_place_and_then_its_answer() {
    let (daemon, _folder) = daemon_for_one_of_two(&["--turn", "2"]);
    let events = Events::begin(&daemon, story(300));
    let mut question = question_for("twin");
    question["stream"] = true.into();
    let told = std::thread::scope(|scope| {
        let asked = client::client().post(chat_url(&daemon)).json(&question);
        let waiting = scope.spawn(|| asked.send().and_then(Response::text).expect("it is answered whole"));
        assert_eq!(events.last(), Some(Value::Null), "what was there first is finished");
        waiting.join().expect("the other request is answered")
    });
    let why = format!(": waiting, place 1 of 1: {} is answering\n\n", model_id());
    assert!(told.starts_with(&why), "{told}");
    assert!(told.ends_with("data: [DONE]\n\n"), "{told}");
    let tokens = told.lines().filter_map(|line| line.strip_prefix("data: {").map(|rest| format!("{{{rest}")));
    let said: String = tokens
        .map(|data| serde_json::from_str::<Value>(&data).expect("an event's data is JSON"))
        .filter_map(|data| data["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert!(said.contains("Paris"), "{said}");
}

#[test]
fn a_request_says_how_long_it_waits() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    let _events = Events::begin(&daemon, story(1500));
    let asked = |name: &str, value: &str| {
        Answer::to(client::client().post(chat_url(&daemon)).header(name, value).json(&question_for("twin")))
    };
    asked("x-loadmaster-wait", "1").error(503, "waited_too_long");
    asked("x-loadmaster-priority", "soon").error(400, "invalid_header");
}

#[test]
fn a_plan_names_who_would_make_room() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    let plan = || Answer::to(client::client().get(format!("{}/api/v1/plan/twin", daemon.url))).body;
    let before = plan();
    assert_eq!((&before["shortages"], &before["leaving"]), (&json!([]), &json!([])), "{before}");
    assert_eq!(before["state"], "unloaded");
    assert!(before["devices"][0]["total"].as_u64() > Some(100 << 20), "{before}");
    ask(&daemon, &model_id()).text();
    let beside = plan();
    assert_eq!(beside["leaving"][0]["model"], model_id().as_str(), "{beside}");
    assert_eq!((&beside["shortages"][0]["device"], &beside["lacking"]), (&json!("host"), &json!([])));
    assert_eq!((state(&daemon, "twin"), state(&daemon, &model_id()).as_deref()), (None, Some("ready")));
}

#[test]
fn who_does_not_want_to_wait_is_told_when_to_come_again() {
    let (daemon, _folder) = daemon_for_one_of_two(&["--wait", "4"]);
    let _events = Events::begin(&daemon, story(1500));
    let begun = Instant::now();
    let turned_away = ask(&daemon, "twin");
    turned_away.error(503, "waited_too_long");
    assert_eq!(turned_away.headers["retry-after"], "5");
    assert!(begun.elapsed() < PATIENCE);
}

/// A conversation of some length, for whichever model.
fn conversation(model: &str) -> Value {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(60);
    serde_json::json!({
        "model": model, "temperature": 0, "max_tokens": 2,
        "messages": [{"role": "user", "content": text}],
    })
}

/// Tokens of the prompt that were in the cache, and those that were not.
pub(crate) fn cached(daemon: &Daemon, model: &str) -> (u64, u64) {
    let answer = client::ask(daemon, &conversation(model));
    assert_eq!(answer.status, 200, "{answer:?}");
    let timing = |name: &str| answer.body["timings"][name].as_u64().expect("the server tells its timings");
    (timing("cache_n"), timing("prompt_n"))
}

#[test]
fn a_conversation_goes_on_after_its_model_was_away() {
    let (daemon, _folder) = daemon_for_one_of_two(&[]);
    let (cold, read) = cached(&daemon, &model_id());
    assert!(cold < read / 10, "{cold} of {read}");
    assert!(ask(&daemon, "twin").text().contains("Paris"));
    let (warm, read_again) = cached(&daemon, &model_id());
    assert!(warm > 500 && read_again <= 8, "{warm} cached, {read_again} read again");
    let kept = daemon.home().join("state/conversations/llama");
    // The twin's is on the disk now, and nobody else can read it.
    let folders: Vec<_> = std::fs::read_dir(kept).expect("it is there").flatten().collect();
    assert_eq!(folders.len(), 2);
    for folder in folders {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(folder.metadata().expect("it is ours").permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn conversations_that_nobody_wants_kept_are_not() {
    let home = tempfile::tempdir().expect("a folder for the test");
    let text = "[backends.llama]\nconversations = \"0 B\"\n";
    std::fs::write(home.path().join("config.toml"), text).expect("it is ours");
    let (_folder, twin) = twin();
    let twin = twin.to_str().expect("temporary folders have plain names").to_owned();
    let daemon = Daemon::start_in(home, &["--model", &twin, "--budget", "host=400 MiB"]);
    let (_, read) = cached(&daemon, &model_id());
    assert!(ask(&daemon, "twin").text().contains("Paris"));
    let (_, read_again) = cached(&daemon, &model_id());
    assert_eq!(read_again, read, "it was read anew");
    assert!(!daemon.home().join("state/conversations").exists());
}
