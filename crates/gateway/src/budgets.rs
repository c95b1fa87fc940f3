//! `/api/v1/budgets`: what may be taken of each device.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::BytesRejection},
};
use bytes::Bytes;
use loadmaster_orchestrator::Budgets;

use crate::{ApiError, Gateway, json_body};

/// What a body looks like.
const SHAPE: &str = r#"{"host": "12 GiB", "gpu0": "80 %"}"#;

/// `GET /api/v1/budgets`: each device's budget, as people write it: `{"host": "12 GiB"}`.
pub(crate) async fn get(State(gateway): State<Arc<Gateway>>) -> Result<Json<Budgets>, ApiError> {
    Ok(Json(gateway.orchestrator.status().await?.budgets))
}

/// `PUT /api/v1/budgets`: replaces them all; those that it does not name have none any more.
pub(crate) async fn put(
    State(gateway): State<Arc<Gateway>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Budgets>, ApiError> {
    let budgets: Budgets = json_body::read(body, SHAPE)?;
    gateway.orchestrator.check_budgets(budgets.clone()).await?;
    gateway.orchestrator.set_budgets(budgets.clone()).await?;
    Ok(Json(budgets))
}
