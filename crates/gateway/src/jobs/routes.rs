//! The routes of `/api/v1/jobs`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use loadmaster_images::Task;
use serde_json::{Value, json};

use super::{Job, Submission, events, result, submit};
use crate::{ApiError, Gateway, images, wish};

pub(crate) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/api/v1/jobs", get(list).post(begin))
        .route("/api/v1/jobs/{id}", get(one).delete(delete))
        .route("/api/v1/jobs/{id}/cancel", post(cancel))
        .route("/api/v1/jobs/{id}/events", get(listen))
        .route("/api/v1/jobs/{id}/result", get(result::result))
        .route("/api/v1/jobs/{id}/images/{name}", get(result::image))
        .route("/api/v1/jobs/{id}/preview", get(result::preview))
}

/// The job of that id.
pub(super) fn find(gateway: &Gateway, id: &str) -> Result<Arc<Job>, ApiError> {
    gateway.jobs()?.find(id).ok_or_else(|| {
        let message = format!("There is no job '{}'", id.chars().take(64).collect::<String>());
        let remedy = "It may have been kept long enough; `GET /api/v1/jobs` lists all.";
        ApiError::new(StatusCode::NOT_FOUND, "job_not_found", message, remedy)
    })
}

async fn list(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, ApiError> {
    let jobs: Vec<Value> = gateway.jobs()?.all().iter().map(|job| job.record().shown()).collect();
    Ok(Json(json!({ "object": "list", "data": jobs })))
}

async fn begin(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    gateway.jobs()?;
    let body = body.map_err(|rejection| {
        let remedy = "Send a smaller request, or check the connection.";
        ApiError::new(rejection.status(), "unreadable_body", rejection.body_text(), remedy)
    })?;
    let wish = wish::of(&headers)?;
    let task = task(&body)?;
    let asked = images::read_json(&gateway, task, body).await?;
    let job = submit(&gateway, Submission { asked, wish, keep: None }).await?;
    let record = job.record();
    let mut answer = (StatusCode::ACCEPTED, Json(record.shown())).into_response();
    if let Ok(path) = HeaderValue::from_str(&record.path()) {
        answer.headers_mut().insert(header::LOCATION, path);
    }
    Ok(answer)
}

/// What a submission asks for: an edit, where it brings an image.
fn task(body: &[u8]) -> Result<Task, ApiError> {
    #[derive(serde::Deserialize)]
    struct Kind {
        kind: Option<Value>,
        image: Option<serde::de::IgnoredAny>,
    }
    // What is no JSON is refused when it is read whole.
    let Ok(Kind { kind, image }) = serde_json::from_slice(body) else { return Ok(Task::Generate) };
    match kind {
        None => {}
        Some(Value::String(kind)) if kind == "image" => {}
        Some(other) => {
            let message = format!("kind cannot be {other}");
            let refused = ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                message,
                "Send image: jobs make images.",
            );
            return Err(refused.with("param", "kind"));
        }
    }
    Ok(if image.is_some() { Task::Edit } else { Task::Generate })
}

async fn one(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(find(&gateway, &id)?.record().shown()))
}

async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let job = find(&gateway, &id)?;
    job.cancel();
    Ok(Json(job.record().shown()))
}

async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let job = find(&gateway, &id)?;
    if !job.cancel() {
        let jobs = Arc::clone(gateway.jobs()?);
        let _ = tokio::task::spawn_blocking(move || jobs.forget(&id)).await;
    }
    Ok(Json(job.record().shown()))
}

async fn listen(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(events::events(&*find(&gateway, &id)?, &headers))
}
