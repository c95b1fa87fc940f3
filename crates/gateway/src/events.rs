//! `GET /api/v1/events`: what happens, as server-sent events; with `?topics=` also states that change.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{
    StreamExt,
    stream::{self, SelectAll},
};
use loadmaster_orchestrator::Status;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::{ApiError, Gateway, News, Topics};

/// How often a silent stream says that it lives: less than the shortest timeout of common proxies, a minute.
const ALIVE: Duration = Duration::from_secs(15);

/// What else is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Names of topics, with commas between them.
    #[serde(default)]
    topics: String,
}

/// A snapshot of the status, then each event. `Last-Event-ID` goes on after that event, without a snapshot
/// if all that followed is still kept. Each topic tells its whole state first, whenever somebody connects.
pub(crate) async fn events(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = query.map_err(|rejection| {
        let remedy = "Send ?topics= with names and commas between them, or leave it out.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text(), remedy)
    })?;
    let topics = listen(&gateway.topics, &asked.topics)?;
    let status = gateway.orchestrator.status().await?;
    let asked = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse::<u64>().ok());
    // An id of an earlier run of this program is less than all of this one.
    let last = asked.and_then(|id| id.checked_sub(gateway.first_event)).filter(|id| *id <= status.last_event);
    let changes = gateway.journal.changes();
    let mut listener = Listener { gateway, changes, last, due: VecDeque::new() };
    if last.is_none() {
        listener.show(&status);
    }
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Some(event), listener))
    });
    let topics =
        topics.map(|News { event, data }| Some(Event::default().event(event).data(data.to_string())));
    // The end of the events is the end of all: topics would go on for ever.
    let events = events.chain(stream::once(async { None }));
    let both = stream::select(events, topics);
    let stream = both.take_while(|event| std::future::ready(event.is_some())).filter_map(std::future::ready);
    let stream = stream.map(Ok::<_, Infallible>);
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Listens to the topics that `asked` names.
fn listen(topics: &Topics, asked: &str) -> Result<SelectAll<stream::BoxStream<'static, News>>, ApiError> {
    let mut states = SelectAll::new();
    for name in asked.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let topic = topics.get(name).ok_or_else(|| {
            let message = format!("There is no topic '{name}'");
            let known: Vec<_> = topics.names().collect();
            let remedy = format!("There are: {}.", known.join(", "));
            ApiError::new(StatusCode::BAD_REQUEST, "unknown_topic", message, remedy).with("known", known)
        })?;
        states.push(topic.listen());
    }
    Ok(states)
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
                let mut data = serde_json::to_value(&notice.event).unwrap_or_default();
                data["at_ms"] = notice.at_ms.into();
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
