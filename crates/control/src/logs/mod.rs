//! `/api/v1/logs/{source}`: what this program and its servers write down.

mod daemon;
mod server;
mod tail;
mod topic;

use std::path::{Path, PathBuf};

use axum::{
    Json, Router,
    extract::{Path as Segment, Query, State, rejection::QueryRejection},
    http::StatusCode,
    routing::get,
};
use loadmaster_core::{BackendContext, Model, ModelKind};
use loadmaster_orchestrator::{ModelStatus, OrchestratorError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::daemon::DaemonLog;
pub(crate) use self::topic::LogsTopic;
use crate::{ApiError, ControlState};

/// The name of this program's own log.
pub(crate) const DAEMON: &str = "daemon";

/// How many lines are told unless more are asked for.
const LINES: usize = 1000;

/// How many lines are told at most.
const MOST_LINES: usize = 10_000;

/// How bad it is; the worst is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// `daemon`, or the instance that wrote it, as well as is known.
    pub(crate) source: String,
    /// The model whose server wrote it.
    pub(crate) model: Option<String>,
    /// How bad it is.
    pub(crate) level: Level,
    /// When: milliseconds since 1970; none where the server did not say.
    pub(crate) at_ms: Option<u64>,
    /// What was written.
    pub(crate) line: String,
    /// Grows with each line of the same log; of two lines with the same number and source one is enough.
    pub(crate) seq: u64,
}

/// Some lines, the oldest first.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<LogLine>,
    /// To be sent as `after` for what follows.
    pub(crate) next: u64,
}

/// Where logs are.
#[derive(Debug, Clone)]
pub struct Logs {
    /// This program's own.
    pub daemon: DaemonLog,
    /// The folder that backends write servers' logs into.
    pub folder: PathBuf,
}

impl Logs {
    /// The file of a model's server.
    fn file(&self, model: &ModelStatus) -> PathBuf {
        let context = BackendContext { log_dir: self.folder.clone(), ..BackendContext::default() };
        let kind = ModelKind::clone(&model.kind);
        context.log_path(&Model { id: model.id.clone(), kind, path: PathBuf::new() })
    }
}

/// Who writes into the log of `model`, as well as is known.
fn source(model: &ModelStatus) -> String {
    model.instance.as_ref().map_or_else(|| model.id.clone(), |instance| instance.id.to_string())
}

/// Which lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Only what is as bad, or worse.
    level: Option<Level>,
    /// Only what follows; the `next` of an earlier answer.
    after: Option<u64>,
    /// The most lines; 1000 unless said, at most 10000.
    limit: Option<usize>,
}

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/logs/{source}", get(lines))
}

/// The latest lines of this program's log, or of a model's server.
#[utoipa::path(
    get, path = "/api/v1/logs/{source}", tag = "logs",
    params(
        ("source" = String, Path, description = "`daemon`, or a model's name"),
        ("level" = Option<Level>, Query, description = "Only what is as bad, or worse"),
        ("after" = Option<u64>, Query, description = "Only what follows; the `next` of an earlier answer"),
        ("limit" = Option<usize>, Query, description = "The most lines; 1000 unless said, at most 10000"),
    ),
    responses((status = 200, body = Lines), (status = 404, body = crate::openapi::Error)),
)]
pub(crate) async fn lines(
    State(state): State<ControlState>,
    Segment(source): Segment<String>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Lines>, ApiError> {
    let Query(asked) = query.map_err(|rejection| {
        let remedy = "Send level=error|warn|info|debug, after=N and limit=N, or leave them out.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text(), remedy)
    })?;
    let level = asked.level.unwrap_or(Level::Debug);
    let limit = asked.limit.unwrap_or(LINES).min(MOST_LINES);
    if source == DAEMON {
        return Ok(Json(state.logs.daemon.lines(level, asked.after, limit)));
    }
    let models = state.orchestrator.status().await?.models;
    // Only a model that is known has a file: no name from outside becomes a path by itself.
    let Some(model) = models.iter().find(|model| model.id == source) else {
        let known = models.into_iter().map(|model| model.id).collect();
        return Err(OrchestratorError::UnknownModel { model: source, known }.into());
    };
    let (file, writer, name) = (state.logs.file(model), self::source(model), model.id.clone());
    let read = tokio::task::spawn_blocking(move || {
        server::lines(&file, level, asked.after, limit, &writer, &name)
            .map_err(|error| unreadable(&file, &error))
    });
    Ok(Json(read.await.map_err(|error| ended(&error))??))
}

fn unreadable(file: &Path, error: &std::io::Error) -> ApiError {
    let message = format!("The log {} cannot be read: {error}", file.display());
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "log_unreadable", message, "Check the folder of logs.")
}

/// Work on another thread ended early.
pub(crate) fn ended(error: &tokio::task::JoinError) -> ApiError {
    let remedy = "Try again; report it if it stays.";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string(), remedy)
}
