//! `GET /api/openapi.json`: what this API is, for programs.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What every refusal looks like.
#[derive(Debug, Serialize, ToSchema)]
#[expect(dead_code, reason = "it describes what errors look like, and is never made")]
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
    /// As OpenAI has it; always null.
    #[schema(value_type = Option<String>)]
    param: Value,
    /// For programs: `model_not_found`, `insufficient_memory`, ...
    code: String,
    /// What the user can do.
    remedy: String,
}
