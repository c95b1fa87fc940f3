//! A stream whose answer is not there yet: comments about the queue, and then the answer.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream::unfold;
use serde_json::Value;
use tokio::time::{error::Elapsed, timeout};

use crate::{ApiError, attempts::Attempts, stream::Passage, told::Told};

/// How long a request that streams waits for a server, or for the first event of its answer, before the answer
/// begins with comments. Until then, what is refused gets a status of its own.
const SILENCE: Duration = Duration::from_secs(1);

/// How often who waits is told of it.
const AGAIN: Duration = Duration::from_secs(3);

/// Answers with the server's answer. Where the client asked for a stream (`streams`), or the server has begun
/// one, and it has to be waited for, a stream begins before it.
pub(crate) async fn answered(mut attempts: Attempts, streams: bool) -> Result<Response, ApiError> {
    loop {
        if !attempts.is_sent() {
            let lease = match within(SILENCE, streams, attempts.lease()).await {
                Ok(lease) => lease?,
                Err(_) => return Ok(response(attempts)),
            };
            attempts.ask(lease).await?;
        }
        let Ok(first) = within(SILENCE, attempts.streams(), attempts.first()).await else {
            return Ok(response(attempts));
        };
        if let Some(passage) = attempts.begun(first).await? {
            return Ok(passage.relay());
        }
    }
}

async fn within<F: Future>(time: Duration, bounded: bool, future: F) -> Result<F::Output, Elapsed> {
    if bounded { timeout(time, future).await } else { Ok(future.await) }
}

/// Begins a stream of events now. Whatever fails from here on is told in an event.
fn response(attempts: Attempts) -> Response {
    let waits = Waits { attempts, told: false };
    let body = unfold(Phase::Waits(Box::new(waits)), |phase| async move {
        match phase {
            Phase::Waits(waits) => waits.next().await,
            Phase::Answers(passage) => passed_on(*passage).await,
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
    attempts: Attempts,
    /// Whether it was told already that it waits.
    told: bool,
}

impl Waits {
    async fn next(mut self: Box<Self>) -> Step {
        loop {
            let pause = if self.told { AGAIN } else { Duration::ZERO };
            match self.goes_on(pause).await {
                Ok(Ok(Some(passage))) => return begin(passage).await,
                // It is at a server now, or waits again.
                Ok(Ok(None)) => self.told = self.attempts.is_sent(),
                Ok(Err(error)) => return last(&error.body()),
                Err(_) => {
                    self.told = true;
                    return Some((Ok(self.comment().await.into()), Phase::Waits(self)));
                }
            }
        }
    }

    /// What happens next, if it happens within `pause`.
    async fn goes_on(&mut self, pause: Duration) -> Result<Result<Option<Passage>, ApiError>, Elapsed> {
        if self.attempts.is_sent() {
            let first = timeout(pause, self.attempts.first()).await?;
            return Ok(self.attempts.begun(first).await);
        }
        Ok(match timeout(pause, self.attempts.lease()).await? {
            Ok(lease) => self.attempts.ask(lease).await.map(|()| None),
            Err(error) => Err(error),
        })
    }

    async fn comment(&self) -> String {
        if self.attempts.is_sent() {
            return ": working\n\n".to_owned();
        }
        self.attempts
            .place()
            .await
            .map_or_else(|| ": waiting\n\n".to_owned(), |place| format!(": {}\n\n", Told::of(&place)))
    }
}

async fn begin(passage: Passage) -> Step {
    if passage.is_event_stream() {
        return passed_on(passage).await;
    }
    // The server refused it: its words, in an event.
    let text = passage.text().await;
    last(&serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn passed_on(passage: Passage) -> Step {
    let (bytes, rest) = passage.next().await?;
    Some((bytes, rest.map_or(Phase::Over, |rest| Phase::Answers(Box::new(rest)))))
}

/// JSON in the last event: it has no line breaks.
#[expect(clippy::unnecessary_wraps, reason = "it is a step like all others")]
fn last(json: &Value) -> Step {
    Some((Ok(format!("data: {json}\n\n").into()), Phase::Over))
}
