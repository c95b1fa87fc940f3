//! `POST /api/v1/reload`: the program reads its configuration again.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use loadmaster_orchestrator::OrchestratorError;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::{ApiError, Gateway};

/// Somebody asks for the configuration to be read again; takes the answer.
pub type ReloadCall = oneshot::Sender<Result<Reloaded, ReloadRefused>>;

/// What came of reading the configuration again, by the names of models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Those that can be asked for from now on.
    pub added: Vec<String>,
    /// Those that can not be asked for any more.
    pub removed: Vec<String>,
    /// Those that are loaded or treated in another way from now on.
    pub changed: Vec<String>,
    /// Those that stay as they were.
    pub kept: Vec<String>,
    /// The keys that have changed and hold only after a restart.
    pub needs_restart: Vec<String>,
}

/// The configuration is wrong, and all stays as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadRefused {
    /// What is wrong with it.
    pub cause: String,
    /// What the user can do.
    pub remedy: String,
}

impl From<ReloadRefused> for ApiError {
    fn from(refused: ReloadRefused) -> Self {
        let ReloadRefused { cause, remedy } = refused;
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_configuration", cause, remedy)
    }
}

/// Answers when what changed holds. Models that have to go may still be finishing their answers.
pub(crate) async fn reload(State(gateway): State<Arc<Gateway>>) -> Result<Json<Reloaded>, ApiError> {
    let Some(reloads) = &gateway.reloads else {
        let message = "This program has no configuration that could be read again";
        let remedy = "Restart it with another one.";
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", message, remedy));
    };
    let (reply, answer) = oneshot::channel();
    // Nobody reads the configuration any more when the program is about to end.
    reloads.send(reply).map_err(|_| OrchestratorError::Closing)?;
    Ok(Json(answer.await.map_err(|_| OrchestratorError::Closing)??))
}

/// The sender goes to [`router_with`](crate::router_with), the receiver to whoever has the configuration.
pub type Reloads = mpsc::UnboundedSender<ReloadCall>;
