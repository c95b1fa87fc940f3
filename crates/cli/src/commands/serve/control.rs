//! The control API, as `serve` offers it.

use std::sync::Arc;

use loadmaster_control::{ApiError, ControlState, DaemonLog, Logs, Parts, Program};
use loadmaster_core::async_trait;
use loadmaster_gateway::{Options, Reloaded, Reloads};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError};
use loadmaster_sysprobe::Probe;
use tokio::sync::oneshot;

use crate::{
    Failed, builds,
    commands::pull,
    config::Config,
    library::{self, blocking},
};

/// This program, as the control API knows it.
#[derive(Debug)]
struct Serving {
    config: Config,
    reloads: Reloads,
}

#[async_trait]
impl Program for Serving {
    async fn builds(&self) -> Result<loadmaster_binaries::Library, ApiError> {
        let config = self.config.clone();
        Ok(blocking(move || builds::library(&config)).await?)
    }

    async fn puller(&self) -> Result<loadmaster_models::Puller, ApiError> {
        Ok(pull::puller(&self.config).await?)
    }

    async fn reload(&self) -> Result<Reloaded, ApiError> {
        let (reply, answer) = oneshot::channel();
        // Nobody reads the configuration any more when the program is about to end.
        self.reloads.send(reply).map_err(|_| OrchestratorError::Closing)?;
        Ok(answer.await.map_err(|_| OrchestratorError::Closing)??)
    }
}

/// What the gateway has of the control API.
pub(super) fn options(
    orchestrator: &Orchestrator,
    machine: Arc<dyn MachineReader>,
    reloads: &Reloads,
    log: &DaemonLog,
    config: &Config,
) -> Result<Options, Failed> {
    let state = ControlState::new(Parts {
        orchestrator: orchestrator.clone(),
        machine,
        probe: Probe::in_own_child().unwrap_or_else(|_| Probe::in_this_process()),
        library: library::open(config)?,
        logs: Logs { daemon: log.clone(), folder: config.folders.logs.clone() },
        program: Arc::new(Serving { config: config.clone(), reloads: reloads.clone() }),
    });
    Ok(Options::default()
        .with_topics(loadmaster_control::topics(&state))
        .with_routes(loadmaster_control::routes(state)))
}
