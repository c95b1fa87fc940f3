//! A backend without processes whose models take memory of a machine's devices, and a reader that misses it there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendError, Device, DeviceEstimate, DeviceId, DeviceKind, Endpoint, Estimate, EstimateSource,
    ExitSender, ExitSignal, Health, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model,
    Registry,
};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Policy};

/// Each device has so much, in bytes.
const SIZE: u64 = 1000;

/// The settings of a plan: the device, and the bytes that it takes there.
const DEVICE: &str = "device";
const TAKES: &str = "takes";

/// Where a model goes, and what it takes there, on a machine as it is read.
pub(crate) type Choice = fn(&Model, &Machine) -> (DeviceId, u64);

/// The plans of what is loaded. A dropped sender would mean that its instance died.
type Loaded = BTreeMap<InstanceId, (Arc<LaunchPlan>, ExitSender)>;

/// The backend and the machine, as the test holds them.
#[derive(Debug, Clone)]
pub(crate) struct Loads {
    kind: DeviceKind,
    devices: &'static [&'static str],
    choice: Choice,
    loaded: Arc<Mutex<Loaded>>,
}

impl Loads {
    pub(crate) fn new(kind: DeviceKind, devices: &'static [&'static str], choice: Choice) -> Self {
        Self { kind, devices, choice, loaded: Arc::default() }
    }

    pub(crate) fn orchestrator(&self) -> Orchestrator {
        let registry = Registry::empty().with(Arc::new(self.clone())).unwrap();
        Orchestrator::new(registry, Arc::new(self.clone()), Policy::default())
    }

    /// How many instances are loaded.
    pub(crate) fn count(&self) -> usize {
        self.loaded.lock().unwrap().len()
    }
}

/// The device that a plan names, and what it takes there.
pub(crate) fn place(plan: &LaunchPlan) -> (DeviceId, u64) {
    (DeviceId::from(plan.settings[DEVICE].as_str().unwrap()), plan.settings[TAKES].as_u64().unwrap())
}

#[async_trait]
impl Backend for Loads {
    fn id(&self) -> &'static str {
        "loads"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    async fn plan(&self, request: &LoadRequest, machine: &Machine) -> Result<LaunchPlan, BackendError> {
        let (device, takes) = (self.choice)(&request.model, machine);
        let mut plan = LaunchPlan::new(self.id(), request.model.clone());
        plan.settings.insert(DEVICE.to_owned(), device.as_str().into());
        plan.settings.insert(TAKES.to_owned(), takes.into());
        Ok(plan)
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let (device, weights) = place(plan);
        let part = DeviceEstimate { weights, ..DeviceEstimate::on(device) };
        Ok(Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![part] })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let (sender, exit) = ExitSignal::new();
        self.loaded.lock().unwrap().insert(id.clone(), (Arc::clone(&plan), sender));
        let endpoint = Endpoint::Unix { path: "/nowhere.sock".into() };
        let restored = Kept::default();
        Ok(Instance { id, plan, endpoint, pid: None, measured: None, slots: None, restored, exit })
    }

    async fn stop(&self, instance: &Instance, _: Duration) -> Result<(), BackendError> {
        self.loaded.lock().unwrap().remove(&instance.id);
        Ok(())
    }

    async fn health(&self, _: &Instance) -> Health {
        Health::Ready
    }
}

#[async_trait]
impl MachineReader for Loads {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let places: Vec<_> = self.loaded.lock().unwrap().values().map(|(plan, _)| place(plan)).collect();
        let device = |id: &&str| {
            let id = DeviceId::from(*id);
            let taken: u64 = places.iter().filter(|(on, _)| *on == id).map(|(_, takes)| takes).sum();
            Device {
                id,
                name: "memory".to_owned(),
                kind: self.kind,
                aliases: Vec::new(),
                total: SIZE,
                free: Some(SIZE - taken),
            }
        };
        let devices = self.devices.iter().map(device).collect();
        Ok(Machine { physical_cores: 1, usable_threads: 1, devices, hypothetical: false })
    }
}
