//! A model of images that runs in a large way where there is room, else in a small one, beside a model of text.

use std::{collections::BTreeMap, sync::Arc, sync::Mutex, time::Duration};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendError, Device, DeviceEstimate, DeviceId, DeviceKind, Endpoint, Estimate, EstimateSource,
    ExitSender, ExitSignal, Health, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model,
    ModelKind, Registry,
};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Policy};

/// The machine has so much, in bytes.
const SIZE: u64 = 1000;

/// The setting that says how much a plan takes.
const TAKES: &str = "takes";

/// What is loaded, seen by the machine's reader and filled by the backend.
#[derive(Debug, Clone, Default)]
struct Host(Arc<Mutex<BTreeMap<InstanceId, (u64, ExitSender)>>>);

fn takes(plan: &LaunchPlan) -> u64 {
    plan.settings[TAKES].as_u64().unwrap()
}

#[async_trait]
impl Backend for Host {
    fn id(&self) -> &'static str {
        "host"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    /// The most of 700 and 300 that fits; the name of a model may forbid the smaller.
    async fn plan(&self, request: &LoadRequest, machine: &Machine) -> Result<LaunchPlan, BackendError> {
        let fits = machine.devices[0].free.unwrap() >= 700;
        let takes: u64 = if fits || request.model.id == "large" { 700 } else { 300 };
        let mut plan = LaunchPlan::new(self.id(), request.model.clone());
        plan.settings.insert(TAKES.to_owned(), takes.into());
        Ok(plan)
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let part = DeviceEstimate { weights: takes(plan), ..DeviceEstimate::on(DeviceId::host()) };
        Ok(Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![part] })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let (sender, exit) = ExitSignal::new();
        self.0.lock().unwrap().insert(id.clone(), (takes(&plan), sender));
        let endpoint = Endpoint::Unix { path: "/nowhere.sock".into() };
        let restored = Kept::default();
        Ok(Instance { id, plan, endpoint, pid: None, measured: None, slots: None, restored, exit })
    }

    async fn stop(&self, instance: &Instance, _: Duration) -> Result<(), BackendError> {
        self.0.lock().unwrap().remove(&instance.id);
        Ok(())
    }

    async fn health(&self, _: &Instance) -> Health {
        Health::Ready
    }
}

#[async_trait]
impl MachineReader for Host {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let loaded: u64 = self.0.lock().unwrap().values().map(|(takes, _)| takes).sum();
        let host = Device {
            id: DeviceId::host(),
            name: "RAM".to_owned(),
            kind: DeviceKind::Host,
            aliases: Vec::new(),
            total: SIZE,
            free: Some(SIZE - loaded),
        };
        Ok(Machine { physical_cores: 1, usable_threads: 1, devices: vec![host], hypothetical: false })
    }
}

/// What the second of two models takes, and how many run then.
async fn second(kind: ModelKind, name: &str) -> (u64, usize) {
    let host = Host::default();
    let registry = Registry::empty().with(Arc::new(host.clone())).unwrap();
    let orchestrator = Orchestrator::new(registry, Arc::new(host.clone()), Policy::default());
    for (kind, name) in [(ModelKind::Text, "first"), (kind, name)] {
        orchestrator.add(LoadRequest::new(Model::from_file(kind, format!("{name}.gguf")))).await.unwrap();
        drop(orchestrator.lease(name).await.unwrap());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let lease = orchestrator.lease(name).await.unwrap();
    let outcome = (takes(&lease.instance().plan), host.0.lock().unwrap().len());
    drop(lease);
    orchestrator.close().await;
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_model_of_images_runs_beside_others_where_it_can() {
    assert_eq!(second(ModelKind::Image, "small").await, (300, 2));
    // It has no smaller way: the other makes room.
    assert_eq!(second(ModelKind::Image, "large").await, (700, 1));
    // A model of text gets all that could be its own.
    assert_eq!(second(ModelKind::Text, "small").await, (700, 1));
}
