//! The image server of genai-electron 0.22, for its clients: `POST /v1/images/generations` begins a generation, and
//! its state is asked for until it has ended.
//!
//! Fields, states, codes, statuses and messages are those of its `DiffusionServerManager`; what waits there was
//! refused as busy, and waits here. Generations are jobs: they are kept for five minutes after their end, and can
//! be seen under `/api/v1/jobs`.
//!
//! The model is the only one of images, or the one that `?model=` or a field `model` names.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use loadmaster_images::{ErrorCode, ImageError, Progress, Stage, Task, encode_base64};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    ApiError, Gateway, images,
    jobs::{self, Job, JobState, Record, Submission},
    wish,
};

/// What the paths of that server are put behind.
pub(crate) const PREFIX: &str = "/compat/genai-electron";

/// How long a generation is kept after its end, as there.
const KEEP: Duration = Duration::from_mins(5);

pub(crate) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/health", get(health))
        .route("/v1/images/generations", post(begin))
        .route("/v1/images/generations/{id}", get(state).delete(cancel))
        .fallback(async || NOT_FOUND)
        .method_not_allowed_fallback(async || NOT_FOUND)
        .layer(middleware::from_fn(allow_pages))
}

/// An error in that server's shape.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    suggestion: Option<String>,
}

struct Unknown;

/// Any other path or method.
const NOT_FOUND: Unknown = Unknown;

impl IntoResponse for Unknown {
    fn into_response(self) -> Response {
        refused(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found").into_response()
    }
}

fn refused(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refused {
    Refused { status, code, message: message.into(), suggestion: None }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut error = json!({ "message": self.message, "code": self.code });
        if let Some(suggestion) = self.suggestion {
            error["suggestion"] = json!(suggestion);
        }
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

/// Pages may call it, as far as this program lets pages in.
async fn allow_pages(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        Response::new(Body::empty())
    } else {
        next.run(request).await
    };
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `GET /health`.
async fn health(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    Json(json!({ "status": "ok", "busy": gateway.jobs().is_ok_and(|jobs| jobs.is_busy()) }))
}

#[derive(Debug, Deserialize)]
struct Whose {
    model: Option<String>,
}

/// `POST /v1/images/generations`.
async fn begin(
    State(gateway): State<Arc<Gateway>>,
    Query(whose): Query<Whose>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    // There is no other answer to a body that is no JSON.
    let config: Value = serde_json::from_slice(&body)
        .map_err(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", error.to_string()))?;
    let request = translated(config, whose.model)?;
    let wish = wish::of(&headers).map_err(|error| Refused::of(&error))?;
    let body = Bytes::from(request.to_string());
    let asked =
        images::read_json(&gateway, Task::Generate, body).await.map_err(|error| Refused::of(&error))?;
    let submission = Submission { asked, wish, keep: Some(KEEP) };
    let job = jobs::submit(&gateway, submission).await.map_err(|error| Refused::of(&error))?;
    let Record { id, created_ms, .. } = job.record();
    let begun = json!({ "id": id, "status": "pending", "createdAt": created_ms });
    Ok((StatusCode::CREATED, Json(begun)).into_response())
}

/// Its fields by our names. What is 0 or empty was left out there, and is here; a seed below 0 is a random one.
fn translated(config: Value, model: Option<String>) -> Result<Value, Refused> {
    let invalid = |message: &str| refused(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message);
    if !truthy(&config["prompt"]) {
        return Err(invalid("Missing required field: prompt"));
    }
    let count = match &config["count"] {
        Value::Null => 1.0,
        count => count
            .as_f64()
            .filter(|count| (1.0..=5.0).contains(count) && count.fract() == 0.0)
            .ok_or_else(|| invalid("count must be between 1 and 5"))?,
    };
    let mut request = Map::new();
    request.insert("n".to_owned(), json!(count));
    for (theirs, ours) in [
        ("prompt", "prompt"),
        ("negativePrompt", "negative_prompt"),
        ("steps", "steps"),
        ("cfgScale", "cfg_scale"),
        ("sampler", "sampler"),
        ("model", "model"),
    ] {
        if truthy(&config[theirs]) {
            request.insert(ours.to_owned(), config[theirs].clone());
        }
    }
    if !config["seed"].is_null() {
        request.insert("seed".to_owned(), config["seed"].clone());
    }
    // Its documentation says 512, and so did what it told of results.
    let side = |name: &str| if truthy(&config[name]) { config[name].to_string() } else { "512".to_owned() };
    if truthy(&config["width"]) || truthy(&config["height"]) {
        request.insert("size".to_owned(), json!(format!("{}x{}", side("width"), side("height"))));
    }
    if let Some(model) = model {
        request.insert("model".to_owned(), json!(model));
    }
    Ok(Value::Object(request))
}

/// What JavaScript takes for true.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn find(gateway: &Gateway, id: &str) -> Result<Arc<Job>, Refused> {
    let job = gateway.jobs().ok().and_then(|jobs| jobs.find(id));
    job.ok_or_else(|| refused(StatusCode::NOT_FOUND, "NOT_FOUND", "Generation not found"))
}

/// `GET /v1/images/generations/{id}`.
async fn state(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    let record = find(&gateway, &id)?.record();
    let mut state = json!({
        "id": record.id,
        "status": status(record.state),
        "createdAt": record.created_ms,
        "updatedAt": record.updated_ms,
    });
    match record.state {
        JobState::Running => {
            if let Some(progress) = &record.progress {
                state["progress"] = shown(progress);
            }
        }
        JobState::Completed => state["result"] = result(&gateway, &record).await?,
        JobState::Failed => {
            let error = record.error.as_ref();
            let message = error.map(|error| error.message.as_str());
            state["error"] = json!({ "message": message, "code": error.map(code) });
        }
        JobState::Queued | JobState::Cancelled => {}
    }
    Ok(Json(state))
}

fn status(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "pending",
        JobState::Running => "in_progress",
        JobState::Completed => "complete",
        JobState::Failed => "error",
        JobState::Cancelled => "cancelled",
    }
}

fn shown(progress: &Progress) -> Value {
    let stage = match progress.stage {
        Stage::Queued | Stage::Loading | Stage::Text => "loading",
        Stage::Sampling => "diffusion",
        Stage::Decoding => "decoding",
    };
    let mut shown = json!({
        "currentStep": progress.step,
        "totalSteps": progress.steps,
        "stage": stage,
        "percentage": progress.fraction * 100.0,
    });
    if progress.images > 1 {
        shown["currentImage"] = json!(progress.image + 1);
        shown["totalImages"] = json!(progress.images);
    }
    shown
}

async fn result(gateway: &Gateway, record: &Record) -> Result<Value, Refused> {
    let jobs = gateway.jobs().map_err(|error| Refused::of(&error))?;
    let files = jobs::images(jobs, record).await.map_err(|error| Refused::of(&error))?;
    let image = |(file, kept): (&Vec<u8>, &jobs::ImageFile)| {
        json!({
            "image": encode_base64(file),
            "seed": kept.seed,
            "width": record.size.map(|size| size.width),
            "height": record.size.map(|size| size.height),
        })
    };
    let images: Vec<Value> = files.iter().zip(&record.images).map(image).collect();
    let took = record.ended_ms.unwrap_or(record.updated_ms).saturating_sub(record.created_ms);
    Ok(json!({ "images": images, "format": record.format, "timeTaken": took }))
}

/// `DELETE /v1/images/generations/{id}`.
async fn cancel(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    let job = find(&gateway, &id)?;
    job.cancel();
    let state = job.record().state;
    if state != JobState::Cancelled {
        let message = format!("Generation is already {} and cannot be cancelled", status(state));
        return Err(refused(StatusCode::CONFLICT, "ALREADY_TERMINAL", message));
    }
    Ok(Json(json!({ "id": id, "status": "cancelled" })))
}

/// Which of its five codes an error has.
fn code(error: &ImageError) -> &'static str {
    match &error.code {
        ErrorCode::OutOfMemory | ErrorCode::GenerationFailed | ErrorCode::ServerCrashed => "BACKEND_ERROR",
        ErrorCode::DiskFull => "IO_ERROR",
        ErrorCode::Other(code) => match code.as_str() {
            "queue_full" | "waited_too_long" | "too_many_jobs" => "SERVER_BUSY",
            "shutting_down" | "stopped" | "called_off" | "interrupted" | "model_not_found"
            | "model_removed" => "SERVER_NOT_RUNNING",
            "insufficient_memory"
            | "start_failed"
            | "crash_loop"
            | "server_missing"
            | "model_unreadable"
            | "connection_broken" => "BACKEND_ERROR",
            "jobs_unwritable" => "IO_ERROR",
            _ => "UNKNOWN_ERROR",
        },
        _ => "UNKNOWN_ERROR",
    }
}

impl Refused {
    /// What the rest of this program refused.
    fn of(error: &ApiError) -> Self {
        let body = error.body();
        let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
        let (status, code) = match error.status() {
            StatusCode::TOO_MANY_REQUESTS => (StatusCode::SERVICE_UNAVAILABLE, "SERVER_BUSY"),
            status if status.is_client_error() => (StatusCode::BAD_REQUEST, "INVALID_REQUEST"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        };
        Self { status, code, message: text("message"), suggestion: Some(text("remedy")) }
    }
}
