//! `GET /api/v1/events`: what happens, as server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use loadmaster_orchestrator::Status;
use serde_json::Value;
use tokio::sync::watch;

use crate::{ApiError, Gateway};

/// How often a silent stream says that it lives: less than the shortest timeout of common proxies, a minute.
const ALIVE: Duration = Duration::from_secs(15);

/// A snapshot of the status, then each event. `Last-Event-ID` goes on after that event, without a snapshot
/// if all that followed is still kept.
pub(crate) async fn events(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let status = gateway.orchestrator.status().await?;
    let asked = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse::<u64>().ok());
    // An id of an earlier run of this program is less than all of this one.
    let last = asked.and_then(|id| id.checked_sub(gateway.first_event)).filter(|id| *id <= status.last_event);
    let changes = gateway.journal.changes();
    let mut listener = Listener { gateway, changes, last, due: VecDeque::new() };
    if last.is_none() {
        listener.show(&status);
    }
    let stream = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

struct Listener {
    gateway: Arc<Gateway>,
    changes: watch::Receiver<u64>,
    /// The event up to which it knows everything.
    last: Option<u64>,
    due: VecDeque<Event>,
}

impl Listener {
    /// The next event; `None` when nothing runs any more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.due.pop_front() {
                return Some(event);
            }
            self.changes.mark_unchanged();
            let Some(news) = self.last.and_then(|last| self.gateway.journal.after(last)) else {
                // It was too slow, or away for too long.
                let status = self.gateway.orchestrator.status().await.ok()?;
                self.show(&status);
                continue;
            };
            if news.is_empty() {
                tokio::select! {
                    biased;
                    change = self.changes.changed() => change.ok()?,
                    () = self.gateway.orchestrator.closed() => return None,
                }
            }
            for notice in news {
                self.last = Some(notice.id);
                // What happens can always be shown: its keys are strings.
                let data = serde_json::to_value(&notice.event).unwrap_or_default();
                let name = data["event"].as_str().unwrap_or("event").to_owned();
                self.add(&name, notice.id, &data);
            }
        }
    }

    fn show(&mut self, status: &Status) {
        self.last = Some(status.last_event);
        let data = serde_json::to_value(status).unwrap_or_default();
        self.add("snapshot", status.last_event, &data);
    }

    fn add(&mut self, name: &str, id: u64, data: &Value) {
        let id = self.gateway.first_event.saturating_add(id);
        self.due.push_back(Event::default().event(name).id(id.to_string()).data(data.to_string()));
    }
}
