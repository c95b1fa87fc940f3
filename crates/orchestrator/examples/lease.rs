//! Two requests share one start, a third takes the place of their model, a fourth can never fit. The backend
//! here serves nothing.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{sync::Arc, time::Duration};

use loadmaster_core::{
    Backend, BackendError, DeviceEstimate, DeviceId, Endpoint, Estimate, EstimateSource, ExitSender,
    ExitSignal, Health, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model, ModelKind,
    Registry, Remedy, async_trait,
};
use loadmaster_orchestrator::{Budget, Budgets, Orchestrator, Policy, ThisMachine};

/// Takes 60 MiB for each model but one, and half a second to load.
#[derive(Debug)]
struct Toy {
    /// Kept for as long as the toy lives: a dropped sender would mean that its instance died.
    exits: std::sync::Mutex<Vec<ExitSender>>,
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

    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError> {
        let weights = if plan.model.id == "huge" { 200 << 20 } else { 60 << 20 };
        let host = DeviceEstimate { weights, ..DeviceEstimate::on(DeviceId::host()) };
        Ok(Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![host] })
    }

    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (sender, exit) = ExitSignal::new();
        self.exits.lock().expect("no holder panics").push(sender);
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
        Ok(())
    }

    async fn health(&self, _: &Instance) -> Health {
        Health::Ready
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::empty().with(Arc::new(Toy { exits: std::sync::Mutex::default() }))?;
    let budgets = Budgets([("host".to_owned(), Budget::Bytes(100 << 20))].into());
    let policy = Policy { budgets, ..Policy::default() };
    let orchestrator = Orchestrator::new(registry, Arc::new(ThisMachine::new()), policy);
    for name in ["small.gguf", "other.gguf", "huge.gguf"] {
        orchestrator.add(LoadRequest::new(Model::from_file(ModelKind::Text, name))).await?;
    }
    let mut events = orchestrator.events();

    let (first, second) = tokio::join!(orchestrator.lease("small"), orchestrator.lease("small"));
    println!("both were granted {} and {}", first?.instance().id, second?.instance().id);
    println!("then {}", orchestrator.lease("other").await?.instance().id);
    if let Err(error) = orchestrator.lease("huge").await {
        println!("{error}\n  help: {}", error.remedy());
    }
    orchestrator.close().await;
    while let Ok(event) = events.try_recv() {
        println!("event: {event:?}");
    }
    Ok(())
}
