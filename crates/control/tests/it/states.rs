//! The machine, logs, settings and files: asked for, and followed.

use axum::{body::Body, http::Method};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

use super::api::Api;

#[tokio::test]
async fn the_machine_is_told_with_its_memory() {
    let api = Api::open().await;
    let system = api.get("/api/v1/system").await;
    assert_eq!((&system["os"], &system["version"]), (&json!(std::env::consts::OS), &json!("0.1.0")));
    assert!(system["machine"]["facts"]["cpu"]["logical_cores"].as_u64() > Some(0), "{system}");
    let host = &system["memory"]["devices"][0];
    let bytes = |name: &str| host[name].as_u64().unwrap();
    assert_eq!((&host["id"], &host["kind"], &host["ours"]), (&json!("host"), &json!("host"), &json!([])));
    assert_eq!(bytes("free") + bytes("other") + bytes("not_returned"), bytes("total"));
    let label = system["recommendations"][0]["label"].as_str();
    assert!(label.is_none_or(|label| label.contains(" B at Q")), "{system}");
}

#[tokio::test]
async fn memory_is_told_again_and_again_while_somebody_listens() {
    let api = Api::open().await;
    let mut one = api.listen("memory").await;
    let (name, first) = one.next().await;
    assert_eq!((name.as_str(), &first["devices"][0]["id"]), ("memory", &json!("host")));
    let mut other = api.listen("memory").await;
    // Whoever comes later is told at once what there is.
    assert_eq!(other.next().await.1["at_ms"], first["at_ms"]);
    let (_, second) = one.next().await;
    assert!(second["at_ms"].as_u64() > first["at_ms"].as_u64());
    drop((one, other));
    // After a pause with nobody there it begins again.
    let mut again = api.listen("memory").await;
    loop {
        if again.next().await.1["at_ms"].as_u64() > second["at_ms"].as_u64() {
            break;
        }
    }
}

#[tokio::test]
async fn the_log_is_told_and_followed() {
    let api = Api::open().await;
    let log = |text: &str| {
        let subscriber = tracing_subscriber::registry().with(api.log.layer());
        tracing::subscriber::with_default(subscriber, || tracing::warn!("{text}"));
    };
    log("one");
    let told = api.get("/api/v1/logs/daemon").await;
    assert_eq!((&told["lines"][0]["line"], &told["lines"][0]["level"]), (&json!("one"), &json!("warn")));
    let mut lines = api.listen("logs").await;
    assert_eq!(lines.next().await.1["line"], "one");
    log("two");
    let (name, line) = lines.next().await;
    assert_eq!((name.as_str(), &line["line"], &line["source"]), ("log", &json!("two"), &json!("daemon")));
    let after = api.get(&format!("/api/v1/logs/daemon?after={}", told["next"])).await;
    assert_eq!(after["lines"], json!([line]));
    assert_eq!(api.get("/api/v1/logs/daemon?level=error").await["lines"], json!([]));
    // No name from outside becomes a path.
    for path in ["/api/v1/logs/..%2Fsecret", "/api/v1/logs/nobody"] {
        assert_eq!(api.get(path).await["error"]["code"], "model_not_found", "{path}");
    }
    assert_eq!(api.get("/api/v1/logs/daemon?level=loud").await["error"]["code"], "invalid_query");
}

fn setting(settings: &Value, index: usize) -> (Value, Value) {
    let setting = &settings["settings"][index];
    (setting["value"].clone(), setting["from"].clone())
}

#[tokio::test]
async fn settings_are_told_changed_and_followed() {
    let api = Api::open().await;
    let mut follows = api.listen("settings").await;
    assert_eq!(setting(&follows.next().await.1, 1), (json!(10), json!("default")));
    for (body, status, code) in [
        (json!({ "listen": "there" }), 409, "needs_restart"),
        (json!({ "turn": 5, "unknown": 1 }), 404, "unknown_setting"),
        (json!("turn"), 400, "invalid_body"),
    ] {
        let (got, error) = api.put("/api/v1/settings", &body).await;
        assert_eq!((got, &error["error"]["code"]), (status, &json!(code)));
    }
    let large = json!({ "turn": "x".repeat(2 << 20) });
    assert_eq!(api.put("/api/v1/settings", &large).await.0, 413);
    assert_eq!(setting(&api.get("/api/v1/settings").await, 1).0, json!(10));
    let (status, settings) = api.put("/api/v1/settings", &json!({ "turn": 5 })).await;
    assert_eq!((status, setting(&settings, 1)), (200, (json!(5), json!("changed"))));
    assert_eq!(setting(&follows.next().await.1, 1), (json!(5), json!("changed")));
}

#[tokio::test]
async fn files_are_shown_to_this_machine_alone() {
    let api = Api::open().await;
    std::fs::write(api.home.path().join("a.gguf"), "1234").unwrap();
    let folder = api.get("/api/v1/files").await;
    let names: Vec<_> = folder["entries"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert!(names.contains(&&json!("a.gguf")) && names.contains(&&json!("jobs")), "{names:?}");
    let path = "/api/v1/files?folder=relative";
    assert_eq!(api.get(path).await["error"]["code"], "invalid_query");
    let far = api.send(&Method::GET, "/api/v1/files", Body::empty(), "192.168.1.7:1").await;
    assert_eq!(far.status(), 403);
}
