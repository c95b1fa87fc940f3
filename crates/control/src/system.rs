//! `GET /api/v1/system`: this program and this machine.

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Value, json};

use crate::{ApiError, ControlState};

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/system", get(system))
}

async fn system(State(state): State<ControlState>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at_ms": state.started_at_ms(),
        "os": std::env::consts::OS,
    })))
}
