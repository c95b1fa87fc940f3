//! What a model would take in another way, and started in that way.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, client, model_id, question};
use crate::support::{Daemon, loadmaster, wait_until};

fn send(daemon: &Daemon, method: Method, path: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, format!("{}{path}", daemon.url)).body(body.to_string()))
}

fn with_context(tokens: u64) -> Value {
    json!({ "settings": { "context_length": tokens } })
}

/// Bytes of cache in a plan, and the whole.
fn cache(plan: &Value) -> (u64, u64) {
    let devices = plan["devices"].as_array().unwrap_or_else(|| panic!("no devices in {plan}"));
    let sum = |name: &str| devices.iter().filter_map(|device| device[name].as_u64()).sum();
    (sum("kv_cache"), sum("total"))
}

#[test]
fn twice_the_context_takes_another_cache_and_nothing_is_changed() {
    let daemon = Daemon::start(&[]);
    let path = format!("/api/v1/plan/{}", model_id());
    let plan = |tokens: u64| {
        let answer = send(&daemon, Method::POST, &path, &with_context(tokens));
        assert_eq!((answer.status, &answer.body["plan"]["context_length"]), (200, &json!(tokens)));
        cache(&answer.body)
    };
    let (once, twice) = (plan(2048), plan(4096));
    // 45 MiB for 2048 tokens, as llama-server prints it.
    assert_eq!((once.0, twice.0), (45 << 20, 90 << 20));
    assert!(twice.1 >= once.1 + (45 << 20), "{once:?} {twice:?}");
    let now = Answer::to(client().get(format!("{}{path}", daemon.url))).body;
    assert_eq!((&now["plan"]["context_length"], &now["state"]), (&json!(2048), &json!("unloaded")));
}

#[test]
fn a_wrong_setting_is_named_and_what_runs_goes_on() {
    let daemon = Daemon::start(&[]);
    let model = model_id();
    let pid = daemon.server_pid();
    for (settings, named) in [
        (json!({ "context_length": "long" }), "context_length"),
        (json!({ "contxt": 1 }), "contxt"),
        (json!({ "gpu_layers": -1 }), "gpu_layers"),
        (json!({ "parallel": 257 }), "parallel"),
    ] {
        for path in [format!("/api/v1/plan/{model}"), format!("/api/v1/instances/{model}?wait=true")] {
            let answer = send(&daemon, Method::POST, &path, &json!({ "settings": settings }));
            assert_eq!(answer.error(400, "invalid_setting")["param"], named, "{settings}");
        }
    }
    let too_long = with_context(1 << 40);
    let refused = send(&daemon, Method::POST, &format!("/api/v1/instances/{model}"), &too_long);
    assert!([400, 503].contains(&refused.status), "{refused:?}");
    assert_eq!(daemon.server_pid(), pid);
}

#[cfg(target_os = "linux")]
#[test]
fn settings_of_a_start_are_on_the_command_line_until_it_is_stopped() {
    let daemon = Daemon::start(&[]);
    let path = format!("/api/v1/instances/{}?wait=true", model_id());
    let command_line = || {
        let pid = daemon.server_pid().expect("it runs");
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).expect("it has a command line");
        let words: Vec<String> =
            words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let context = words.iter().position(|word| word == "--ctx-size").map(|at| words[at + 1].clone());
        (pid, context)
    };
    let start = |body: &Value| {
        let answer = send(&daemon, Method::POST, &path, body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["change"].clone()
    };
    assert_eq!(start(&with_context(512)), "taken");
    let (first, context) = command_line();
    assert_eq!(context.as_deref(), Some("512"));

    // A request that is on its way is answered by the server that it began with.
    let mut chat = question();
    chat["max_tokens"] = 300.into();
    chat["ignore_eos"] = true.into();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| Answer::to(client().post(super::client::chat_url(&daemon)).json(&chat)));
        wait_until("it is being answered", Duration::from_secs(20), || {
            daemon.model()["instance"]["leases"] == 1
        });
        assert_eq!(start(&with_context(1024)), "reloads");
        let answered = asked.join().expect("it was asked");
        assert_eq!((answered.status, &answered.body["usage"]["completion_tokens"]), (200, &json!(300)));
    });
    let (second, context) = command_line();
    assert_eq!((context.as_deref(), second == first), (Some("1024"), false));
    assert_eq!(start(&with_context(1024)), "none");

    // The command says the same. What the plan comes to anyway changes nothing.
    let command = |arguments: &[&str]| {
        let mut start = loadmaster(daemon.home());
        start.args(["start", &model_id(), "--listen", daemon.address()]).args(arguments);
        String::from_utf8(start.output().expect("it runs").stdout).expect("it prints text")
    };
    assert!(command(&["--ctx", "512"]).contains(" anew with these settings: host "));
    let threads = daemon.model()["instance"]["plan"]["settings"]["threads"].to_string();
    let kept = command(&["--threads", &threads]);
    assert!(kept.contains(" runs that way already: host "), "{kept}");

    let stop = format!("{}/api/v1/instances/{}", daemon.url, model_id());
    assert_eq!(client().delete(stop).send().expect("it answers").status(), 204);
    assert_eq!(start(&json!({})), "none");
    assert_eq!(command_line().1.as_deref(), Some("2048"));
}
