//! The control API, as `serve` offers it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
};

use loadmaster_control::{ApiError, ControlState, DaemonLog, Logs, Parts, Program, Setting};
use loadmaster_core::async_trait;
use loadmaster_gateway::{Guard, Options, Reloaded, Reloads};
use loadmaster_models::{Budget, Plan};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError};
use loadmaster_sysprobe::Probe;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    Failed, builds,
    commands::pull,
    config::Config,
    engine,
    library::{self, blocking, rested},
};

/// The configuration as it holds now: it is read again, and changed over the API.
pub(super) type Current = Arc<Mutex<Config>>;

/// This program, as the control API knows it.
#[derive(Debug)]
struct Serving {
    orchestrator: Orchestrator,
    current: Current,
    reloads: Reloads,
}

impl Serving {
    fn config(&self) -> Config {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Program for Serving {
    async fn builds(&self) -> Result<loadmaster_binaries::Library, ApiError> {
        let config = self.config();
        Ok(blocking(move || builds::library(&config)).await?)
    }

    async fn puller(&self) -> Result<loadmaster_models::Puller, ApiError> {
        Ok(pull::puller(&self.config()).await?)
    }

    async fn budget(&self) -> Result<Budget, ApiError> {
        Ok(rested::budget(&self.config()).await?)
    }

    async fn shortage(&self, plan: &Plan, budget: Budget) -> Result<Option<String>, ApiError> {
        Ok(pull::shortage(plan, budget, &self.config()).await?)
    }

    async fn reload(&self) -> Result<Reloaded, ApiError> {
        let (reply, answer) = oneshot::channel();
        // Nobody reads the configuration any more when the program is about to end.
        self.reloads.send(reply).map_err(|_| OrchestratorError::Closing)?;
        Ok(answer.await.map_err(|_| OrchestratorError::Closing)??)
    }

    fn settings(&self) -> Vec<Setting> {
        self.config().settings()
    }

    async fn change(&self, changes: BTreeMap<String, Value>) -> Result<(), ApiError> {
        let config = self.config().changed(&changes)?;
        self.orchestrator.set_policy(engine::policy(&config)).await?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

/// Who may use the API. Beyond this machine everybody needs a token.
pub(super) fn guard(config: &Config) -> Result<Guard, Failed> {
    let guard = Guard::default().with_origins(config.origins.clone());
    if let Some(token) = &config.token {
        return Ok(guard.with_token(token.read_or_make()?));
    }
    if config.listen.ip().to_canonical().is_loopback() {
        return Ok(guard);
    }
    let cause = format!(
        "Whoever reaches {} could use this machine: a token is needed to listen there",
        config.listen
    );
    Err(Failed::usage(cause)
        .remedy("Name a file with --token-file (it is made if it is missing), or listen on 127.0.0.1."))
}

/// The link that opens the panel, where a token is needed.
pub(super) fn link(address: SocketAddr, config: &Config) -> Result<Option<String>, Failed> {
    let Some(token) = &config.token else { return Ok(None) };
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(outward().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    Ok(Some(format!("http://{address}/?token={}", token.read()?)))
}

/// The address by which others reach this machine: the one that packets to them would carry. Nothing is sent.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // A network for documentation (RFC 5737): it has a route where any other has.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// What the gateway has of the control API.
pub(super) fn options(
    orchestrator: &Orchestrator,
    machine: Arc<dyn MachineReader>,
    reloads: &Reloads,
    log: &DaemonLog,
    current: &Current,
) -> Result<Options, Failed> {
    let config = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let serving = Serving {
        orchestrator: orchestrator.clone(),
        current: Arc::clone(current),
        reloads: reloads.clone(),
    };
    let state = ControlState::new(Parts {
        orchestrator: orchestrator.clone(),
        machine,
        probe: Probe::in_own_child().unwrap_or_else(|_| Probe::in_this_process()),
        library: library::open(&config)?,
        logs: Logs { daemon: log.clone(), folder: config.folders.logs.clone() },
        home: etcetera::home_dir().ok(),
        program: Arc::new(serving),
    });
    Ok(Options::default()
        .with_guard(guard(&config)?)
        .with_topics(loadmaster_control::topics(&state))
        .with_routes(loadmaster_control::routes(state).merge(loadmaster_panel::routes())))
}
