//! The control API, as `serve` offers it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::StatusCode;
use loadmaster_control::{ApiError, ControlState, DaemonLog, Logs, Parts, Program, Setting, Unloaded};
use loadmaster_core::{LoadRequest, async_trait};
use loadmaster_gateway::{Guard, Options, Reloaded, Reloads};
use loadmaster_models::{Budget, Catalog, Manifest, Plan};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError};
use loadmaster_sysprobe::Probe;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    Failed, builds,
    commands::pull,
    config::Config,
    engine,
    library::{self, blocking, recommended, rested},
    load_flags::LoadFlags,
    offered,
};

/// The configuration as it holds now: it is read again, and changed over the API.
pub(super) type Current = Arc<Mutex<Config>>;

/// Models of the library that are not to be offered: they are about to be deleted.
#[derive(Debug, Default)]
pub(super) struct LetGo {
    names: Mutex<BTreeSet<String>>,
    /// What the command line names: it is always offered.
    files: Vec<PathBuf>,
}

impl LetGo {
    pub(super) fn new(files: Vec<PathBuf>) -> Arc<Self> {
        Arc::new(Self { names: Mutex::default(), files })
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<String>)) {
        change(&mut self.names.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn names_on_the_command_line(&self, model: &str) -> bool {
        self.files.iter().any(|file| file.to_str().is_some_and(|text| text.eq_ignore_ascii_case(model)))
    }
}

/// This program, as the control API knows it.
#[derive(Debug)]
struct Serving {
    orchestrator: Orchestrator,
    current: Current,
    reloads: Reloads,
    let_go: Arc<LetGo>,
}

impl Serving {
    fn config(&self) -> Config {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read_again(&self) -> Result<Reloaded, ApiError> {
        let (reply, answer) = oneshot::channel();
        // Nobody reads the configuration any more when the program is about to end.
        self.reloads.send(reply).map_err(|_| OrchestratorError::Closing)?;
        Ok(answer.await.map_err(|_| OrchestratorError::Closing)??)
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

    async fn catalog(&self) -> Result<Catalog, ApiError> {
        let config = self.config();
        Ok(blocking(move || library::catalog(&config)).await?)
    }

    async fn request_of(&self, model: Unloaded) -> Result<Option<LoadRequest>, ApiError> {
        let config = self.config();
        Ok(blocking(move || request(model, &config)).await?)
    }

    async fn reload(&self) -> Result<Reloaded, ApiError> {
        self.let_go.change(BTreeSet::clear);
        self.read_again().await
    }

    async fn request(&self, manifest: &Manifest) -> Result<Option<LoadRequest>, ApiError> {
        let config = self.config();
        let found = library::Found::of(manifest.clone(), &library::root(&config));
        // Whatever is not loaded by itself is no failure.
        Ok(found.offer(&LoadFlags::default(), &config).ok().map(|offer| offer.request))
    }

    async fn let_go(&self, model: &str) -> Result<(), ApiError> {
        if self.let_go.names_on_the_command_line(model) {
            let message = format!("'{model}' was named when this program was begun");
            let remedy = "Begin it again without `--model` for it.";
            return Err(ApiError::new(StatusCode::CONFLICT, "in_use", message, remedy));
        }
        self.let_go.change(|names| names.extend([model.to_owned()]));
        self.read_again().await.map(drop)
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

/// How a model would be loaded that is not offered: of files as `loadmaster estimate` has it, of what is pulled as
/// `loadmaster pull` does.
fn request(model: Unloaded, config: &Config) -> Result<Option<LoadRequest>, Failed> {
    let none = LoadFlags::default();
    Ok(match model {
        Unloaded::Stored(name) => match library::stored(&name, config)? {
            Some(found) => Some(found.offer(&none, config)?.request),
            None => None,
        },
        Unloaded::File(path) if !path.is_file() => None,
        Unloaded::File(path) => Some(offered::named(&path, &none, config).request),
        Unloaded::Fetched { model, recommended } => {
            let own = recommended::settings(model.kind, &recommended);
            Some(offered::with_section(model, own, &none, config).request)
        }
    })
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
    let_go: &Arc<LetGo>,
) -> Result<Options, Failed> {
    let config = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let serving = Serving {
        orchestrator: orchestrator.clone(),
        current: Arc::clone(current),
        reloads: reloads.clone(),
        let_go: Arc::clone(let_go),
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
