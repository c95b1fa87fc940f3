//! An instance that takes memory for its work and gives it back, beside a model that fits next to it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendError, Device, DeviceEstimate, DeviceId, DeviceKind, Endpoint, Estimate, ExitSender,
    ExitSignal, Health, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model, ModelKind,
    Registry,
};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Policy, ProcessMemory, Wish};

/// The machine has so much, in bytes.
const SIZE: u64 = 1000;

/// What the model of images has at rest, and what it takes for its work beside.
const RESTS: u64 = 100;
const PAINTS: u64 = 500;

/// What the model of text takes: it fits beside all that is reserved for the other.
const TEXT: u64 = 300;

/// The number of the process that paints.
const PAINTER: u32 = 7;

#[derive(Debug, Clone, Default)]
struct Host {
    /// What is loaded, and its bytes at rest.
    loaded: Arc<Mutex<BTreeMap<InstanceId, (u64, ExitSender)>>>,
    /// What is taken for work now.
    work: Arc<AtomicU64>,
}

#[async_trait]
impl Backend for Host {
    fn id(&self) -> &'static str {
        "host"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    async fn plan(&self, request: &LoadRequest, _: &Machine) -> Result<LaunchPlan, BackendError> {
        Ok(LaunchPlan::new(self.id(), request.model.clone()))
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let (weights, compute) =
            if plan.model.kind == ModelKind::Image { (RESTS, PAINTS) } else { (TEXT, 0) };
        let part =
            DeviceEstimate { weights, compute, mapped: compute, ..DeviceEstimate::on(DeviceId::host()) };
        Ok(Estimate { devices: vec![part], ..Estimate::nothing() })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let bytes = if plan.model.kind == ModelKind::Image { RESTS } else { TEXT };
        let (sender, exit) = ExitSignal::new();
        self.loaded.lock().unwrap().insert(id.clone(), (bytes, sender));
        let endpoint = Endpoint::Unix { path: "/nowhere.sock".into() };
        let restored = Kept::default();
        Ok(Instance { id, plan, endpoint, pid: None, measured: None, slots: None, restored, exit })
    }

    async fn stop(&self, instance: &Instance, _: Duration) -> Result<(), BackendError> {
        self.loaded.lock().unwrap().remove(&instance.id);
        Ok(())
    }

    fn at_work(&self, instance: &Instance) -> Option<u32> {
        let works = instance.plan.model.kind == ModelKind::Image && self.work.load(SeqCst) > 0;
        works.then_some(PAINTER)
    }

    async fn health(&self, _: &Instance) -> Health {
        Health::Ready
    }
}

#[async_trait]
impl MachineReader for Host {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let loaded: u64 = self.loaded.lock().unwrap().values().map(|(bytes, _)| bytes).sum();
        let host = Device {
            id: DeviceId::host(),
            name: "RAM".to_owned(),
            kind: DeviceKind::Host,
            aliases: Vec::new(),
            total: SIZE,
            free: Some(SIZE - loaded - self.work.load(SeqCst)),
        };
        Ok(Machine { physical_cores: 1, usable_threads: 1, devices: vec![host], hypothetical: false })
    }

    async fn process_memory(&self, pid: u32) -> Option<ProcessMemory> {
        let own = RESTS + self.work.load(SeqCst);
        (pid == PAINTER).then(|| ProcessMemory { own: Some(own), devices: Vec::new() })
    }
}

/// The painting has taken so much when the model of text is asked for.
async fn fits_while(painting: u64) {
    let host = Host::default();
    let registry = Registry::empty().with(Arc::new(host.clone())).unwrap();
    let orchestrator = Orchestrator::new(registry, Arc::new(host.clone()), Policy::default());
    for (kind, name) in [(ModelKind::Image, "image"), (ModelKind::Text, "text")] {
        orchestrator.add(LoadRequest::new(Model::from_file(kind, format!("{name}.gguf")))).await.unwrap();
    }
    let painted = orchestrator.lease("image").await.unwrap();
    host.work.store(painting, SeqCst);
    let wish = Wish { wait: Some(Duration::from_secs(1)), ..Wish::default() };
    let text = orchestrator.queue("text", wish).await;
    assert!(text.is_ok(), "{painting}: {text:?}");
    assert_eq!(host.loaded.lock().unwrap().len(), 2, "{painting}");
    drop((painted, text));
    orchestrator.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_painted_with_is_not_missed_twice() {
    for painting in [0, 1, PAINTS / 2, PAINTS] {
        fits_while(painting).await;
    }
}
