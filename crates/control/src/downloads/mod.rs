//! `/api/v1/downloads`: models on their way here.

mod discard;
mod list;
mod progress;
mod queue;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State, rejection::BytesRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use loadmaster_gateway::{Topics, json_body};
use loadmaster_models::ModelName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::list::Wish;
pub(crate) use self::queue::Downloads;
use crate::{
    ApiError, ControlState, failed,
    task::{Task, TaskState},
};

/// What a body looks like.
const SHAPE: &str = r#"{"source": "owner/repo:Q4_K_M", "name": "mine"}"#;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new()
        .route("/api/v1/downloads", get(list).post(begin))
        .route("/api/v1/downloads/{id}", get(one).delete(cancel))
        .route("/api/v1/downloads/{id}/pause", post(pause))
        .route("/api/v1/downloads/{id}/resume", post(resume))
}

pub(crate) fn topics(state: &ControlState, topics: &mut Topics) {
    topics.add("downloads", Arc::new(state.downloads().board().clone()));
}

/// What is to be downloaded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// `owner/repo`, `owner/repo:Q4_K_M`, `owner/repo:file.gguf`, a short name of the catalog, or an address.
    source: String,
    /// What to call it here; by default as its file.
    name: Option<String>,
    /// Even if it does not fit this machine.
    #[serde(default)]
    anyway: bool,
}

/// How one goes on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Again {
    /// Even if it does not fit this machine.
    #[serde(default)]
    anyway: bool,
}

/// All downloads, and verifications of models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    downloads: Vec<Task>,
}

/// All that are under way, and the latest that are over.
#[utoipa::path(get, path = "/api/v1/downloads", tag = "downloads", responses((status = 200, body = Listed)))]
pub(crate) async fn list(State(state): State<ControlState>) -> Json<Listed> {
    Json(Listed { downloads: state.downloads().all() })
}

/// Brings a model here. Asked twice for the same, it is the same download, which goes on if it was paused.
#[utoipa::path(
    post, path = "/api/v1/downloads", tag = "downloads",
    request_body = Asked,
    responses(
        (status = 202, body = Task),
        (status = 400, description = "It names no model", body = crate::openapi::Error),
        (status = 404, description = "The catalog has no such short name", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn begin(
    State(state): State<ControlState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let Asked { source, name, anyway } = json_body::read(body, SHAPE)?;
    let puller = state.program.puller().await?;
    let reference = puller.reference(&source).map_err(|error| failed::models(&error))?;
    let name = name.map(ModelName::new).transpose().map_err(|error| failed::models(&error))?;
    let source = reference.to_string();
    let task = state.downloads().add(Wish::Model { reference, name }, source, anyway).await;
    Ok((StatusCode::ACCEPTED, Json(task)))
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/downloads/{id}", tag = "downloads",
    params(("id" = String, Path)),
    responses((status = 200, body = Task), (status = 404, body = crate::openapi::Error)),
)]
pub(crate) async fn one(
    State(state): State<ControlState>,
    Path(id): Path<String>,
) -> Result<Json<Task>, ApiError> {
    state.downloads().get(&id).map(Json).ok_or_else(|| unknown(&id))
}

/// Pauses it. What came is kept.
#[utoipa::path(
    post, path = "/api/v1/downloads/{id}/pause", tag = "downloads",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = Task),
        (status = 404, body = crate::openapi::Error),
        (status = 409, description = "It cannot be paused", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn pause(
    State(state): State<ControlState>,
    Path(id): Path<String>,
) -> Result<Json<Task>, ApiError> {
    let paused = state.downloads().pause(&id).ok_or_else(|| unknown(&id))?;
    paused.map(Json).map_err(|now| forbidden(&id, now, "be paused"))
}

/// Goes on with one that was paused or has failed, with what came until then.
#[utoipa::path(
    post, path = "/api/v1/downloads/{id}/resume", tag = "downloads",
    params(("id" = String, Path)),
    request_body(content = Again, description = "May be left out"),
    responses(
        (status = 200, body = Task),
        (status = 404, body = crate::openapi::Error),
        (status = 409, description = "It is over", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn resume(
    State(state): State<ControlState>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Task>, ApiError> {
    let Again { anyway } = match body {
        Ok(body) if body.is_empty() => Again::default(),
        body => json_body::read(body, r#"{"anyway": true}"#)?,
    };
    let resumed = state.downloads().resume(&id, anyway).ok_or_else(|| unknown(&id))?;
    resumed.map(Json).map_err(|now| forbidden(&id, now, "go on"))
}

/// Calls it off, and removes what came. One that is over leaves the list.
#[utoipa::path(
    delete, path = "/api/v1/downloads/{id}", tag = "downloads",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "It is called off", body = Task),
        (status = 204, description = "It was over, and is not in the list any more"),
        (status = 404, body = crate::openapi::Error),
    ),
)]
pub(crate) async fn cancel(
    State(state): State<ControlState>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let left = state.downloads().cancel(&id).await.ok_or_else(|| unknown(&id))?;
    Ok(left.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |task| Json(task).into_response()))
}

fn unknown(id: &str) -> ApiError {
    let message = format!("There is no download '{id}'");
    ApiError::new(StatusCode::NOT_FOUND, "download_not_found", message, "GET /api/v1/downloads lists them.")
}

fn forbidden(id: &str, state: TaskState, what: &str) -> ApiError {
    let (message, remedy) = if state.is_over() {
        (
            format!("The download '{id}' is over and cannot {what}"),
            "Ask for it again: POST /api/v1/downloads.",
        )
    } else {
        (format!("'{id}' is no download and cannot {what}"), "Call it off: DELETE /api/v1/downloads/{id}.")
    };
    ApiError::new(StatusCode::CONFLICT, "wrong_state", message, remedy).with("state", state)
}
