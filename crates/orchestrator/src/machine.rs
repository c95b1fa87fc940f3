//! The machine as the planner sees it.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use loadmaster_core::{Device, DeviceId, DeviceKind, Machine};
use loadmaster_sysprobe::{Facts, Gpu, GpuKind, GpuNow, Probe, Snapshot};
use tokio::sync::OnceCell;

use crate::OrchestratorError;

/// Reads the machine's devices and their free memory.
#[async_trait]
pub trait MachineReader: Debug + Send + Sync {
    /// The machine now. Memory is read anew at each call; static facts may be remembered.
    ///
    /// # Errors
    /// [`OrchestratorError::Machine`] when the system does not tell.
    async fn read(&self) -> Result<Machine, OrchestratorError>;

    /// What the process `pid` takes now. `None` when there is no such process, or nobody can tell.
    async fn process_memory(&self, pid: u32) -> Option<ProcessMemory> {
        let _ = pid;
        None
    }

    /// For how long the machine has worked for the process `pid` since it was started. `None` when nobody can
    /// tell: then it is assumed to work.
    async fn process_work(&self, pid: u32) -> Option<Duration> {
        let _ = pid;
        None
    }
}

/// What a process takes, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Of main memory, pages of files not counted; `None` where the system does not tell them apart.
    pub own: Option<u64>,
    /// Of devices with memory of their own, as far as a driver says.
    pub devices: Vec<(DeviceId, u64)>,
}

/// The machine that this program runs on.
#[derive(Debug)]
pub struct ThisMachine {
    probe: Arc<Probe>,
    facts: OnceCell<Arc<Facts>>,
}

impl ThisMachine {
    /// Reads nothing yet.
    ///
    /// GPUs are asked in a child process when the program began with
    /// [`loadmaster_sysprobe::answer_if_asked`], and in this process, where a broken driver can hang
    /// or end it, when it did not.
    pub fn new() -> Self {
        let probe = Probe::in_own_child().unwrap_or_else(|_| Probe::in_this_process());
        Self { probe: Arc::new(probe), facts: OnceCell::new() }
    }

    async fn facts(&self) -> Result<Arc<Facts>, OrchestratorError> {
        let probe = Arc::clone(&self.probe);
        let read = || async move { blocking(move || probe.facts()).await.map(Arc::new) };
        self.facts.get_or_try_init(read).await.cloned()
    }
}

impl Default for ThisMachine {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl MachineReader for ThisMachine {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let facts = self.facts().await?;
        let (probe, known) = (Arc::clone(&self.probe), Arc::clone(&facts));
        let snapshot = blocking(move || probe.snapshot(&known)).await?;
        Ok(machine(&facts, &snapshot))
    }

    async fn process_memory(&self, pid: u32) -> Option<ProcessMemory> {
        let facts = self.facts().await.ok()?;
        let probe = Arc::clone(&self.probe);
        let memory = blocking(move || Ok(probe.process_memory(&facts, pid))).await.ok()??;
        let devices = memory.gpus.into_iter().map(|share| (DeviceId::from(share.id), share.bytes));
        Some(ProcessMemory { own: memory.own, devices: devices.collect() })
    }

    async fn process_work(&self, pid: u32) -> Option<Duration> {
        let probe = Arc::clone(&self.probe);
        blocking(move || Ok(probe.process_work(pid))).await.ok()?
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, loadmaster_sysprobe::Error> + Send + 'static,
) -> Result<T, OrchestratorError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(OrchestratorError::Machine(error.to_string())),
        Err(error) => Err(OrchestratorError::Machine(error.to_string())),
    }
}

/// Facts and snapshot in the words of the planner.
fn machine(facts: &Facts, snapshot: &Snapshot) -> Machine {
    let host = Device {
        id: DeviceId::host(),
        name: facts.cpu.model.clone(),
        kind: DeviceKind::Host,
        aliases: Vec::new(),
        total: snapshot.memory.total,
        free: Some(snapshot.memory.available),
    };
    let gpus = facts.gpus.iter().map(|gpu| {
        let now = snapshot.gpus.iter().find(|now| now.id == gpu.id);
        device(gpu, now)
    });
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Machine {
        physical_cores: count(facts.cpu.physical_cores),
        usable_threads: count(facts.cpu.usable_threads),
        devices: std::iter::once(host).chain(gpus).collect(),
        hypothetical: false,
    }
}

fn device(gpu: &Gpu, now: Option<&GpuNow>) -> Device {
    let indexed = |api: &str, index: Option<u32>| index.map(|index| format!("{api}:{index}"));
    let names = [
        indexed("vulkan", gpu.apis.vulkan),
        indexed("nvml", gpu.apis.nvml),
        gpu.uuid.clone(),
        gpu.pci_address.clone(),
    ];
    Device {
        id: DeviceId::from(gpu.id.as_str()),
        name: gpu.name.clone(),
        kind: match gpu.kind {
            GpuKind::Discrete => DeviceKind::Discrete,
            GpuKind::Integrated => DeviceKind::Integrated,
            GpuKind::Software => DeviceKind::Software,
        },
        aliases: names.into_iter().flatten().collect(),
        total: now.and_then(|now| now.total).or(gpu.memory_total).unwrap_or(0),
        free: now.and_then(|now| now.free),
    }
}
