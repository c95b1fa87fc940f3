//! `/api/v1/plan/{model}`: what loading a model would take, before it is done; and what if it were loaded in another
//! way.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::BytesRejection},
};
use bytes::Bytes;
use loadmaster_core::InstanceId;
use loadmaster_orchestrator::{Preview, Status};
use serde_json::{Value, json};

use crate::{ApiError, Gateway, models, settings};

/// In the form of `loadmaster estimate --json`, and who would make room.
pub(crate) async fn plan(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let preview = gateway.orchestrator.preview(&model).await?;
    told(&gateway, &model, &preview).await
}

/// The same for other settings than those that the model has. Nothing is changed.
pub(crate) async fn what_if(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiError> {
    let asked = settings::asked(body)?;
    let configured = gateway.orchestrator.configured(&model).await?;
    let request = settings::laid_over(configured.request, asked.unwrap_or_default());
    let preview = gateway.orchestrator.preview_of(request).await.map_err(ApiError::of_settings)?;
    told(&gateway, &model, &preview).await
}

async fn told(gateway: &Gateway, model: &str, preview: &Preview) -> Result<Json<Value>, ApiError> {
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
