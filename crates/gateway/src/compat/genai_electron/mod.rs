//! The image server of genai-electron 0.22, for its clients: `POST /v1/images/generations` begins a generation, and
//! its state is asked for until it has ended.
//!
//! Fields, states, codes, statuses and messages are those of its `DiffusionServerManager`. On purpose it differs in this:
//!
//! - A second generation waits, where it was refused as busy; `pending` is told until it is its turn. `SERVER_BUSY` is
//!   for more than may wait. The images of a batch have seeds one after another, where each had a random one.
//! - The model is the only one of images, or the one that `?model=` or a field `model` names. One that cannot be used is
//!   refused as `INVALID_REQUEST`, and so is a field of which no image can come: there sd-cli found that out, and the
//!   generation became an error.
//! - Generations are jobs, and have their ids: they are kept for five minutes after their end, over a restart of this
//!   program too, and can be seen under `/api/v1/jobs`. What had not ended then is `SERVER_NOT_RUNNING`.
//! - `width` and `height` of a result are those of the image; they were those that were asked for.

mod asked;
mod state;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{
        Path, Query, Request, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use loadmaster_images::Task;
use serde::Deserialize;
use serde_json::{Value, json};

use self::{asked::translated, state::status};
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

/// What it threw.
fn internal(message: impl Into<String>) -> Refused {
    refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
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
    whose: Result<Query<Whose>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refused> {
    let Query(whose) =
        whose.map_err(|error| refused(StatusCode::BAD_REQUEST, "INVALID_REQUEST", error.body_text()))?;
    let body = body.map_err(|error| internal(error.body_text()))?;
    // There is no other answer to a body that is no JSON.
    let config: Value = serde_json::from_slice(&body).map_err(|error| internal(error.to_string()))?;
    let request = translated(&config, whose.model)?;
    let wish = wish::of(&headers).map_err(|error| Refused::of(&error))?;
    let body = Bytes::from(request.to_string());
    let asked =
        images::read_json(&gateway, Task::Generate, body).await.map_err(|error| Refused::of(&error))?;
    images::kind_of(&gateway, &asked.model).await.map_err(|error| Refused::of(&error))?;
    let submission = Submission { asked, wish, keep: Some(KEEP) };
    let job = jobs::submit(&gateway, submission).await.map_err(|error| Refused::of(&error))?;
    let Record { id, created_ms, .. } = job.record();
    let begun = json!({ "id": id, "status": "pending", "createdAt": created_ms });
    Ok((StatusCode::CREATED, Json(begun)).into_response())
}

/// The id in a path, if it is one that can be read.
type Id = Result<Path<String>, PathRejection>;

fn find(gateway: &Gateway, id: Id) -> Result<Arc<Job>, Refused> {
    let job = id.ok().and_then(|Path(id)| gateway.jobs().ok()?.find(&id));
    job.ok_or_else(|| refused(StatusCode::NOT_FOUND, "NOT_FOUND", "Generation not found"))
}

/// `GET /v1/images/generations/{id}`.
async fn state(State(gateway): State<Arc<Gateway>>, id: Id) -> Result<Json<Value>, Refused> {
    let record = find(&gateway, id)?.record();
    state::told(&gateway, &record).await.map(Json)
}

/// `DELETE /v1/images/generations/{id}`.
async fn cancel(State(gateway): State<Arc<Gateway>>, id: Id) -> Result<Json<Value>, Refused> {
    let job = find(&gateway, id)?;
    job.cancel();
    let Record { id, state, .. } = job.record();
    if state != JobState::Cancelled {
        let message = format!("Generation is already {} and cannot be cancelled", status(state));
        return Err(refused(StatusCode::CONFLICT, "ALREADY_TERMINAL", message));
    }
    Ok(Json(json!({ "id": id, "status": "cancelled" })))
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
