//! A backend without processes, whose starts wait until the test lets them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendError, Device, DeviceId, DeviceKind, Endpoint, Estimate, ExitSender, ExitSignal, Failure,
    FailureReason, Health, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model, ModelKind,
    Registry,
};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Policy};
use tokio::sync::Semaphore;

pub(crate) const DRAIN: Duration = Duration::from_secs(30);

/// The backend, as the test holds it.
#[derive(Debug, Clone)]
pub(crate) struct Toy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// A permit for each start that may go on.
    starts: Semaphore,
    /// "Processes" that live, loading ones too.
    alive: Arc<AtomicUsize>,
    stops: AtomicUsize,
    /// The living ones that are loaded.
    loaded: Mutex<Vec<(ExitSender, Process)>>,
}

/// Counts as alive until it is dropped.
#[derive(Debug)]
struct Process(Arc<AtomicUsize>);

impl Process {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Toy {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            starts: Semaphore::new(0),
            alive: Arc::default(),
            stops: AtomicUsize::new(0),
            loaded: Mutex::default(),
        }))
    }

    /// An orchestrator with this backend and the one model `toy`.
    pub(crate) async fn orchestrator(&self) -> Orchestrator {
        let registry = Registry::empty().with(Arc::new(self.clone())).unwrap();
        let policy = Policy { drain: DRAIN, ..Policy::default() };
        let orchestrator = Orchestrator::new(registry, Arc::new(FixedMachine), policy);
        orchestrator.add(LoadRequest::new(Model::from_file(ModelKind::Text, "toy.gguf"))).await.unwrap();
        orchestrator
    }

    /// Lets one start go on.
    pub(crate) fn let_start(&self) {
        self.0.starts.add_permits(1);
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.alive.load(SeqCst)
    }

    pub(crate) fn stops(&self) -> usize {
        self.0.stops.load(SeqCst)
    }

    /// Ends what is loaded, unasked.
    pub(crate) fn crash(&self, failure: Failure) {
        let (exit, _process) = self.0.loaded.lock().unwrap().pop().unwrap();
        exit.send(failure);
    }
}

#[async_trait]
impl Backend for Toy {
    fn id(&self) -> &'static str {
        "toy"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    async fn plan(&self, request: &LoadRequest, _: &Machine) -> Result<LaunchPlan, BackendError> {
        Ok(LaunchPlan::new(self.id(), request.model.clone()))
    }

    async fn estimate_resources(&self, _: &LaunchPlan) -> Result<Estimate, BackendError> {
        Ok(Estimate::nothing())
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let process = Process::new(&self.0.alive);
        self.0.starts.acquire().await.unwrap().forget();
        let (sender, exit) = ExitSignal::new();
        self.0.loaded.lock().unwrap().push((sender, process));
        let endpoint = Endpoint::Unix { path: "/nowhere.sock".into() };
        Ok(Instance {
            id,
            plan,
            endpoint,
            pid: None,
            measured: None,
            slots: None,
            restored: Kept::default(),
            exit,
        })
    }

    async fn stop(&self, _: &Instance, _: Duration) -> Result<(), BackendError> {
        self.0.stops.fetch_add(1, SeqCst);
        if let Some((exit, _process)) = self.0.loaded.lock().unwrap().pop() {
            // As a real backend does: the exit is told whoever asked for it.
            exit.send(Failure::new(FailureReason::Exited { code: 0 }));
        }
        Ok(())
    }

    async fn health(&self, _: &Instance) -> Health {
        Health::Ready
    }
}

#[derive(Debug)]
struct FixedMachine;

#[async_trait]
impl MachineReader for FixedMachine {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let host = Device {
            id: DeviceId::host(),
            name: "RAM".to_owned(),
            kind: DeviceKind::Host,
            aliases: Vec::new(),
            total: 1 << 30,
            free: Some(1 << 30),
        };
        Ok(Machine { physical_cores: 1, usable_threads: 1, devices: vec![host], hypothetical: false })
    }
}
