//! A plain HTTP client of Loadmaster.

use std::{
    io::{BufRead, BufReader},
    time::Duration,
};

use reqwest::{
    blocking::{Client, RequestBuilder, Response},
    header::HeaderMap,
};
use serde_json::{Value, json};

use crate::support::{Daemon, smollm2};

/// Far more than any answer of these tests takes: it ends a test that hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name that the model is served under.
pub(crate) fn model_id() -> String {
    smollm2().file_stem().expect("the model is a file").to_string_lossy().into_owned()
}

/// A client that takes no proxy from the environment.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client without anything special")
}

/// An answer that is JSON, and that came whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn to(request: RequestBuilder) -> Self {
        let response = request.send().expect("Loadmaster answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().expect("the answer comes whole");
        let body = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {status} {text:?}"));
        Self { status, headers, body }
    }

    /// The error that it is, in the API's shape.
    pub(super) fn error(&self, status: u16, code: &str) -> &Value {
        assert_eq!(self.status, status, "{self:?}");
        let error = &self.body["error"];
        assert_eq!(error["code"], code, "{self:?}");
        for told in ["message", "type", "remedy"] {
            assert!(error[told].as_str().is_some_and(|text| !text.is_empty()), "{told}: {self:?}");
        }
        error
    }

    /// What the model said.
    pub(super) fn text(&self) -> &str {
        assert_eq!(self.status, 200, "{self:?}");
        self.body["choices"][0]["message"]["content"].as_str().expect("a chat answer has a text")
    }
}

/// Where chats are sent.
pub(crate) fn chat_url(daemon: &Daemon) -> String {
    format!("{}/v1/chat/completions", daemon.url)
}

/// A question with one right answer.
pub(crate) fn question() -> Value {
    json!({
        "model": model_id(),
        "messages": [{ "role": "user", "content": "What is the name of France's capital?" }],
        "temperature": 0,
        "max_tokens": 16,
    })
}

/// A request whose answer has exactly so many tokens.
pub(super) fn story(tokens: u32) -> Value {
    json!({
        "model": model_id(),
        "messages": [{ "role": "user", "content": "Tell me a very long story about a whale." }],
        "temperature": 0,
        "max_tokens": tokens,
        "ignore_eos": true,
    })
}

/// Asks, and waits for the whole answer.
pub(super) fn ask(daemon: &Daemon, request: &Value) -> Answer {
    Answer::to(client().post(chat_url(daemon)).json(request))
}

/// Asks the question; fails when the answer is wrong.
pub(crate) fn ask_for_paris(daemon: &Daemon) {
    let answer = ask(daemon, &question());
    assert!(answer.text().contains("Paris"), "{answer:?}");
}

/// What the daemon says of its model's instance.
pub(super) fn instance(daemon: &Daemon) -> Value {
    daemon.model()["instance"].clone()
}

/// A streamed answer.
pub(super) struct Events(BufReader<Response>);

impl Events {
    /// Begins `request` as a stream, and waits for its first event.
    pub(super) fn begin(daemon: &Daemon, mut request: Value) -> Self {
        request["stream"] = true.into();
        let response = client().post(chat_url(daemon)).json(&request).send().expect("Loadmaster answers");
        assert_eq!(response.status().as_u16(), 200);
        let kind = response.headers()["content-type"].to_str().expect("a content type is ASCII");
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        let mut events = Self(BufReader::new(response));
        let first = events.next().expect("the stream begins");
        assert_eq!(first["object"], "chat.completion.chunk", "{first}");
        events
    }
}

/// The data of each event; `null` is OpenAI's `[DONE]`. Fails when the stream breaks off.
impl Iterator for Events {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        while self.0.read_line(&mut line).expect("the stream goes on") > 0 {
            if let Some(data) = line.trim().strip_prefix("data: ") {
                return Some(match data {
                    "[DONE]" => Value::Null,
                    data => serde_json::from_str(data).expect("an event's data is JSON"),
                });
            }
            line.clear();
        }
        None
    }
}
