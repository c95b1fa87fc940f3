//! `GET /api/v1/system`: this program, this machine, its memory now, and what fits it.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use loadmaster_core::Registry;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    ApiError, ControlState,
    memory::MemoryNow,
    recommendations::{Recommendation, recommendations},
};

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/system", get(system))
}

/// This program and this machine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct System {
    /// The version of Loadmaster.
    version: &'static str,
    /// When it began: milliseconds since 1970.
    started_at_ms: u64,
    /// The operating system: `linux`, `macos`, `windows`.
    os: &'static str,
    /// What the machine has, as `loadmaster probe --json` prints it.
    #[schema(value_type = Object)]
    machine: Value,
    /// Its memory now.
    memory: MemoryNow,
    /// Which sizes and quantisations of language models fit it.
    recommendations: Vec<Recommendation>,
}

/// This program, this machine, its memory now, and what fits it.
#[utoipa::path(
    get, path = "/api/v1/system", tag = "system",
    responses((status = 200, body = System), (status = 500, body = crate::openapi::Error)),
)]
pub(crate) async fn system(State(state): State<ControlState>) -> Result<Json<System>, ApiError> {
    let memory = state.meter().read().await?;
    let (machine, status) = (state.machine.read().await?, state.orchestrator.status().await?);
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION"),
        started_at_ms: state.started_at_ms(),
        os: std::env::consts::OS,
        machine: probed(&state).await?,
        memory: MemoryNow::clone(&memory),
        recommendations: recommendations(&machine, &status.budgets),
    }))
}

/// As `loadmaster probe --json` prints it. Facts hold still while the machine is on: they are asked for once.
async fn probed(state: &ControlState) -> Result<Value, ApiError> {
    let reading = state.clone();
    let read = tokio::task::spawn_blocking(move || {
        let facts = reading.facts()?;
        let now = reading.probe.snapshot(facts)?;
        let backends = Registry::factories();
        let backends: Vec<_> = backends
            .iter()
            .map(|backend| json!({ "id": backend.id, "description": backend.description }))
            .collect();
        Ok::<_, loadmaster_sysprobe::Error>(json!({ "facts": facts, "now": now, "backends": backends }))
    });
    let failed = |cause: String| {
        let message = format!("The machine could not be probed: {cause}");
        let remedy = "Check that this program may read /proc and /sys.";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "machine_unreadable", message, remedy)
    };
    read.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}
