//! What this machine has, and how much of it is free now: processor, memory, graphics cards.
//!
//! Two values come out. [`Facts`] hold still while the machine is on: ask once. A [`Snapshot`]
//! says what is free at this moment: ask at each decision. All memory is in bytes.
//!
//! # Guarantees
//! - **A broken graphics driver cannot hang or kill the caller.** Drivers are asked in child
//!   processes, one for NVML and one for Vulkan, at the same time and with a deadline. A crash, a
//!   hang or garbage becomes a [`Note`] with a remedy, and hides nothing the other one saw.
//! - **A card is reported once**, whichever interfaces saw it: see [`merge`].
//! - **Memory is bounded by the control groups** (v1, v2, hybrid, nested) this process is in, and
//!   page cache that the kernel gives back on demand counts as available.
//! - **Nothing is linked that may be absent**: NVML and the Vulkan loader are opened at run time.
//!   Their absence is not an error.
//!
//! # Limitations
//! - The calls block; from asynchronous code use a thread made for that.
//! - What is free on an AMD card comes from the kernel's counters on Linux, elsewhere from Vulkan's
//!   budget; a card of another maker without the budget extension has `memory_free: None`.
//! - On macOS the graphics part of an Apple processor is derived from the memory size, not asked
//!   of Metal.
//! - Windows job objects that limit memory are not looked at.
//!
//! # Use
//! The children are this same program started again, so [`answer_if_asked`] comes first in `main`:
//!
//! ```no_run
//! use loadmaster_sysprobe::{Probe, answer_if_asked};
//!
//! fn main() -> Result<(), loadmaster_sysprobe::Error> {
//!     answer_if_asked();
//!     let probe = Probe::in_own_child()?;
//!     let facts = probe.facts()?;
//!     let now = probe.snapshot(&facts)?;
//!     assert!(now.memory.available <= facts.memory.usable());
//!     Ok(())
//! }
//! ```

mod answer;
mod apple;
mod cgroup;
mod cpu;
mod drm;
mod error;
mod facts;
mod gpu;
mod memory;
mod merge;
mod nvml;
#[cfg_attr(unix, path = "os_unix.rs")]
#[cfg_attr(windows, path = "os_windows.rs")]
mod os;
mod probe;
mod process;
mod question;
mod raw;
mod snapshot;
mod vulkan;

pub use self::{
    answer::{CHILD_VARIABLE, answer_if_asked},
    cgroup::{CgroupBound, CgroupLevel, cgroup_bound, cgroup_levels},
    cpu::{Cpu, CpuMeter},
    drm::{DrmCard, drm_cards},
    error::Error,
    facts::{Facts, Note},
    gpu::{Apis, CudaCapability, Gpu, GpuKind, Vendor},
    memory::{MemoryFacts, MemoryNow},
    merge::merge,
    probe::{DEFAULT_DEADLINE, Probe},
    process::{GpuShare, ProcessMemory},
    raw::{Heap, MemoryReading, ProcessOnCard, RawNvml, RawVulkan},
    snapshot::{GpuNow, Snapshot},
};
