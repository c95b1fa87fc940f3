//! What plain requests get, good ones and bad ones.

use reqwest::Method;
use serde_json::json;

use super::client::{Answer, ask, ask_for_paris, chat_url, client, instance, model_id, question};
use crate::support::Daemon;

#[test]
fn a_request_that_names_no_model_gets_the_only_one() {
    let daemon = Daemon::start(&[]);
    let mut request = question();
    request.as_object_mut().unwrap().remove("model");
    let answer = ask(&daemon, &request);
    assert!(answer.text().contains("Paris"), "{answer:?}");
    assert_eq!(answer.body["model"], model_id().as_str());
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    // llama-server allows every web page; Loadmaster does not.
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{:?}", answer.headers);
}

#[test]
fn bad_requests_are_refused_before_anything_is_started() {
    let daemon = Daemon::start(&[]);
    for body in ["{", "", "[]", "\"text\"", "{\"model\": 7}"] {
        let answer = Answer::to(client().post(chat_url(&daemon)).body(body));
        answer.error(400, "invalid_body");
    }
    let unknown = ask(&daemon, &json!({ "model": "gpt-5", "messages": [] }));
    let error = unknown.error(404, "model_not_found");
    assert_eq!(error["known"], json!([model_id()]));
    assert_eq!(instance(&daemon), json!(null), "nothing was started");
}

#[test]
fn the_servers_own_refusals_come_through() {
    let daemon = Daemon::start(&[]);
    let answer = ask(&daemon, &json!({ "model": model_id(), "messages": "none" }));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.body["error"]["type"], "invalid_request_error", "{answer:?}");
    ask_for_paris(&daemon);
}

#[test]
fn web_pages_of_others_are_refused() {
    let daemon = Daemon::start(&[]);
    let models = format!("{}/v1/models", daemon.url);
    let port = daemon.address().rsplit_once(':').unwrap().1;
    let rebound = format!("rebound.example:{port}");
    for (name, value) in [("host", rebound.as_str()), ("sec-fetch-site", "cross-site")] {
        for (method, url) in [(Method::GET, &models), (Method::POST, &chat_url(&daemon))] {
            let refused = Answer::to(client().request(method, url).header(name, value).json(&question()));
            refused.error(403, "forbidden");
        }
    }
    let stop = format!("{}/api/v1/instances/{}", daemon.url, model_id());
    Answer::to(client().delete(stop).header("host", &rebound)).error(403, "forbidden");
    assert_eq!(instance(&daemon), json!(null), "nothing was started");
    let local = format!("localhost:{port}");
    for (name, value) in [("host", local.as_str()), ("sec-fetch-site", "same-origin")] {
        assert_eq!(Answer::to(client().get(&models).header(name, value)).status, 200, "{name}: {value}");
    }
}

#[test]
fn paths_and_methods_that_are_not_there_are_told_in_json() {
    let daemon = Daemon::start(&[]);
    let at = |path: &str| format!("{}{path}", daemon.url);
    let health = Answer::to(client().get(at("/healthz")));
    assert_eq!((health.status, &health.body), (200, &json!({ "status": "ok" })));
    for path in ["/nothing", "/v1", "/v1/nothing", "/v2/models"] {
        Answer::to(client().get(at(path))).error(404, "not_found");
    }
    let listed = Answer::to(client().get(at("/v1/models/other")));
    assert_eq!(listed.error(404, "model_not_found")["known"], json!([model_id()]));
    for (method, path, allowed) in
        [(Method::GET, "/v1/chat/completions", "POST"), (Method::POST, "/v1/models", "GET,HEAD")]
    {
        let refused = Answer::to(client().request(method, at(path)));
        refused.error(405, "method_not_allowed");
        assert_eq!(refused.headers["allow"], allowed, "{path}");
    }
}
