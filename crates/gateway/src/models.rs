//! The models that can be asked for.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use loadmaster_orchestrator::{ModelStatus, OrchestratorError};
use serde_json::{Value, json};

use crate::{ApiError, Gateway};

/// `GET /v1/models`: OpenAI's list, with each model's state.
pub(crate) async fn list(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, ApiError> {
    let status = gateway.orchestrator.status().await?;
    let data: Vec<Value> = status.models.iter().map(|model| shown(model, gateway.created)).collect();
    Ok(Json(json!({ "object": "list", "data": data })))
}

/// `GET /v1/models/{id}`.
pub(crate) async fn one(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let status = gateway.orchestrator.status().await?;
    let found = status.models.iter().find(|model| model.id == id);
    found.map(|model| Json(shown(model, gateway.created))).ok_or_else(|| {
        let known = status.models.iter().map(|model| model.id.clone()).collect();
        OrchestratorError::UnknownModel { model: id, known }.into()
    })
}

fn shown(model: &ModelStatus, created: u64) -> Value {
    let state = model.instance.as_ref().map_or("unloaded", |instance| instance.state.name());
    json!({
        "id": model.id,
        "object": "model",
        "created": created,
        "owned_by": "loadmaster",
        "kind": model.kind,
        "state": state,
    })
}
