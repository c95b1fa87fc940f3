//! The processor, and how much of it this process may use.

#[cfg_attr(target_arch = "x86_64", path = "cpu/instruction_sets_x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "cpu/instruction_sets_aarch64.rs")]
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), path = "cpu/instruction_sets_other.rs")]
mod instruction_sets;

use std::{num::NonZero, thread};

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, System};

use crate::Error;

/// The processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// The name it gives itself, such as `AMD EPYC`.
    pub model: String,
    /// Cores, hyper-threads not counted. Where that is unknown, the logical cores.
    pub physical_cores: u32,
    /// Cores as the operating system counts them.
    pub logical_cores: u32,
    /// How many threads can run at once in this process: logical cores less what affinity and
    /// control-group quota take away ([`std::thread::available_parallelism`]).
    pub usable_threads: u32,
    /// What matters for inference of what the processor and the operating system support, such as
    /// `avx2` or `dotprod`; the names are Linux's, but `sse4.2` and `amx` for any of AMX's.
    pub instruction_sets: Vec<String>,
}

/// Says how busy the processor is.
#[derive(Debug)]
pub struct CpuMeter(System);

impl CpuMeter {
    /// Begins to count now.
    ///
    /// # Errors
    /// [`Error::System`] if the system does not tell.
    pub fn begin() -> Result<Self, Error> {
        let mut system = System::new().map_err(|error| Error::System(format!("{error:?}")))?;
        system.refresh_cpu_usage();
        Ok(Self(system))
    }

    /// How busy all logical cores together were since this was last asked, from 0 to 100. Less than a fifth of a second
    /// after the last time the answer is the same as then.
    pub fn percent(&mut self) -> f32 {
        self.0.refresh_cpu_usage();
        self.0.global_cpu_usage()
    }
}

/// Reads it.
pub(crate) fn read() -> Result<Cpu, Error> {
    let mut system = System::new().map_err(|error| Error::System(format!("{error:?}")))?;
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let cores = system.cpus();
    let logical = count(cores.len()).max(1);
    let physical = System::physical_core_count().map_or(logical, count);
    Ok(Cpu {
        model: cores
            .first()
            .map(|core| core.brand().trim())
            .filter(|brand| !brand.is_empty())
            .unwrap_or("unknown")
            .to_owned(),
        physical_cores: physical.clamp(1, logical),
        logical_cores: logical,
        usable_threads: thread::available_parallelism()
            .map_or(logical, |threads| count(NonZero::get(threads))),
        instruction_sets: present(instruction_sets::detect()),
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The names of those that are there.
fn present(sets: impl IntoIterator<Item = (&'static str, bool)>) -> Vec<String> {
    sets.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect()
}
