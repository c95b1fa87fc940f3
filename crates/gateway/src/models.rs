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
    Ok(Json(shown(&find(&gateway, &id).await?, gateway.created)))
}

/// The status of the model `id`.
pub(crate) async fn find(gateway: &Gateway, id: &str) -> Result<ModelStatus, ApiError> {
    let mut models = gateway.orchestrator.status().await?.models;
    if let Some(index) = models.iter().position(|model| model.id == id) {
        return Ok(models.swap_remove(index));
    }
    let known = models.into_iter().map(|model| model.id).collect();
    Err(OrchestratorError::UnknownModel { model: id.to_owned(), known }.into())
}

/// The state of a model's latest instance; `unloaded` when it never had one.
pub(crate) fn state(model: &ModelStatus) -> &'static str {
    model.instance.as_ref().map_or("unloaded", |instance| instance.state.name())
}

fn shown(model: &ModelStatus, created: u64) -> Value {
    json!({
        "id": model.id,
        "object": "model",
        "created": created,
        "owned_by": "loadmaster",
        "loadmaster": {
            "kind": model.kind,
            "state": state(model),
            "requests": model.instance.as_ref().map_or(0, |instance| instance.leases),
            "waiting": model.waiting,
        },
    })
}
