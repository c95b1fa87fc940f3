//! The body of an answer on its way, and what becomes of it when the server dies.

use std::{io, time::Duration};

use axum::{
    body::{Body, HttpBody},
    http::StatusCode,
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use loadmaster_core::Failure;
use loadmaster_orchestrator::Lease;
use loadmaster_upstream::RequestError;

use crate::{
    ApiError,
    exchange::{self, Answer},
};

/// A connection breaks a moment before its process is known to be dead; how long that is waited for. On a machine
/// that is busy with other things the word may come late, and without it the request is not sent again.
const DEATH_NOTICE: Duration = Duration::from_secs(2);

/// Why the server died, if it died.
pub(crate) async fn death(lease: &Lease) -> Option<Failure> {
    tokio::time::timeout(DEATH_NOTICE, lease.crashed()).await.ok()
}

/// The exchange with a server broke that lives.
pub(crate) fn broken(lease: &Lease, error: &RequestError) -> ApiError {
    let model = &lease.instance().plan.model.id;
    let message = format!("The server of '{model}' broke the connection: {error}");
    let remedy = "Send the request again; look at the server's log if it stays.";
    ApiError::new(StatusCode::BAD_GATEWAY, "connection_broken", message, remedy)
}

/// A server's answer on its way to the client.
#[derive(Debug)]
pub(crate) struct Passage {
    answer: Answer,
    /// The beginning of its body, which was waited for before anything was passed on; `None` if it has no body.
    first: Option<Bytes>,
    lease: Lease,
    /// Whether what was passed on so far ends with a whole event.
    whole: bool,
}

pub(crate) type Step = Option<(io::Result<Bytes>, Option<Passage>)>;

impl Passage {
    pub(crate) fn new(answer: Answer, first: Option<Bytes>, lease: Lease) -> Self {
        Self { answer, first, lease, whole: true }
    }

    /// Answers with the server's answer as it comes. The lease ends with the last byte of it, or when the client
    /// goes away.
    pub(crate) fn relay(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.answer.head.status;
        *response.headers_mut() = exchange::to_client(&self.answer.head.headers);
        *response.body_mut() = self.body();
        response
    }

    fn body(self) -> Body {
        if self.answer.body.is_end_stream() {
            return self.first.map_or_else(Body::empty, Body::from);
        }
        let passages = stream::unfold(Some(self), |passage| async move { passage?.next().await });
        Body::from_stream(passages.fuse())
    }

    /// Whether the body is a stream of server-sent events.
    pub(crate) fn is_event_stream(&self) -> bool {
        self.answer.is_event_stream()
    }

    /// The next bytes, and what is to come after them.
    pub(crate) async fn next(mut self) -> Step {
        let data = match self.first.take() {
            Some(first) => first,
            None => match exchange::next_data(&mut self.answer.body).await? {
                Ok(data) => data,
                Err(error) => return self.broken(&error).await,
            },
        };
        self.whole = data.ends_with(b"\n\n");
        Some((Ok(data), Some(self)))
    }

    /// All of it, as far as it comes.
    pub(crate) async fn text(mut self) -> String {
        let mut all = Vec::from(self.first.take().unwrap_or_default());
        while let Some(Ok(data)) = exchange::next_data(&mut self.answer.body).await {
            all.extend(data);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// A client that reads events is told in an event. Others see a body that breaks off: its status
    /// was sent long ago.
    async fn broken(self, error: &RequestError) -> Step {
        let told = match death(&self.lease).await {
            Some(failure) => ApiError::died(&self.lease.instance().plan.model.id, &failure),
            None => broken(&self.lease, error),
        };
        tracing::warn!(error = ?told, "an answer broke off");
        let last = if self.is_event_stream() && self.whole {
            Ok(Bytes::from(format!("data: {}\n\n", told.body())))
        } else {
            Err(io::Error::other(told.body().to_string()))
        };
        Some((last, None))
    }
}
