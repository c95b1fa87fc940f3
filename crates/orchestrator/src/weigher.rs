//! Weighs plans: before a start what they will take, after it what they took.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{Backend, DeviceKind, Estimate, Instance, LaunchPlan, Machine, ModelKind};

use crate::{
    MachineReader, OrchestratorError, Policy, ProcessMemory,
    actual::{actual, next_time},
    at_work::AtWork,
    measurements::Measurements,
    outlook::as_good,
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

    /// The machine now, as if those `at_work` rested; with `settle` once two readings agree.
    pub(crate) async fn machine(
        &self,
        settle: bool,
        at_work: &[AtWork],
    ) -> Result<Machine, OrchestratorError> {
        let machine = self.read(at_work).await?;
        if settle { self.settled(machine, at_work).await } else { Ok(machine) }
    }

    /// Reads the machine as if those `at_work` rested.
    async fn read(&self, at_work: &[AtWork]) -> Result<Machine, OrchestratorError> {
        let before = self.processes(at_work).await;
        let mut machine = self.machine.read().await?;
        let after = self.processes(at_work).await;
        for ((one, before), after) in at_work.iter().zip(&before).zip(&after) {
            one.rest_in(&mut machine, before, after);
        }
        Ok(machine)
    }

    async fn processes(&self, at_work: &[AtWork]) -> Vec<ProcessMemory> {
        let mut processes = Vec::new();
        for one in at_work {
            processes.push(self.process(one.pid).await.unwrap_or_default());
        }
        processes
    }

    /// Reads the machine, plans, and estimates: by what the same plan took before, else by the backend.
    pub(crate) async fn before(
        &self,
        backend: &dyn Backend,
        preparation: &Preparation,
        at_work: &[AtWork],
    ) -> Result<Prepared, OrchestratorError> {
        let mut machine = self.read(at_work).await?;
        if !preparation.settle {
            return self.planned(backend, preparation, machine).await;
        }
        // The kernel has a process's memory back before the process counts as ended, drivers later.
        if !has_drivers(&machine) {
            let prepared = self.planned(backend, preparation, machine).await?;
            if preparation.outlook.shortages(&prepared.estimate, &prepared.machine).is_empty() {
                return Ok(prepared);
            }
            machine = prepared.machine;
        }
        let settled = self.settled(machine, at_work).await?;
        self.planned(backend, preparation, settled).await
    }

    /// Plans for `machine` as it is, and estimates.
    pub(crate) async fn planned(
        &self,
        backend: &dyn Backend,
        preparation: &Preparation,
        machine: Machine,
    ) -> Result<Prepared, OrchestratorError> {
        if let Some(plan) = &preparation.again {
            let estimate = self.estimate(backend, plan, &machine).await?;
            return Ok(Prepared { plan: Arc::clone(plan), estimate, machine });
        }
        let outlook = &preparation.outlook;
        let plan_for = async |seen: Machine| {
            let plan = backend.plan(&preparation.request, &seen).await?;
            let estimate = self.estimate(backend, &plan, &machine).await?;
            Ok::<_, OrchestratorError>((Arc::new(plan), estimate))
        };
        let (mut plan, mut estimate) = plan_for(outlook.machine(&machine)).await?;
        if let Some(gentle) = outlook.gentle(&machine, &estimate)
            && let Ok((other, takes)) = plan_for(gentle).await
            && as_good(&machine, &estimate, &takes)
        {
            (plan, estimate) = (other, takes);
        }
        // A model of images may have a smaller way to run. It is no better off in the place of others than beside them,
        // as it works on one image and rests; a model of text would be squeezed for as long as it runs.
        if preparation.request.model.kind == ModelKind::Image
            && !outlook.shortages(&estimate, &machine).is_empty()
            && let Ok((other, takes)) = plan_for(outlook.undisturbed(&machine)).await
            && outlook.shortages(&takes, &machine).is_empty()
        {
            (plan, estimate) = (other, takes);
        }
        Ok(Prepared { plan, estimate, machine })
    }

    /// What the same plan took before, or what the backend estimates.
    async fn estimate(
        &self,
        backend: &dyn Backend,
        plan: &LaunchPlan,
        machine: &Machine,
    ) -> Result<Estimate, OrchestratorError> {
        match self.measurements.find(plan, machine) {
            Some(measured) => Ok(measured),
            None => Ok(backend.estimate_resources(plan).await?),
        }
    }

    /// The machine, once two readings agree: a driver may give memory back some time after the process
    /// that had it is gone.
    async fn settled(&self, mut last: Machine, at_work: &[AtWork]) -> Result<Machine, OrchestratorError> {
        let begun = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(BETWEEN_READINGS).await;
            let next = self.read(at_work).await?;
            if agree(&last, &next) || begun.elapsed() > SETTLE_PATIENCE {
                return Ok(next);
            }
            last = next;
        }
    }

    /// For how long the machine has worked for the process `pid`.
    pub(crate) async fn worked(&self, pid: u32) -> Option<Duration> {
        self.machine.process_work(pid).await
    }

    /// The machine, and what the instance's process has of it, just before it is stopped; `None` where nobody
    /// can tell.
    pub(crate) async fn leaving(
        &self,
        instance: &Instance,
        at_work: &[AtWork],
    ) -> Option<(Machine, ProcessMemory)> {
        let process = self.process(instance.pid?).await?;
        Some((self.read(at_work).await.ok()?, process))
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

/// Whether there is memory that is not the kernel's to give back.
fn has_drivers(machine: &Machine) -> bool {
    let mut kinds = machine.devices.iter().map(|device| device.kind);
    kinds.any(|kind| matches!(kind, DeviceKind::Discrete | DeviceKind::Integrated))
}

/// Whether nothing was given back between two readings.
fn agree(earlier: &Machine, later: &Machine) -> bool {
    let pairs = earlier.devices.iter().zip(&later.devices);
    pairs.filter_map(|(one, other)| one.free.zip(other.free)).all(|(one, other)| one.abs_diff(other) < STILL)
}
