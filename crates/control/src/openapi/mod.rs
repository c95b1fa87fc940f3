//! `GET /api/openapi.json`: what this API is, for programs; the gateway's part of it too.

mod gateway;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use crate::ControlState;

/// What this crate serves.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Loadmaster",
        description = "Runs local AI models so that the machine never runs out of memory. Beyond loopback every request needs the token, as `Authorization: Bearer` or as the cookie that the printed link brings."
    ),
    paths(
        crate::binaries::install,
        crate::binaries::list,
        crate::binaries::remove,
        crate::binaries::verify,
        crate::catalog::catalog,
        crate::downloads::begin,
        crate::downloads::cancel,
        crate::downloads::list,
        crate::downloads::one,
        crate::downloads::pause,
        crate::downloads::resume,
        crate::estimate::estimate,
        crate::files::files,
        crate::header::header,
        crate::library::import,
        crate::library::list,
        crate::library::one,
        crate::library::removal,
        crate::library::remove,
        crate::library::verify,
        crate::logs::lines,
        crate::settings::change,
        crate::settings::read,
        crate::system::system,
    ),
    components(schemas(Error))
)]
struct Own;

/// The document, as it is served and as `docs/openapi.json` has it.
pub fn openapi() -> String {
    let mut document = Own::openapi();
    document.paths.merge(gateway::paths());
    // A document of strings can always be shown.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/openapi.json", get(document))
}

async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi()).into_response()
}

/// What every refusal looks like.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Error {
    error: ErrorObject,
}

/// Why, and what can be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorObject {
    /// What went wrong, in a sentence.
    message: String,
    /// `invalid_request_error` or `server_error`.
    r#type: String,
    /// As OpenAI has it; mostly null.
    #[schema(value_type = Option<String>)]
    param: Value,
    /// For programs: `model_not_found`, `insufficient_memory`, ...
    code: String,
    /// What the user can do.
    remedy: String,
}
