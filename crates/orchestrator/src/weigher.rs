//! Weighs plans: before a start what they will take, after it what they took.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{Backend, Estimate, Instance, Machine};

use crate::{
    MachineReader, OrchestratorError, Policy, ProcessMemory,
    actual::{actual, next_time},
    measurements::Measurements,
    steps::{Preparation, Prepared},
};

/// How long a driver may take to say what a process takes. Milliseconds, unless it hangs: then neither a
/// start nor a stop shall wait for it.
const DRIVER_PATIENCE: Duration = Duration::from_secs(1);

/// How long memory may take to come back after a process ended. Far more than drivers need; what is missing
/// then counts as somebody else's.
const SETTLE_PATIENCE: Duration = Duration::from_secs(2);

/// Between two readings that are compared.
const BETWEEN_READINGS: Duration = Duration::from_millis(10);

/// Two readings agree that differ by less, in bytes: other programs are never quite still.
const STILL: u64 = 16 << 20;

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

    /// The machine now; with `settle` once two readings agree.
    pub(crate) async fn machine(&self, settle: bool) -> Result<Machine, OrchestratorError> {
        if settle { self.settled().await } else { self.machine.read().await }
    }

    /// Reads the machine, plans, and estimates: by what the same plan took before, else by the backend.
    pub(crate) async fn before(
        &self,
        backend: &dyn Backend,
        preparation: &Preparation,
    ) -> Result<Prepared, OrchestratorError> {
        let machine = self.machine(preparation.settle).await?;
        let plan = if let Some(plan) = &preparation.again {
            Arc::clone(plan)
        } else {
            let outlook = preparation.outlook.machine(&machine);
            Arc::new(backend.plan(&preparation.request, &outlook).await?)
        };
        let estimate = match self.measurements.find(&plan, &machine) {
            Some(measured) => measured,
            None => backend.estimate_resources(&plan).await?,
        };
        Ok(Prepared { plan, estimate, machine })
    }

    /// The machine, once two readings agree: a driver may give memory back some time after the process
    /// that had it is gone.
    async fn settled(&self) -> Result<Machine, OrchestratorError> {
        let begun = tokio::time::Instant::now();
        let mut last = self.machine.read().await?;
        loop {
            tokio::time::sleep(BETWEEN_READINGS).await;
            let next = self.machine.read().await?;
            if agree(&last, &next) || begun.elapsed() > SETTLE_PATIENCE {
                return Ok(next);
            }
            last = next;
        }
    }

    /// The machine, and what the instance's process has of it, just before it is stopped; `None` where nobody
    /// can tell.
    pub(crate) async fn leaving(&self, instance: &Instance) -> Option<(Machine, ProcessMemory)> {
        let process = self.process(instance.pid?).await?;
        Some((self.machine.read().await.ok()?, process))
    }

    /// What a process takes now, if its drivers say so in time.
    async fn process(&self, pid: u32) -> Option<ProcessMemory> {
        let asked = tokio::time::timeout(DRIVER_PATIENCE, self.machine.process_memory(pid)).await;
        asked.ok().flatten()
    }

    /// What an instance takes now: what its server said when it started, and what its process takes
    /// beyond that. Remembers it. `None` when its server said nothing.
    pub(crate) async fn after(&self, instance: &Instance, prepared: &Prepared) -> Option<Estimate> {
        let buffers = instance.measured.clone()?;
        let process = match instance.pid {
            Some(pid) => self.process(pid).await.unwrap_or_default(),
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

/// Whether nothing was given back between two readings.
fn agree(earlier: &Machine, later: &Machine) -> bool {
    let pairs = earlier.devices.iter().zip(&later.devices);
    pairs.filter_map(|(one, other)| one.free.zip(other.free)).all(|(one, other)| one.abs_diff(other) < STILL)
}
