//! `GET /api/v1/jobs/{id}/events`: what becomes of a job, as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use tokio::sync::watch;

use super::{Job, JobState, Record};

/// How often a silent stream says that it lives.
const ALIVE: Duration = Duration::from_secs(15);

/// A `snapshot`, then each change; each is the whole job, so that whoever is slow misses steps and no state. The
/// stream ends with the job. `Last-Event-ID` of the latest state leaves the snapshot out.
pub(super) fn events(job: &Job, headers: &HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse::<u64>().ok());
    let listener = Listener { changes: job.changes(), told: last, begun: false, over: false };
    let stream = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

struct Listener {
    changes: watch::Receiver<Record>,
    /// The number of the state that it knows.
    told: Option<u64>,
    begun: bool,
    over: bool,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.over {
                return None;
            }
            if self.begun {
                self.changes.changed().await.ok()?;
            }
            let record = self.changes.borrow_and_update().clone();
            let first = !std::mem::replace(&mut self.begun, true);
            self.over = record.state.has_ended();
            if self.told.replace(record.updated_ms) == Some(record.updated_ms) {
                continue;
            }
            let name = if first { "snapshot" } else { name(record.state) };
            let data = record.shown().to_string();
            return Some(Event::default().event(name).id(record.updated_ms.to_string()).data(data));
        }
    }
}

fn name(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "progress",
        JobState::Completed => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}
