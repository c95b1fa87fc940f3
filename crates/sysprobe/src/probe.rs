//! The probe: how drivers are asked, and what is made of their answers.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use crate::{
    Error, Facts, Gpu, GpuKind, GpuShare, MemoryNow, ProcessMemory, Snapshot,
    answer::{self, Source},
    apple, cpu, drm, memory, merge, os, process,
    question::ChildProgram,
    raw::Answer,
    snapshot,
};

/// How long a graphics driver may take to answer. Waking several cards that nobody uses takes
/// NVIDIA's driver a second or two; an answer otherwise takes milliseconds.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// Who waits longer than this does not want an answer; the sum with the present time stays in range.
const LONGEST_DEADLINE: Duration = Duration::from_hours(1);

/// Asks what this machine has.
#[derive(Debug, Clone)]
pub struct Probe {
    /// `None`: drivers are asked in this process.
    child: Option<ChildProgram>,
    root: PathBuf,
}

impl Probe {
    /// Drivers are asked by this same program, started again. Its `main` calls
    /// [`answer_if_asked`](crate::answer_if_asked) first.
    ///
    /// # Errors
    /// [`Error::NotPrepared`] if it has not, [`Error::OwnPath`] if the program cannot be found.
    ///
    /// ```
    /// use loadmaster_sysprobe::{Error, Probe, answer_if_asked};
    ///
    /// assert!(matches!(Probe::in_own_child(), Err(Error::NotPrepared)));
    /// answer_if_asked();
    /// assert!(Probe::in_own_child().is_ok());
    /// ```
    pub fn in_own_child() -> Result<Self, Error> {
        if !answer::is_prepared() {
            return Err(Error::NotPrepared);
        }
        let program = os::own_program().map_err(Error::OwnPath)?;
        Ok(Self::in_child(program, Vec::<OsString>::new()))
    }

    /// Drivers are asked by the given program with the given arguments. Its `main` must call
    /// [`answer_if_asked`](crate::answer_if_asked) first: otherwise the program *runs*, twice,
    /// until it ends or the deadline is over.
    #[must_use]
    pub fn in_child(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            child: Some(ChildProgram {
                program: program.into(),
                args: args.into_iter().map(Into::into).collect(),
                env: Vec::new(),
                deadline: DEFAULT_DEADLINE,
            }),
            root: PathBuf::from("/"),
        }
    }

    /// Drivers are asked in this process: nothing protects it from a driver that crashes or
    /// hangs, and Vulkan's implicit layers are loaded too.
    #[must_use]
    pub fn in_this_process() -> Self {
        Self { child: None, root: PathBuf::from("/") }
    }

    /// How long a driver may take, at most an hour; [`DEFAULT_DEADLINE`] if not called. No meaning
    /// in this process.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        if let Some(child) = &mut self.child {
            child.deadline = deadline.min(LONGEST_DEADLINE);
        }
        self
    }

    /// Sets an environment variable for the children, such as `VK_DRIVER_FILES`. No meaning in
    /// this process.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        if let Some(child) = &mut self.child {
            child.env.push((name.into(), value.into()));
        }
        self
    }

    /// Looks up control groups and the kernel's graphics cards (`/proc`, `/sys`) below this folder
    /// instead of `/`: for a container that has the host's mounted elsewhere, and for tests.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// What this machine has. Blocks while the drivers are asked.
    ///
    /// # Errors
    /// [`Error::System`] if processor or memory cannot be read. Drivers that fail become
    /// [`Facts::notes`].
    pub fn facts(&self) -> Result<Facts, Error> {
        let cpu = cpu::read()?;
        let (memory, now) = memory::read(&self.root)?;
        let cards = drm::drm_cards(&self.root);
        let answer = self.ask(&[Source::Nvml, Source::Vulkan]);

        let mut gpus = merge(answer.nvml, answer.vulkan);
        drm::fill_memory(&mut gpus, &cards);
        if apple::IS_APPLE_SILICON {
            apple::complete(&mut gpus, &cpu.model, memory.physical);
        }
        bound_by_host(&mut gpus, now);
        let mut notes = answer.notes;
        notes.extend(drm::unseen_cards(&gpus, &cards));
        Ok(Facts { cpu, memory, gpus, notes })
    }

    /// What is free now of what `facts` list. Blocks while the drivers are asked, but asks only
    /// those that are needed: none at all on a machine without a graphics card.
    ///
    /// # Errors
    /// [`Error::System`] if memory cannot be read. Drivers that fail become [`Snapshot::notes`].
    pub fn snapshot(&self, facts: &Facts) -> Result<Snapshot, Error> {
        let mut gpus = snapshot::without_free(&facts.gpus);
        let mut notes = Vec::new();
        if gpus.iter().any(|gpu| gpu.apis.nvml.is_some()) {
            let answer = self.ask(&[Source::Nvml]);
            snapshot::fill(&mut gpus, &merge(answer.nvml, Vec::new()));
            notes.extend(answer.notes);
        }
        drm::fill_memory(&mut gpus, &drm::drm_cards(&self.root));
        if gpus.iter().any(snapshot::needs_vulkan) {
            let answer = self.ask(&[Source::Vulkan]);
            snapshot::fill(&mut gpus, &merge(Vec::new(), answer.vulkan));
            notes.extend(answer.notes);
        }
        // Read last, so that it does not age while the drivers are asked.
        let (_, memory) = memory::read(&self.root)?;
        bound_by_host(&mut gpus, memory);
        Ok(Snapshot { memory, gpus: gpus.iter().map(snapshot::now).collect(), notes })
    }

    /// For how long CPUs, and on Linux cards whose driver counts it, have worked for the process `pid`, all
    /// of its threads together; `None` when there is no such process. A process that gets on makes it grow;
    /// one that is stopped or waits for ever does not. Fast: no driver is asked.
    #[must_use]
    pub fn process_work(&self, pid: u32) -> Option<Duration> {
        process::work(&self.root, pid)
    }

    /// What the process `pid` takes of main memory and of the cards that `facts` list; `None` when there
    /// is no such process. Blocks while NVML is asked, where there are cards of its own; the kernel tells
    /// of the others on Linux.
    #[must_use]
    pub fn process_memory(&self, facts: &Facts, pid: u32) -> Option<ProcessMemory> {
        let mut memory = process::main_memory(&self.root, pid)?;
        let mut shares = process::card_memory(&self.root, pid);
        if facts.gpus.iter().any(|gpu| gpu.apis.nvml.is_some()) {
            for card in self.ask(&[Source::Nvml]).nvml {
                let bytes = card.processes.iter().filter(|process| process.pid == pid);
                let bytes: u64 = bytes.map(|process| process.bytes).sum();
                let address = card.pci_address.as_deref().and_then(merge::canonical_pci);
                if let Some(address) = address.filter(|_| bytes > 0) {
                    *shares.entry(address).or_default() += bytes;
                }
            }
        }
        let share = |gpu: &Gpu| {
            let bytes = *shares.get(gpu.pci_address.as_ref()?)?;
            Some(GpuShare { id: gpu.id.clone(), bytes })
        };
        memory.gpus = facts.gpus.iter().filter_map(share).collect();
        Some(memory)
    }

    fn ask(&self, sources: &[Source]) -> Answer {
        if let Some(child) = &self.child {
            return child.ask(sources);
        }
        let mut answer = Answer::default();
        for source in sources {
            answer.join(source.ask());
        }
        answer
    }
}

/// An integrated card cannot have more free than the memory it shares.
fn bound_by_host(gpus: &mut [Gpu], host: MemoryNow) {
    let integrated = gpus.iter_mut().filter(|gpu| gpu.kind == GpuKind::Integrated);
    for gpu in integrated {
        let own = gpu.memory_free.or(gpu.memory_total);
        gpu.memory_free = own.map(|free| free.min(host.available));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Heap, RawVulkan};

    #[test]
    fn an_integrated_card_has_no_more_free_than_its_host() {
        let check = |free: Option<u64>, available: u64, expected: u64| {
            let heap = Heap { size: 1000, device_local: true, free };
            let raw = RawVulkan {
                index: 0,
                name: "graphics".to_owned(),
                vendor_id: 0x8086,
                kind: GpuKind::Integrated,
                uuid: [0; 16],
                pci_address: None,
                driver_version: None,
                heaps: vec![heap],
            };
            let mut gpus = merge(Vec::new(), vec![raw]);
            let host = MemoryNow { total: 2000, available };
            bound_by_host(&mut gpus, host);
            assert_eq!(gpus[0].memory_free, Some(expected));
        };
        check(Some(900), 500, 500);
        check(Some(900), 1500, 900);
        check(None, 500, 500);
        check(None, 1500, 1000);
    }
}
