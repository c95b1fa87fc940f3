//! Two GPUs, and a backend that takes the one with the most free memory.

use std::{collections::BTreeMap, sync::Arc, sync::Mutex, time::Duration};

use async_trait::async_trait;
use loadmaster_core::{
    Backend, BackendError, Device, DeviceEstimate, DeviceId, DeviceKind, Endpoint, Estimate, EstimateSource,
    ExitSender, ExitSignal, Health, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model,
    ModelKind, Registry,
};
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Policy};

/// Each GPU has so much, in bytes.
const SIZE: u64 = 1000;

/// Each model takes so much.
const TAKES: u64 = 600;

/// The setting that says on which GPU.
const DEVICE: &str = "device";

/// What is loaded where, seen by the machine's reader and filled by the backend.
#[derive(Debug, Clone, Default)]
struct Gpus(Arc<Mutex<BTreeMap<InstanceId, (DeviceId, ExitSender)>>>);

fn device_of(plan: &LaunchPlan) -> DeviceId {
    DeviceId::from(plan.settings[DEVICE].as_str().unwrap())
}

#[async_trait]
impl Backend for Gpus {
    fn id(&self) -> &'static str {
        "gpus"
    }

    fn supports(&self, _: &Model) -> bool {
        true
    }

    async fn plan(&self, request: &LoadRequest, machine: &Machine) -> Result<LaunchPlan, BackendError> {
        let emptiest = machine.devices.iter().max_by_key(|device| device.free).unwrap();
        let mut plan = LaunchPlan::new(self.id(), request.model.clone());
        plan.settings.insert(DEVICE.to_owned(), emptiest.id.as_str().into());
        Ok(plan)
    }

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let part = DeviceEstimate { weights: TAKES, ..DeviceEstimate::on(device_of(plan)) };
        Ok(Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![part] })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        let (sender, exit) = ExitSignal::new();
        self.0.lock().unwrap().insert(id.clone(), (device_of(&plan), sender));
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
impl MachineReader for Gpus {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let loaded = self.0.lock().unwrap();
        let gpu = |id: &str| {
            let count = loaded.values().filter(|(device, _)| device.as_str() == id).count() as u64;
            Device {
                id: DeviceId::from(id),
                name: "GPU".to_owned(),
                kind: DeviceKind::Discrete,
                aliases: Vec::new(),
                total: SIZE,
                free: Some(SIZE - count * TAKES),
            }
        };
        let devices = vec![gpu("gpu0"), gpu("gpu1")];
        Ok(Machine { physical_cores: 1, usable_threads: 1, devices, hypothetical: false })
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_takes_the_empty_gpu_and_then_that_of_the_longest_unused() {
    let gpus = Gpus::default();
    let registry = Registry::empty().with(Arc::new(gpus.clone())).unwrap();
    let orchestrator = Orchestrator::new(registry, Arc::new(gpus.clone()), Policy::default());
    for name in ["a", "b", "c"] {
        let model = Model::from_file(ModelKind::Text, format!("{name}.gguf"));
        orchestrator.add(LoadRequest::new(model)).await.unwrap();
    }
    let mut places = Vec::new();
    for name in ["a", "b", "b", "c"] {
        let lease = orchestrator.lease(name).await.unwrap();
        places.push((name, device_of(&lease.instance().plan).to_string()));
        drop(lease);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let [(_, a), (_, b), _, (_, c)] = &places[..] else { panic!("{places:?}") };
    assert!(a != b && c == a, "{places:?}");
    assert_eq!(gpus.0.lock().unwrap().len(), 2);
    orchestrator.close().await;
}
