//! Bodies of the control API: JSON, whatever their content type says.

use axum::{extract::rejection::BytesRejection, http::StatusCode};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// Reads a body; `shape` is what it should look like.
///
/// # Errors
/// The body is too large, or is not JSON of that shape.
pub fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>, shape: &str) -> Result<T, ApiError> {
    let body = body.map_err(|rejection| {
        ApiError::new(rejection.status(), "unreadable_body", rejection.body_text(), "Send a smaller body.")
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        let cause = format!("The body cannot be read: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", cause, format!("Send JSON such as {shape}."))
    })
}
