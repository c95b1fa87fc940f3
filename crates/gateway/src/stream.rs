//! The body of an answer on its way, and what becomes of it when the server dies.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use loadmaster_core::Failure;
use loadmaster_orchestrator::Lease;
use loadmaster_upstream::{RequestError, Response};

use crate::ApiError;

/// A connection breaks a moment before its process is known to be dead.
const DEATH_NOTICE: Duration = Duration::from_millis(500);

/// The server's body as it comes. Holds the lease until the last byte, or until it is dropped.
pub(crate) fn body(answer: Response, lease: Lease) -> Body {
    Body::from_stream(
        stream::unfold(Some(Passage::new(answer, lease)), |passage| async move {
            match passage {
                Some(passage) => passage.next().await,
                None => None,
            }
        })
        .fuse(),
    )
}

/// Whether the body is a stream of server-sent events.
pub(crate) fn is_event_stream(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Why the server died, if it died.
pub(crate) async fn death(lease: &Lease) -> Option<Failure> {
    tokio::time::timeout(DEATH_NOTICE, lease.crashed()).await.ok()
}

/// Why the exchange with the server broke: its death, if it died.
pub(crate) async fn broken(lease: &Lease, error: &RequestError) -> ApiError {
    let model = &lease.instance().plan.model.id;
    if let Some(failure) = death(lease).await {
        return ApiError::died(model, &failure);
    }
    let message = format!("The server of '{model}' broke the connection: {error}");
    let remedy = "Send the request again; look at the server's log if it stays.";
    ApiError::new(StatusCode::BAD_GATEWAY, "connection_broken", message, remedy)
}

/// A server's body on its way to the client.
pub(crate) struct Passage {
    body: loadmaster_upstream::Body,
    lease: Lease,
    /// Whether the body is a stream of server-sent events.
    events: bool,
    /// Whether what was passed on so far ends with a whole event.
    whole: bool,
}

pub(crate) type Step = Option<(io::Result<Bytes>, Option<Passage>)>;

impl Passage {
    pub(crate) fn new(answer: Response, lease: Lease) -> Self {
        let events = is_event_stream(&answer);
        Self { body: answer.into(), lease, events, whole: true }
    }

    /// The next bytes, and what is to come after them.
    pub(crate) async fn next(mut self) -> Step {
        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    // Trailers are not passed on: the server sends none.
                    let Ok(data) = frame.into_data() else { continue };
                    self.whole = data.ends_with(b"\n\n");
                    return Some((Ok(data), Some(self)));
                }
                Err(error) => return self.broken(&error).await,
            }
        }
    }

    /// A client that reads events is told in an event. Others see a body that breaks off: its status
    /// was sent long ago.
    async fn broken(self, error: &RequestError) -> Step {
        let told = broken(&self.lease, error).await;
        tracing::warn!(error = ?told, "an answer broke off");
        let last = if self.events && self.whole {
            Ok(Bytes::from(format!("data: {}\n\n", told.body())))
        } else {
            Err(io::Error::other(told.body().to_string()))
        };
        Some((last, None))
    }
}
