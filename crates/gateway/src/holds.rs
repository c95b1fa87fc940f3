//! `/api/v1/holds`: memory that is held for programs which are not ours.
//!
//! A hold ends by DELETE, by its time to live, or with the connection that took it
//! (`POST /api/v1/holds?while=connected`). The answer to that is a stream of lines, each a JSON object with a
//! `state`: `waiting`, `making-room` with who leaves, `granted`, `released`; or with an `error`. Empty lines in
//! between say that it lives.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use loadmaster_core::{Bytes as Amount, Event, HoldId};
use loadmaster_orchestrator::{
    AwaitedHold, Hold, HoldRequest, HoldStatus, Notice, Orchestrator, OrchestratorError,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{ApiError, Gateway, json_body};

/// What a body looks like.
const SHAPE: &str = r#"{"devices": {"gpu0": "4 GiB"}, "note": "a game", "ttl_seconds": 3600}"#;

/// How long a hold may take to be refused with a status of its own before its stream begins.
const SILENCE: Duration = Duration::from_millis(500);

/// How often a silent stream says that it lives: a client that was cut off is noticed then at the latest.
const ALIVE: Duration = Duration::from_secs(5);

/// What is to be held.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    devices: BTreeMap<String, Size>,
    #[serde(default)]
    note: String,
    ttl_seconds: Option<u64>,
    wait_seconds: Option<u64>,
}

/// An amount of memory: `"4 GiB"`, or a number of bytes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Size {
    Number(u64),
    Text(String),
}

impl Size {
    fn bytes(&self) -> Result<u64, String> {
        match self {
            Self::Number(bytes) => Ok(*bytes),
            Self::Text(text) => text.parse().map(|Amount(bytes)| bytes),
        }
    }
}

/// How long a hold is held.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    #[serde(rename = "while")]
    held_while: Option<While>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum While {
    Connected,
}

/// `GET /api/v1/holds`: all that is held, or waited for.
pub(crate) async fn list(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "holds": gateway.orchestrator.status().await?.holds })))
}

/// `DELETE /api/v1/holds/{id}`.
pub(crate) async fn release(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let hold: HoldId = id.parse().map_err(|cause: String| {
        ApiError::new(StatusCode::NOT_FOUND, "hold_not_found", cause, "GET /api/v1/holds lists them.")
    })?;
    gateway.orchestrator.release(hold).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/holds`: answers with 201 when the memory is held; with `?while=connected` with a stream.
pub(crate) async fn take(
    State(gateway): State<Arc<Gateway>>,
    query: Result<Query<Kept>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Query(Kept { held_while }) = query.map_err(|rejection| {
        let remedy = "Send ?while=connected, or leave it out.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text(), remedy)
    })?;
    let request = request(json_body::read(body, SHAPE)?)?;
    // Before it is asked for, so that nothing of what happens to it is missed.
    let events = gateway.orchestrator.events();
    let mut awaited = gateway.orchestrator.hold(request);
    match held_while {
        None => {
            let id = awaited.await?.keep();
            let held = status(&gateway.orchestrator, id).await?;
            Ok((StatusCode::CREATED, Json(held)).into_response())
        }
        Some(While::Connected) => {
            let id = awaited.id();
            let progress = match tokio::time::timeout(SILENCE, &mut awaited).await {
                Ok(outcome) => Progress::Granted(outcome?),
                Err(_) => Progress::Awaited(awaited),
            };
            Ok(connected(Connected { id, progress, events, said: None }))
        }
    }
}

fn request(asked: Asked) -> Result<HoldRequest, ApiError> {
    let Asked { devices, note, ttl_seconds, wait_seconds } = asked;
    let bytes = |(device, size): (String, Size)| Ok((device, size.bytes()?));
    let devices = devices.into_iter().map(bytes).collect::<Result<_, String>>().map_err(|cause| {
        let remedy = format!("Send JSON such as {SHAPE}.");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", cause, remedy)
    })?;
    let time = |seconds: Option<u64>| seconds.map(Duration::from_secs);
    Ok(HoldRequest { devices, note, wait: time(wait_seconds), ttl: time(ttl_seconds) })
}

async fn status(orchestrator: &Orchestrator, id: HoldId) -> Result<HoldStatus, ApiError> {
    let holds = orchestrator.status().await?.holds;
    // One that is over already was a very short one.
    let found = holds.into_iter().find(|hold| hold.id == id);
    found.ok_or_else(|| OrchestratorError::UnknownHold(id).into())
}

/// A hold that lives as long as the connection.
struct Connected {
    id: HoldId,
    progress: Progress,
    events: Receiver<Notice>,
    /// The state that the stream told of last.
    said: Option<&'static str>,
}

enum Progress {
    Awaited(AwaitedHold),
    Granted(#[expect(dead_code, reason = "it is there to be dropped with the stream")] Hold),
    Over,
}

fn connected(hold: Connected) -> Response {
    let body = stream::unfold(hold, |mut hold| async move {
        let line = hold.next().await?;
        Some((Ok::<_, io::Error>(Bytes::from(line)), hold))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

impl Connected {
    /// The next line; `None` when it is over.
    async fn next(&mut self) -> Option<String> {
        match &self.progress {
            Progress::Over => return None,
            Progress::Granted(_) if self.said != Some("granted") => return Some(self.line("granted", &[])),
            Progress::Awaited(_) if self.said.is_none() => return Some(self.line("waiting", &[])),
            _ => {}
        }
        loop {
            tokio::select! {
                outcome = granted(&mut self.progress) => return Some(self.answered(outcome)),
                event = self.events.recv() => match event {
                    Ok(Notice { event, .. }) => if let Some(line) = self.told(event) { return Some(line) },
                    // What was missed is not worth an end.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep(ALIVE) => return Some("\n".to_owned()),
            }
        }
    }

    fn answered(&mut self, outcome: Result<Hold, OrchestratorError>) -> String {
        match outcome {
            Ok(hold) => {
                self.progress = Progress::Granted(hold);
                self.line("granted", &[])
            }
            Err(error) => {
                self.progress = Progress::Over;
                format!("{}\n", ApiError::from(error).body())
            }
        }
    }

    /// What an event means for this stream.
    fn told(&mut self, event: Event) -> Option<String> {
        match event {
            // One that is granted meanwhile waits no more.
            Event::HoldWaits { hold, leaving, .. }
                if hold == self.id && matches!(self.progress, Progress::Awaited(_)) =>
            {
                Some(self.line("making-room", &[("leaving", json!(leaving))]))
            }
            Event::HoldReleased { hold } if hold == self.id && self.said == Some("granted") => {
                self.progress = Progress::Over;
                Some(self.line("released", &[]))
            }
            _ => None,
        }
    }

    fn line(&mut self, state: &'static str, more: &[(&str, Value)]) -> String {
        self.said = Some(state);
        let mut line = json!({ "state": state, "id": self.id });
        for (name, value) in more {
            line[*name] = value.clone();
        }
        format!("{line}\n")
    }
}

/// The outcome of a hold that is waited for; never one where none is.
async fn granted(progress: &mut Progress) -> Result<Hold, OrchestratorError> {
    match progress {
        Progress::Awaited(awaited) => awaited.await,
        _ => std::future::pending().await,
    }
}
