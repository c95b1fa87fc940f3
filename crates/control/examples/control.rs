//! Serves the control API over a library without models, until it is interrupted.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{collections::BTreeMap, error::Error, sync::Arc};

use loadmaster_control::{ApiError, ControlState, DaemonLog, Logs, Parts, Program, Setting, Unloaded};
use loadmaster_core::{LoadRequest, Registry, async_trait};
use loadmaster_gateway::{Options, Reloaded};
use loadmaster_models::{Budget, Catalog, Plan};
use loadmaster_orchestrator::{Orchestrator, Policy, ThisMachine};
use loadmaster_sysprobe::Probe;
use serde_json::Value;

/// A program without builds, without a network and without a configuration.
#[derive(Debug)]
struct Bare;

#[async_trait]
impl Program for Bare {
    async fn builds(&self) -> Result<loadmaster_binaries::Library, ApiError> {
        Err(ApiError::not_implemented("This program has no builds of servers"))
    }

    async fn puller(&self) -> Result<loadmaster_models::Puller, ApiError> {
        Err(ApiError::not_implemented("This program fetches nothing"))
    }

    async fn budget(&self) -> Result<Budget, ApiError> {
        Ok(Budget { accelerators: 0, host: 8 << 30 })
    }

    async fn shortage(&self, _plan: &Plan, _budget: Budget) -> Result<Option<String>, ApiError> {
        Ok(None)
    }

    async fn catalog(&self) -> Result<Catalog, ApiError> {
        Catalog::embedded().map_err(|error| ApiError::not_implemented(error.to_string()))
    }

    async fn request_of(&self, _model: Unloaded) -> Result<Option<LoadRequest>, ApiError> {
        Ok(None)
    }

    async fn reload(&self) -> Result<Reloaded, ApiError> {
        Ok(Reloaded::default())
    }

    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }

    async fn change(&self, _changes: BTreeMap<String, Value>) -> Result<(), ApiError> {
        Err(ApiError::not_implemented("This program has no settings"))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    loadmaster_sysprobe::answer_if_asked();
    let folder = tempfile::tempdir()?;
    let machine = Arc::new(ThisMachine::new());
    let orchestrator = Orchestrator::new(Registry::default(), machine.clone(), Policy::default());
    let state = ControlState::new(Parts {
        orchestrator: orchestrator.clone(),
        machine,
        probe: Probe::in_own_child()?,
        library: loadmaster_models::Library::open(folder.path())?,
        logs: Logs { daemon: DaemonLog::default(), folder: folder.path().join("logs") },
        home: None,
        program: Arc::new(Bare),
    });
    let options = Options::default()
        .with_topics(loadmaster_control::topics(&state))
        .with_routes(loadmaster_control::routes(state));
    let router = loadmaster_gateway::router_with(orchestrator, options)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/api/v1/system", listener.local_addr()?);
    loadmaster_gateway::serve(listener, router, std::future::pending()).await?;
    Ok(())
}
