//! A stream whose model is not ready yet: comments about the queue, and then the answer.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use loadmaster_orchestrator::{Lease, OrchestratorError, Waiting};
use serde_json::Value;

use crate::{
    Gateway,
    exchange::Exchange,
    stream::{Passage, is_event_stream},
};

/// How often who waits is told of it.
const AGAIN: Duration = Duration::from_secs(3);

/// Begins a stream of events now. Whatever fails from here on is told in an event.
pub(crate) fn response(gateway: Arc<Gateway>, exchange: Exchange, place: Waiting) -> Response {
    let waits = Waits { gateway, exchange, place, told: false };
    let body = stream::unfold(Phase::Waits(Box::new(waits)), |phase| async move {
        match phase {
            Phase::Waits(waits) => waits.next().await,
            Phase::Answers(passage) => answered(*passage).await,
            Phase::Over => None,
        }
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

type Step = Option<(io::Result<Bytes>, Phase)>;

enum Phase {
    Waits(Box<Waits>),
    Answers(Box<Passage>),
    Over,
}

struct Waits {
    gateway: Arc<Gateway>,
    exchange: Exchange,
    place: Waiting,
    /// Whether it was told already that it waits.
    told: bool,
}

impl Waits {
    async fn next(mut self: Box<Self>) -> Step {
        let pause = if self.told { AGAIN } else { Duration::ZERO };
        self.told = true;
        if let Ok(outcome) = tokio::time::timeout(pause, &mut self.place).await {
            return self.granted(outcome).await;
        }
        let comment = self.place.place().await.map_or_else(
            || ": waiting\n\n".to_owned(),
            |place| format!(": waiting, place {} of {}\n\n", place.place, place.of),
        );
        Some((Ok(comment.into()), Phase::Waits(self)))
    }

    async fn granted(self: Box<Self>, outcome: Result<Lease, OrchestratorError>) -> Step {
        let lease = match self.gateway.journal.counts.answered(outcome) {
            Ok(lease) => lease,
            Err(error) => return last(&error.body()),
        };
        match self.exchange.with(&self.gateway, lease).await {
            Ok((answer, lease)) if answer.status() == StatusCode::OK && is_event_stream(&answer) => {
                answered(Passage::new(answer, lease)).await
            }
            Ok((answer, _lease)) => {
                // The server refused it: its words, in an event.
                let text = answer.text().await.unwrap_or_default();
                let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
                last(&json)
            }
            Err(error) => last(&error.body()),
        }
    }
}

async fn answered(passage: Passage) -> Step {
    let (bytes, rest) = passage.next().await?;
    Some((bytes, rest.map_or(Phase::Over, |rest| Phase::Answers(Box::new(rest)))))
}

/// JSON in the last event: it has no line breaks.
#[expect(clippy::unnecessary_wraps, reason = "it is a step like all others")]
fn last(json: &Value) -> Step {
    Some((Ok(format!("data: {json}\n\n").into()), Phase::Over))
}
