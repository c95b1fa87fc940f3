//! What runs, and how to end it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use loadmaster_orchestrator::Status;
use serde_json::{Value, json};

use crate::{ApiError, Gateway};

/// `GET /healthz`: answers while the program lives.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /api/v1/instances`: all models with their latest instance, dead ones too.
pub(crate) async fn instances(State(gateway): State<Arc<Gateway>>) -> Result<Json<Status>, ApiError> {
    Ok(Json(gateway.orchestrator.status().await?))
}

/// `DELETE /api/v1/instances/{model}`: stops a model; answers when its process is gone.
pub(crate) async fn stop(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
) -> Result<StatusCode, ApiError> {
    gateway.orchestrator.stop(&model).await?;
    Ok(StatusCode::NO_CONTENT)
}
