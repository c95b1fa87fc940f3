//! The same over the API of `loadmaster serve`, which the panel asks before a download.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    command, ended,
    fake_hub::{FakeHub, Fault, Reply},
    smollm2_header,
};
use crate::{
    serve::client::{Answer, client, model_id},
    support::{Daemon, smollm2},
};

fn asked(daemon: &Daemon, body: &Value) -> Answer {
    let url = format!("{}/api/v1/estimate", daemon.url);
    Answer::to(client().post(url).timeout(Duration::from_secs(50)).body(body.to_string()))
}

fn refused(daemon: &Daemon, body: &Value) -> (u16, Value) {
    let Answer { status, body: answer, .. } = asked(daemon, body);
    assert!(answer["error"]["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{body}: {answer}");
    (status, answer["error"]["code"].clone())
}

#[test]
fn the_api_estimates_what_the_command_estimates() {
    let hub = FakeHub::start(|request| Reply::range(&smollm2(), request));
    let url = hub.url("/SmolLM2.gguf");
    let home = super::empty_folder();
    let options = ["--ctx", "1024", "--json"];
    let printed = ended(command(home.path(), "estimate", &url).args(options)).json();
    let before = hub.body_bytes();

    let daemon = Daemon::start(&[]);
    let Answer { status, mut body, .. } =
        asked(&daemon, &json!({ "url": url, "settings": { "context_length": 1024 } }));
    assert_eq!(status, 200, "{body}");
    assert!(hub.body_bytes() - before < 2 * smollm2_header(), "the header is all that is fetched");
    let (fit, download) = (body["fit"].take(), body["download"].take());
    assert_eq!((&fit["verdict"], &fit["leaves"]), (&json!("fits"), &json!([])), "{fit}");
    assert_eq!(download["bytes"], std::fs::metadata(smollm2()).expect("it is there").len());
    for (name, value) in printed.as_object().expect("an object") {
        assert_eq!(&body[name], value, "{name}");
    }

    // A model that is offered, and a file, are known better than a header can tell.
    let path = smollm2().display().to_string();
    let here = asked(&daemon, &json!({ "path": path, "settings": { "context_length": 1024 } })).body;
    assert_eq!(here["source"], "asked", "{here}");
    assert_eq!(here["fits"], body["fits"]);
}

#[test]
fn who_would_step_aside_is_told_before_a_download() {
    let hub = FakeHub::start(|request| Reply::range(&smollm2(), request));
    let model = model_id();
    let estimate = |daemon: &Daemon, tokens: u64| {
        asked(daemon, &json!({ "url": hub.url("/b.gguf"), "settings": { "context_length": tokens } })).body
    };
    // Room for either of them, and not for both.
    let takes = estimate(&Daemon::start(&[]), 2048)["fit"]["devices"][0]["total"].as_u64().expect("bytes");
    let daemon = Daemon::start(&["--budget", &format!("host={} B", takes + takes / 2)]);
    assert_eq!(estimate(&daemon, 2048)["fit"]["verdict"], "fits");
    let start = format!("{}/api/v1/instances/{model}?wait=true", daemon.url);
    assert_eq!(Answer::to(client().post(start)).status, 200);
    let fit = estimate(&daemon, 2048)["fit"].take();
    assert_eq!((&fit["verdict"], &fit["leaves"]), (&json!("evicts"), &json!([model])), "{fit}");
    let fit = estimate(&daemon, 8192)["fit"].take();
    assert_eq!((&fit["verdict"], &fit["leaves"]), (&json!("too_large"), &json!([])), "{fit}");
    let presets = Answer::to(client().get(format!("{}/api/v1/catalog", daemon.url))).body["presets"].take();
    let verdict = |name: &str| {
        let preset = presets.as_array().and_then(|all| all.iter().find(|preset| preset["name"] == name));
        preset.unwrap_or_else(|| panic!("no {name}"))["fit"]["verdict"].clone()
    };
    assert_eq!(verdict("llama-3.1-70b"), "too_large");
    assert_eq!(daemon.model()["instance"]["state"], "ready", "nothing was changed");
}

/// A server that says nothing more ends the question in time, and takes nobody else with it.
#[test]
fn a_server_that_stalls_is_told_of() {
    let hub = FakeHub::start(|request| Reply::range(&smollm2(), request).fails(4096, Fault::Stall));
    let home = super::empty_folder();
    let config = "[network]\nstall_timeout = 1\n";
    std::fs::write(home.path().join("config.toml"), config).expect("the file is written");
    let daemon = Daemon::start_in(home, &[]);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| refused(&daemon, &json!({ "url": hub.url("/a.gguf") })));
        let now = asked(&daemon, &json!({ "path": smollm2() }));
        assert_eq!(now.status, 200, "others are answered meanwhile");
        assert_eq!(waits.join().expect("it was asked"), (502, json!("connection_lost")));
    });
}

#[test]
fn what_the_api_cannot_estimate_is_told() {
    let page = FakeHub::start(|_| Reply::text(200, "<!DOCTYPE html><html></html>"));
    let gone = FakeHub::start(|_| Reply::text(404, "Not Found"));
    let inwards = FakeHub::start(|_| Reply::redirect("file:///etc/passwd"));
    let daemon = Daemon::start(&[]);
    let at = |hub: &FakeHub| json!({ "url": hub.url("/a.gguf") });
    for (body, status, code) in [
        (at(&page), 422, "not_a_model"),
        (at(&gone), 404, "not_on_server"),
        (at(&inwards), 502, "bad_answer"),
        (json!({ "url": "file:///etc/passwd" }), 400, "invalid_address"),
        (json!({ "path": daemon.home().join("nowhere.gguf") }), 404, "file_not_found"),
        (json!({ "model": "llama-3.2-1b", "settings": 1 }), 400, "invalid_body"),
        (json!({ "path": smollm2(), "settings": { "parallel": 257 } }), 400, "invalid_setting"),
    ] {
        assert_eq!(refused(&daemon, &body), (status, json!(code)), "{body}");
    }
}

#[test]
fn presets_are_told_at_once() {
    let daemon = Daemon::start(&[]);
    let told = Answer::to(client().get(format!("{}/api/v1/catalog", daemon.url))).body;
    let presets = told["presets"].as_array().expect("presets");
    let smallest = presets.iter().find(|preset| preset["name"] == "smollm2-135m").expect("it is one");
    assert_eq!((&smallest["fit"]["verdict"], &smallest["installed"]), (&json!("fits"), &json!(false)));
    // One of the user's own comes before that of the program.
    let own = "[[model]]\nname = \"smollm2-135m\"\ntitle = \"mine\"\nkind = \"llm\"\nrepo = \"a/b\"\n";
    std::fs::write(daemon.home().join("models.toml"), own).expect("the file is written");
    let told = Answer::to(client().get(format!("{}/api/v1/catalog", daemon.url))).body;
    let mine =
        told["presets"].as_array().and_then(|all| all.iter().find(|one| one["title"] == "mine")).cloned();
    assert_eq!(mine.expect("it is told")["fit"]["verdict"], "unknown");
}
