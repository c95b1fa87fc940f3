//! Deletes models of the library, and tells before what that frees.

use axum::http::StatusCode;
use loadmaster_models::{ModelsError, RemoveReport};
use serde::Serialize;
use utoipa::ToSchema;

use super::{models::not_of_the_library, offer};
use crate::{ApiError, ControlState, failed, logs::ended};

/// What stays on the disk.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Stays {
    path: String,
    /// Its length in bytes, where it is the library's.
    bytes: Option<u64>,
    /// Why it stays.
    why: String,
}

/// What a removal frees, and what it leaves.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Removal {
    /// The model.
    name: String,
    /// Bytes.
    freed: u64,
    kept: Vec<Stays>,
    /// What else there is to say, in sentences.
    notes: Vec<String>,
}

impl From<RemoveReport> for Removal {
    fn from(report: RemoveReport) -> Self {
        let RemoveReport { name, freed, kept, outside, notes } = report;
        let shared = kept.into_iter().map(|part| Stays {
            path: part.path,
            bytes: Some(part.size),
            why: format!("used by {}", part.used_by.join(", ")),
        });
        let others = outside.into_iter().map(|path| Stays {
            path: path.display().to_string(),
            bytes: None,
            why: "it is not the library's".to_owned(),
        });
        Self { name, freed, kept: shared.chain(others).collect(), notes }
    }
}

/// What deleting the model would free.
pub(super) async fn foretell(state: &ControlState, name: &str) -> Result<Removal, ApiError> {
    let (library, asked) = (state.library.clone(), name.to_owned());
    let told = tokio::task::spawn_blocking(move || library.removal(&asked));
    let report = match told.await.map_err(|error| ended(&error))? {
        Ok(report) => report,
        Err(ModelsError::NoSuchModel { .. }) => return Err(not_of_the_library(state, name).await?),
        Err(error) => return Err(failed::models(&error)),
    };
    unused(state, &report.name).await?;
    Ok(report.into())
}

/// Deletes the model.
pub(super) async fn remove(state: &ControlState, name: &str) -> Result<Removal, ApiError> {
    let name = foretell(state, name).await?.name;
    let offered = state.orchestrator.status().await?.models.iter().any(|model| model.id == name);
    if offered {
        state.program.let_go(&name).await?;
    }
    let library = state.library.clone();
    let removed = tokio::task::spawn_blocking(move || library.remove(&name)).await;
    // What is left is offered again, this model too if it could not be removed.
    offer(state).await;
    Ok(removed.map_err(|error| ended(&error))?.map_err(|error| failed::models(&error))?.into())
}

/// Refuses what is loaded, waited for, or being brought or checked.
async fn unused(state: &ControlState, name: &str) -> Result<(), ApiError> {
    let status = state.orchestrator.status().await?;
    let refused = |message: String, remedy: &str| {
        Err(ApiError::new(StatusCode::CONFLICT, "in_use", message, remedy).with("model", name))
    };
    if let Some(model) = status.models.iter().find(|model| model.id == name) {
        if model.instance.as_ref().is_some_and(|instance| instance.state.is_alive()) {
            return refused(
                format!("'{name}' is loaded"),
                "Stop it first: DELETE /api/v1/instances/{model}.",
            );
        }
        if model.waiting > 0 {
            return refused(format!("Requests wait for '{name}'"), "Let them end, or call them off.");
        }
    }
    let busy = |task: &crate::task::Task| task.model.as_deref() == Some(name) && !task.state.is_over();
    if state.downloads().all().iter().any(busy) {
        let remedy = "Wait for its end, or call it off: DELETE /api/v1/downloads/{id}.";
        return refused(format!("'{name}' is being downloaded or checked"), remedy);
    }
    Ok(())
}
