//! `GET /api/v1/plan/{model}`: what loading a model would take, before it is done.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use loadmaster_core::InstanceId;
use loadmaster_orchestrator::Status;
use serde_json::{Value, json};

use crate::{ApiError, Gateway, models};

/// In the form of `loadmaster estimate --json`, and who would make room.
pub(crate) async fn plan(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let preview = gateway.orchestrator.preview(&model).await?;
    let status = gateway.orchestrator.status().await?;
    let state = status.models.iter().find(|entry| entry.id == model).map(models::state);
    let leaving: Vec<Value> = preview.leaving.iter().map(|id| who(&status, id)).collect();
    Ok(Json(json!({
        "model": model,
        "state": state,
        "backend": preview.plan.backend,
        "source": preview.estimate.source,
        "margin_percent": preview.estimate.margin_percent,
        "plan": preview.plan.settings,
        "devices": preview.estimate.devices,
        "shortages": preview.shortages,
        "leaving": leaving,
        "lacking": preview.lacking,
        "holds": preview.holds,
    })))
}

fn who(status: &Status, id: &InstanceId) -> Value {
    let mut instances = status.models.iter().filter_map(|model| model.instance.as_ref());
    let found = instances.find(|instance| instance.id == *id);
    json!({
        "instance": id,
        "model": found.map(|instance| &instance.model),
        "requests": found.map(|instance| instance.leases),
    })
}
