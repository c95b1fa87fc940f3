//! This machine as it is when other programs are closed: what a model that is to stay is weighed against.

use std::sync::Arc;

use loadmaster_core::{DeviceKind, LoadRequest, Machine, async_trait};
use loadmaster_models::Budget;
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Preview, ThisMachine};

use crate::{Failed, config::Config, engine};

/// The share of each memory that other programs and drivers keep even then: one part of eight.
const KEPT: u64 = 8;

/// This machine with nearly all of its memory free. Nothing is started on it.
#[derive(Debug)]
struct Rested(ThisMachine);

#[async_trait]
impl MachineReader for Rested {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let mut machine = self.0.read().await?;
        machine.devices.retain(|device| device.kind != DeviceKind::Software);
        for device in &mut machine.devices {
            device.free = Some(device.free.unwrap_or(0).max(device.total - device.total / KEPT));
        }
        machine.hypothetical = true;
        Ok(machine)
    }
}

/// An orchestrator on the rested machine, with the configuration's budgets.
pub(crate) fn orchestrator(config: &Config) -> Result<Orchestrator, Failed> {
    engine::start_on(config, Arc::new(Rested(ThisMachine::new())))
}

/// What this machine has for one model.
pub(crate) async fn budget(config: &Config) -> Result<Budget, Failed> {
    use loadmaster_orchestrator::Budget as Limit;
    let machine = Rested(ThisMachine::new()).read().await?;
    let mut budget = Budget::default();
    for device in &machine.devices {
        let mut bytes = device.free.unwrap_or(device.total);
        for (name, limit) in &config.policy.budgets.0 {
            if device.is_called(name) {
                bytes = bytes.min(match *limit {
                    Limit::Bytes(bytes) => bytes,
                    Limit::Percent(percent) => device.total / 100 * u64::from(percent),
                });
            }
        }
        match device.kind {
            DeviceKind::Host => budget.host += bytes,
            DeviceKind::Discrete => budget.accelerators += bytes,
            // Their memory is the host's.
            DeviceKind::Integrated | DeviceKind::Software => {}
        }
    }
    Ok(budget)
}

/// What loading `request` would take of the rested machine.
pub(crate) async fn preview(orchestrator: &Orchestrator, request: LoadRequest) -> Result<Preview, Failed> {
    Ok(orchestrator.preview_of(request).await?)
}

/// What is missing, with the numbers; `None` if it fits.
pub(crate) fn shortages(preview: &Preview) -> Option<String> {
    let told: Vec<String> = preview.shortages.iter().map(ToString::to_string).collect();
    (!told.is_empty()).then(|| told.join("; "))
}
