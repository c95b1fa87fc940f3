//! Reads memory and processor, for all who want to know at once.

use std::{
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use loadmaster_orchestrator::{MachineReader, Orchestrator};
use loadmaster_sysprobe::CpuMeter;
use tokio::{sync::Mutex, time::Instant};

use super::{MemoryNow, Residents, holding, memory_now};
use crate::{ApiError, state::now_ms};

/// For how long a reading is given to others who ask.
const FRESH: Duration = Duration::from_millis(500);

/// Reads memory and processor.
pub(crate) struct Meter {
    orchestrator: Orchestrator,
    machine: Arc<dyn MachineReader>,
    /// `None` where the system does not tell.
    processor: std::sync::Mutex<Option<CpuMeter>>,
    /// Locked while it is read: who asks meanwhile gets what comes of that.
    latest: Mutex<Option<(Instant, Arc<MemoryNow>)>>,
}

impl Meter {
    pub(crate) fn new(orchestrator: Orchestrator, machine: Arc<dyn MachineReader>) -> Arc<Self> {
        let processor = std::sync::Mutex::new(CpuMeter::begin().ok());
        Arc::new(Self { orchestrator, machine, processor, latest: Mutex::default() })
    }

    /// What there is now, or was half a second ago.
    pub(crate) async fn read(&self) -> Result<Arc<MemoryNow>, ApiError> {
        let mut latest = self.latest.lock().await;
        if let Some((at, now)) = &*latest
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(now));
        }
        let status = self.orchestrator.status().await?;
        let machine = self.machine.read().await?;
        let mut residents = Residents::new();
        for instance in holding(&status) {
            if let Some(pid) = instance.pid
                && let Some(memory) = self.machine.process_memory(pid).await
            {
                residents.insert(instance.id.clone(), memory);
            }
        }
        let cpu_percent = self.cpu_percent();
        let now = Arc::new(memory_now(&machine, &status, &residents, now_ms(), cpu_percent));
        *latest = Some((Instant::now(), Arc::clone(&now)));
        Ok(now)
    }

    fn cpu_percent(&self) -> Option<f64> {
        let mut processor = self.processor.lock().unwrap_or_else(PoisonError::into_inner);
        // A tenth is shown.
        processor.as_mut().map(|meter| (f64::from(meter.percent()) * 10.0).round() / 10.0)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("machine", &self.machine).finish_non_exhaustive()
    }
}
