//! The machine, as far as builds care.

use loadmaster_sysprobe::{Facts, Gpu, GpuKind, Vendor};
use serde::{Deserialize, Serialize};

use crate::catalog::{Arch, Os, Variant};

/// The machine that a build is chosen for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its system; `None` if there are no builds for it.
    pub os: Option<Os>,
    /// Its processor; `None` if there are no builds for it.
    pub arch: Option<Arch>,
    /// The system's own name for its version, kernel included: an update changes it.
    pub os_build: String,
    /// What matters of what the processor can do, by the names of
    /// [`loadmaster_sysprobe::Cpu::instruction_sets`].
    pub cpu: Vec<String>,
    /// Graphics cards and software renderers.
    pub gpus: Vec<Gpu>,
}

/// What a proof holds for: the same system, the same cards, the same drivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    os_build: String,
    cpu: Vec<String>,
    /// UUID (or name) and driver version of each card, in a fixed order.
    gpus: Vec<(String, Option<String>)>,
}

/// Where Linux tells which driver of NVIDIA's is loaded.
const NVIDIA_DRIVER: &str = "/proc/driver/nvidia/version";

impl Fingerprint {
    /// Whether this is the machine, as far as can be seen without asking its cards.
    pub(crate) fn seems_here(&self, variant: Variant) -> bool {
        let driver = match variant {
            Variant::Cuda => std::fs::read_to_string(NVIDIA_DRIVER).ok(),
            _ => None,
        };
        self.os_build == os_build() && driver.is_none_or(|loaded| self.names_driver(&loaded))
    }

    /// Whether a card had this driver, which is told in a line of words.
    fn names_driver(&self, loaded: &str) -> bool {
        let mut words = loaded.split_whitespace();
        words.any(|word| self.gpus.iter().any(|(_, driver)| driver.as_deref() == Some(word)))
    }
}

impl Host {
    /// This machine, with what was found out about it.
    pub fn of(facts: &Facts) -> Self {
        Self {
            os: this_os(),
            arch: this_arch(),
            os_build: os_build(),
            cpu: facts.cpu.instruction_sets.clone(),
            gpus: facts.gpus.clone(),
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let gpu =
            |gpu: &Gpu| (gpu.uuid.clone().unwrap_or_else(|| gpu.name.clone()), gpu.driver_version.clone());
        let mut gpus: Vec<_> = self.gpus.iter().map(gpu).collect();
        gpus.sort();
        Fingerprint { os_build: self.os_build.clone(), cpu: self.cpu.clone(), gpus }
    }

    /// Cards of this maker; of any if `None`.
    pub(crate) fn cards(&self, vendor: Option<Vendor>) -> impl Iterator<Item = &Gpu> {
        let real = self.gpus.iter().filter(|gpu| gpu.kind != GpuKind::Software);
        real.filter(move |gpu| vendor.is_none_or(|vendor| gpu.vendor == vendor))
    }
}

fn this_os() -> Option<Os> {
    match std::env::consts::OS {
        "linux" => Some(Os::Linux),
        "macos" => Some(Os::Macos),
        "windows" => Some(Os::Windows),
        _ => None,
    }
}

fn this_arch() -> Option<Arch> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Arch::X64),
        "aarch64" => Some(Arch::Arm64),
        _ => None,
    }
}

fn os_build() -> String {
    let parts = [sysinfo::System::name(), sysinfo::System::os_version(), sysinfo::System::kernel_version()];
    parts.map(Result::unwrap_or_default).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(os_build: String, driver: &str) -> Fingerprint {
        let gpus = vec![("GPU-1".to_owned(), Some(driver.to_owned()))];
        Fingerprint { os_build, cpu: Vec::new(), gpus }
    }

    #[test]
    fn another_system_or_driver_is_seen_at_a_glance() {
        assert!(fingerprint(os_build(), "1").seems_here(Variant::Cpu));
        assert!(!fingerprint("another".to_owned(), "1").seems_here(Variant::Cpu));
        // As the driver of NVIDIA tells it.
        let loaded =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12\nGCC version: 12\n";
        assert!(fingerprint(os_build(), "535.183.01").names_driver(loaded));
        assert!(!fingerprint(os_build(), "535.183").names_driver(loaded));
    }
}
