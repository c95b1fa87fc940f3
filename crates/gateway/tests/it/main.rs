//! The gateway before a fake server that breaks off where it is told to: real ones cannot be made to.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod again;
mod control;
mod fake;
mod genai_electron;
mod guard;
mod holds;
mod images;
mod jobs;
mod painters;
#[path = "../../../images/tests/it/plain_colour.rs"]
mod plain_colour;
mod reload;
mod settings;
mod topics;
mod upstream;
mod waiting;

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use loadmaster_core::{Failure, FailureReason};
use serde_json::{Value, json};
use tower::ServiceExt;

use self::fake::{Ending, FakeServer};

const EVENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Par\"}}]}\n\n";

fn killed() -> Failure {
    Failure::new(FailureReason::Signal { name: "SIGKILL".to_owned() })
}

async fn ask(server: &FakeServer, body: &Value) -> Response<Body> {
    let request = Request::post("/v1/chat/completions").body(Body::from(body.to_string())).unwrap();
    let Ok(answer) = server.router().oneshot(request).await;
    answer
}

async fn text(answer: Response<Body>) -> Result<String, axum::Error> {
    let bytes = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

/// The error object of a JSON body or of the last event.
fn error_in(text: &str) -> Value {
    let last = text.trim_end().rsplit("data: ").next().unwrap();
    serde_json::from_str::<Value>(last).unwrap()["error"].clone()
}

#[tokio::test]
async fn a_whole_answer_passes_unchanged() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Whole).await;
    let answer = ask(&server, &json!({ "model": "fake" })).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert!(answer.headers().get("access-control-allow-origin").is_none());
    assert_eq!(text(answer).await.unwrap(), EVENT);
    server.wait_for_leases(0).await;
}

#[tokio::test]
async fn no_request_is_sent_into_a_connection_that_closes_behind_a_stream() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::WholeAndCloses).await;
    let router = server.router();
    let body = json!({ "model": "fake", "stream": true }).to_string();
    for request in 0..3 {
        let asked = Request::post("/v1/chat/completions").body(Body::from(body.clone())).unwrap();
        let Ok(answer) = router.clone().oneshot(asked).await;
        assert_eq!(text(answer).await.unwrap(), EVENT, "request {request}");
    }
}

#[tokio::test]
async fn a_death_between_events_is_told_in_an_event() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Dies(killed())).await;
    let told = text(ask(&server, &json!({ "model": "fake" })).await).await.unwrap();
    assert!(told.starts_with(EVENT), "{told}");
    let error = error_in(&told);
    assert_eq!(error["code"], "server_crashed");
    assert_eq!(error["reason"]["name"], "SIGKILL");
    assert!(error["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{error}");
}

#[tokio::test]
async fn a_break_without_a_death_is_told_as_such() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Breaks).await;
    let told = text(ask(&server, &json!({ "model": "fake" })).await).await.unwrap();
    assert_eq!(error_in(&told)["code"], "connection_broken");
}

#[tokio::test]
async fn a_break_within_an_event_breaks_the_body_off() {
    let half = &EVENT[..EVENT.len() / 2];
    let server = FakeServer::start("text/event-stream", half, Ending::Dies(killed())).await;
    let answer = ask(&server, &json!({ "model": "fake" })).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let error = text(answer).await.expect_err("half an event must not look whole");
    assert!(format!("{error:?}").contains("SIGKILL"), "{error:?}");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_lease_and_its_generation() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Never).await;
    let mut answer = ask(&server, &json!({ "model": "fake" })).await;
    let first = answer.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), EVENT);
    server.wait_for_leases(1).await;
    drop(answer);
    server.wait_for_leases(0).await;
    tokio::time::timeout(Duration::from_secs(5), server.left()).await.expect("the connection is closed");
}

#[tokio::test]
async fn the_only_model_needs_no_name() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    assert_eq!(ask(&server, &json!({})).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_that_are_no_requests_are_refused() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    for (body, status, code) in [
        (json!("model"), StatusCode::BAD_REQUEST, "invalid_body"),
        (json!({ "model": 7 }), StatusCode::BAD_REQUEST, "invalid_body"),
        (json!({ "model": "other" }), StatusCode::NOT_FOUND, "model_not_found"),
    ] {
        let answer = ask(&server, &body).await;
        assert_eq!(answer.status(), status, "{body}");
        assert_eq!(error_in(&text(answer).await.unwrap())["code"], code, "{body}");
    }
    let huge = Body::from(vec![b' '; loadmaster_gateway::BODY_LIMIT + 1]);
    let Ok(answer) = server.router().oneshot(Request::post("/v1/completions").body(huge).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(error_in(&text(answer).await.unwrap())["code"], "unreadable_body");
}
