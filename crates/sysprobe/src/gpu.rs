//! A graphics card, as reported to the caller.

use serde::{Deserialize, Serialize};

/// A graphics card (or a renderer that pretends to be one).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// `gpu0`, `gpu1`, ... in the order of [`Facts::gpus`](crate::Facts::gpus).
    pub id: String,
    /// The name its driver gives it, such as `NVIDIA GeForce RTX 3090`.
    pub name: String,
    /// Who made it.
    pub vendor: Vendor,
    /// What sort of device it is.
    pub kind: GpuKind,
    /// Which interfaces saw it, and under which index there.
    pub apis: Apis,
    /// `GPU-...` or `MIG-...` where NVML saw it, else Vulkan's device UUID in the same notation
    /// without a prefix.
    pub uuid: Option<String>,
    /// `domain:bus:device.function` in hexadecimal, such as `0000:01:00.0`.
    pub pci_address: Option<String>,
    /// The version its driver names.
    pub driver_version: Option<String>,
    /// The CUDA compute capability, where NVML gave it.
    pub cuda_capability: Option<CudaCapability>,
    /// Bytes of memory. `None` where unknown. For a software renderer this is the heap it claims,
    /// which it never had: a limit on what it gives out, and no capacity.
    pub memory_total: Option<u64>,
    /// Bytes of memory that were free when the card was probed. `None` where unknown, and always
    /// for software renderers.
    pub memory_free: Option<u64>,
    /// Its memory is the host's: what it takes is gone from
    /// [`MemoryNow::available`](crate::MemoryNow::available) too, so it is no capacity on top.
    pub shares_host_memory: bool,
}

/// What sort of device a [`Gpu`] is. The order is the order of reporting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GpuKind {
    /// A card with memory of its own.
    Discrete,
    /// Part of the processor; its memory is the host's.
    Integrated,
    /// A renderer on the processor such as llvmpipe: never to be counted as capacity.
    Software,
}

/// Who made a [`Gpu`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
    /// Apple.
    Apple,
    /// ARM (Mali).
    Arm,
    /// Qualcomm (Adreno).
    Qualcomm,
    /// Anybody else, Mesa's software renderers among them.
    Other,
}

impl Vendor {
    /// The vendor of a PCI vendor id (the PCI-SIG's list; Vulkan uses the same ids).
    #[must_use]
    pub fn from_pci_id(id: u32) -> Self {
        match id {
            0x10de => Self::Nvidia,
            0x1002 | 0x1022 => Self::Amd,
            0x8086 => Self::Intel,
            0x106b => Self::Apple,
            0x13b5 => Self::Arm,
            0x5143 => Self::Qualcomm,
            _ => Self::Other,
        }
    }
}

/// Which interfaces saw a [`Gpu`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apis {
    /// Index in NVML's list, which is in the order of the PCI bus. The instances of a card in
    /// MIG mode all carry the index of their card.
    pub nvml: Option<u32>,
    /// Index in the list of `vkEnumeratePhysicalDevices`, software renderers counted.
    pub vulkan: Option<u32>,
    /// Usable through Apple's Metal.
    #[serde(default)]
    pub metal: bool,
}

/// A CUDA compute capability, such as 8.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CudaCapability {
    /// The 8 of 8.6.
    pub major: u32,
    /// The 6 of 8.6.
    pub minor: u32,
}
