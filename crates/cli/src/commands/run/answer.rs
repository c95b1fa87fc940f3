//! One answer, streamed.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::Failed;

/// Whether an answer streams now: then Ctrl-C ends the answer and not the program.
static ANSWERING: AtomicBool = AtomicBool::new(false);

/// Waits for a Ctrl-C that no answer takes.
pub(super) async fn interrupted_outside() {
    loop {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler the system's own ends the program.
            return std::future::pending().await;
        }
        if !ANSWERING.swap(false, Ordering::SeqCst) {
            return;
        }
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Interrupted,
}

/// What came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) end: End,
    pub(super) finish_reason: Option<String>,
    /// The server's own count of tokens.
    pub(super) usage: Value,
    /// The server's own measurement of its speed.
    pub(super) timings: Value,
}

/// Sends `body` through `router` and hands each piece of text to `show`.
pub(super) async fn stream(
    router: Router,
    body: &Value,
    show: impl Fn(&str) -> Result<(), Failed>,
) -> Result<Answer, Failed> {
    ANSWERING.store(true, Ordering::SeqCst);
    let mut answer = Answer {
        text: String::new(),
        end: End::Whole,
        finish_reason: None,
        usage: Value::Null,
        timings: Value::Null,
    };
    tokio::select! {
        streamed = receive(router, body, show, &mut answer) => streamed?,
        Ok(()) = tokio::signal::ctrl_c() => answer.end = End::Interrupted,
    }
    // Whichever of the two hears of a Ctrl-C first, it is spent on this answer.
    if answer.end == End::Whole {
        ANSWERING.store(false, Ordering::SeqCst);
    }
    Ok(answer)
}

async fn receive(
    router: Router,
    body: &Value,
    show: impl Fn(&str) -> Result<(), Failed>,
    answer: &mut Answer,
) -> Result<(), Failed> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/chat/completions")
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .map_err(|error| Failed::because(format!("The request could not be made: {error}")))?;
    let Ok(response) = router.oneshot(request).await;
    let status = response.status();
    let mut body = response.into_body();
    let mut events = Events::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failed::because(format!("The answer broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if status != StatusCode::OK {
            events.rest.extend_from_slice(&data);
            continue;
        }
        for event in events.read(&data) {
            take(&event, answer, &show)?;
        }
    }
    if status == StatusCode::OK {
        Ok(())
    } else {
        Err(refused(&serde_json::from_slice(&events.rest).unwrap_or_default()))
    }
}

fn take(
    event: &Value,
    answer: &mut Answer,
    show: &impl Fn(&str) -> Result<(), Failed>,
) -> Result<(), Failed> {
    if event.get("error").is_some() {
        return Err(refused(event));
    }
    let choice = &event["choices"][0];
    if let Some(text) = choice["delta"]["content"].as_str() {
        answer.text.push_str(text);
        show(text)?;
    }
    if let Some(reason) = choice["finish_reason"].as_str() {
        answer.finish_reason = Some(reason.to_owned());
    }
    for (name, slot) in [("usage", &mut answer.usage), ("timings", &mut answer.timings)] {
        if let Some(value) = event.get(name).filter(|value| value.is_object()) {
            *slot = value.clone();
        }
    }
    Ok(())
}

/// An error in the API's shape.
fn refused(json: &Value) -> Failed {
    let text = |name: &str| json["error"][name].as_str();
    let failed = Failed::because(text("message").unwrap_or("The server answered with an error"));
    match text("remedy") {
        Some(remedy) => failed.remedy(remedy),
        None => failed,
    }
}

/// Cuts a stream of server-sent events into the JSON of each.
#[derive(Default)]
struct Events {
    /// What came of a line that is not whole yet.
    rest: Vec<u8>,
}

impl Events {
    fn read(&mut self, data: &[u8]) -> Vec<Value> {
        self.rest.extend_from_slice(data);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            // The last event is `data: [DONE]`, which is no JSON.
            let json = line.strip_prefix(b"data:").and_then(|json| serde_json::from_slice(json).ok());
            events.extend(json);
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_wherever_they_are_cut() {
        let stream = b"data: {\"a\":1}\n\n: waiting\n\ndata: {\"b\":\"\xc3\xa9\"}\n\ndata: [DONE]\n\n";
        for cut in 0..stream.len() {
            let mut events = Events::default();
            let mut read = events.read(&stream[..cut]);
            read.extend(events.read(&stream[cut..]));
            assert_eq!(read, [serde_json::json!({"a": 1}), serde_json::json!({"b": "é"})], "cut at {cut}");
        }
    }
}
