//! What runs, how to start it, and how to end it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
};
use bytes::Bytes;
use loadmaster_orchestrator::{ModelStatus, OrchestratorError, Status, Wish};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ApiError, Gateway, models, settings, wish};

/// `GET /healthz`: answers while the program lives.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: whether requests are taken.
pub(crate) async fn readyz(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, ApiError> {
    let status = gateway.orchestrator.status().await?;
    if status.closing {
        return Err(OrchestratorError::Closing.into());
    }
    Ok(Json(json!({ "status": "ready" })))
}

/// `GET /api/v1/instances`: all models with their latest instance, dead ones too.
pub(crate) async fn instances(State(gateway): State<Arc<Gateway>>) -> Result<Json<Status>, ApiError> {
    Ok(Json(gateway.orchestrator.status().await?))
}

/// `DELETE /api/v1/instances/{model}`: stops a model; answers when its process is gone. Settings that it was started
/// with are forgotten.
pub(crate) async fn stop(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
) -> Result<StatusCode, ApiError> {
    // First: who waits for it already starts it again.
    settings::forget(&gateway, &model).await?;
    gateway.orchestrator.stop(&model).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a model is started.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// Whether to answer when it is ready, and not at once.
    #[serde(default)]
    wait: bool,
}

/// A model that is started.
#[derive(Debug, Serialize)]
pub(crate) struct Started {
    #[serde(flatten)]
    model: ModelStatus,
    /// What came of the settings that were sent.
    change: settings::Change,
}

/// `POST /api/v1/instances/{model}`: starts a model, as a request for it would; answers at once with 202, or
/// with `?wait=true` when it is ready. Ends with an error's answer where it cannot be started. With settings in its body
/// the model is changed first; they hold until it is stopped or its configuration changes, also when it made room
/// meanwhile and came back. A running model that has to be loaded anew for them finishes what it answers.
pub(crate) async fn start(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
    headers: HeaderMap,
    query: Result<Query<Start>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Started>), ApiError> {
    let Query(Start { wait }) = query.map_err(|rejection| {
        let remedy = "Send ?wait=true or ?wait=false, or leave it out.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text(), remedy)
    })?;
    // Told at once, also where nobody waits.
    models::find(&gateway, &model).await?;
    let change = match settings::asked(body)? {
        Some(settings) => settings::change(&gateway, &model, settings).await?,
        None => settings::Change::None,
    };
    let wish = Wish { keep: true, ..wish::of(&headers)? };
    let status = if wait {
        drop(gateway.lease(&model, wish).await?);
        StatusCode::OK
    } else {
        let place = gateway.orchestrator.queue(&model, wish);
        let starting = Arc::clone(&gateway);
        tokio::spawn(async move {
            // Who is refused is told of in an event.
            drop(starting.journal.counts.answered(place.await));
        });
        StatusCode::ACCEPTED
    };
    Ok((status, Json(Started { model: models::find(&gateway, &model).await?, change })))
}
