//! Weighs plans: before a start what they will take, after it what they took.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{Backend, Estimate, Instance, LoadRequest};

use crate::{
    MachineReader, OrchestratorError, Policy, ProcessMemory,
    actual::{actual, next_time},
    measurements::Measurements,
    steps::Prepared,
};

/// How long a driver may take to say what a process takes. Milliseconds, unless it hangs: then neither a
/// start nor a stop shall wait for it.
const DRIVER_PATIENCE: Duration = Duration::from_secs(1);

/// Reads the machine, asks backends, and remembers what was measured.
#[derive(Debug)]
pub(crate) struct Weigher {
    machine: Arc<dyn MachineReader>,
    measurements: Arc<Measurements>,
}

impl Weigher {
    pub(crate) fn new(machine: Arc<dyn MachineReader>, policy: &Policy) -> Self {
        Self { machine, measurements: Arc::new(Measurements::open(policy.measurements.clone())) }
    }

    /// Reads the machine, plans, and estimates: by what the same plan took before, else by the backend.
    pub(crate) async fn before(
        &self,
        backend: &dyn Backend,
        request: &LoadRequest,
        policy: &Policy,
    ) -> Result<Prepared, OrchestratorError> {
        let machine = self.machine.read().await?;
        for device in policy.budgets.unmatched(&machine) {
            tracing::warn!("the budget for '{device}' limits nothing: there is no such device");
        }
        let plan = Arc::new(backend.plan(request, &machine).await?);
        let estimate = match self.measurements.find(&plan, &machine) {
            Some(measured) => measured,
            None => backend.estimate_resources(&plan).await?,
        };
        Ok(Prepared { plan, estimate, machine })
    }

    /// What an instance takes now: what its server said when it started, and what its process takes
    /// beyond that. Remembers it. `None` when its server said nothing.
    pub(crate) async fn after(&self, instance: &Instance, prepared: &Prepared) -> Option<Estimate> {
        let buffers = instance.measured.clone()?;
        let process = match instance.pid {
            Some(pid) => {
                let asked = tokio::time::timeout(DRIVER_PATIENCE, self.machine.process_memory(pid)).await;
                asked.ok().flatten().unwrap_or_default()
            }
            None => ProcessMemory::default(),
        };
        let took = actual(buffers, &process, &prepared.machine);
        let expected = next_time(&prepared.estimate, took.clone());
        let (measurements, prepared) = (Arc::clone(&self.measurements), prepared.clone());
        // Nobody waits for the file.
        tokio::task::spawn_blocking(move || {
            measurements.remember(&prepared.plan, &prepared.machine, expected);
        });
        Some(took)
    }
}
