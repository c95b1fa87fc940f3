//! Requests that wait, and what they are told.

use super::*;

/// A stream that has to wait, because another request has the fake's one place.
async fn waiting(server: &FakeServer, wait: &str) -> (Response<Body>, Response<Body>) {
    let busy = ask(server, &json!({ "model": "fake" })).await;
    server.wait_for_leases(1).await;
    let request = Request::post("/v1/chat/completions").header("x-loadmaster-wait", wait);
    let body = Body::from(json!({ "model": "fake", "stream": true }).to_string());
    let Ok(streamed) = server.router().oneshot(request.body(body).unwrap()).await;
    (busy, streamed)
}

async fn next(answer: &mut Response<Body>) -> String {
    let bytes = answer.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_stream_is_told_its_place_and_then_its_answer() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Never).await;
    let (busy, mut streamed) = waiting(&server, "60").await;
    assert_eq!(streamed.status(), StatusCode::OK);
    assert_eq!(streamed.headers()["content-type"], "text/event-stream");
    assert_eq!(next(&mut streamed).await, ": waiting, place 1 of 1: fake is answering\n\n");
    drop(busy);
    loop {
        match next(&mut streamed).await {
            comment if comment.starts_with(": waiting") => {}
            event => break assert_eq!(event, EVENT),
        }
    }
}

#[tokio::test]
async fn what_fails_after_a_comment_is_told_in_an_event() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Never).await;
    let (_busy, streamed) = waiting(&server, "2").await;
    let told = text(streamed).await.unwrap();
    assert!(told.starts_with(": waiting, place 1 of 1: fake is answering\n\n"), "{told}");
    assert_eq!(error_in(&told)["code"], "waited_too_long");
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_gives_its_place_up() {
    let server = FakeServer::start("text/event-stream", EVENT, Ending::Never).await;
    let (_busy, mut streamed) = waiting(&server, "60").await;
    next(&mut streamed).await;
    let waiting = async || server.orchestrator().status().await.unwrap().models[0].waiting;
    assert_eq!(waiting().await, 1);
    drop(streamed);
    assert_eq!(waiting().await, 0);
}

#[tokio::test]
async fn headers_that_cannot_be_are_refused() {
    let server = FakeServer::start("application/json", "{}", Ending::Whole).await;
    for (name, value) in [
        ("x-loadmaster-priority", "urgent"),
        ("x-loadmaster-wait", "soon"),
        ("x-loadmaster-keep-alive", "5m"),
    ] {
        let request = Request::post("/v1/embeddings").header(name, value).body(Body::from("{}")).unwrap();
        let Ok(answer) = server.router().oneshot(request).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let error = error_in(&text(answer).await.unwrap());
        assert_eq!(error["code"], "invalid_header");
        assert!(error["message"].as_str().unwrap().contains(value), "{error}");
    }
}
