//! What is started, and what is not.

use serde_json::{Value, json};

use super::client::{ask, ask_for_paris, instance, model_id, question};
use crate::support::Daemon;

#[test]
fn two_first_requests_start_one_server() {
    let daemon = Daemon::start(&[]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| ask_for_paris(&daemon));
        }
    });
    let instance = instance(&daemon);
    assert_eq!(instance["id"], format!("{}#1", model_id()));
    assert_eq!(instance["state"], "ready");
    let journal = daemon.home().join("state").join("children").join("llama");
    assert_eq!(std::fs::read_dir(journal).unwrap().count(), 1, "one child is written down");
}

#[test]
fn a_model_that_the_budget_cannot_hold_is_not_started() {
    let daemon = Daemon::start(&["--budget", "host=100 MiB"]);
    let refused = ask(&daemon, &question());
    let error = refused.error(503, "insufficient_memory");
    let [short] = error["devices"].as_array().unwrap().as_slice() else { panic!("{error}") };
    assert_eq!(short["device"], "host", "{error}");
    let bytes = |name: &str| short[name].as_u64().unwrap_or_else(|| panic!("{name}: {error}"));
    assert!(bytes("needed") > 100 << 20, "{error}");
    assert_eq!(bytes("available"), 100 << 20, "{error}");
    assert_eq!(error["pinned"], json!([]));
    let told = error["message"].as_str().unwrap();
    assert!(told.contains("budget of 100.0 MiB") && told.contains("host needs"), "{told}");
    assert_eq!(instance(&daemon), Value::Null);
    let logs: Vec<_> = std::fs::read_dir(daemon.home().join("logs")).unwrap().collect();
    assert!(logs.is_empty(), "no server was started: {logs:?}");
}
