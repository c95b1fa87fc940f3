//! What each interface said, before the lists are put together.

use serde::{Deserialize, Serialize};

use crate::{CudaCapability, GpuKind, Note};

/// A card as NVML describes it. Any query may be unsupported, so every field may be `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawNvml {
    /// Index in NVML's list.
    pub index: u32,
    /// Marketing name.
    pub name: Option<String>,
    /// `GPU-...`, or `MIG-...` for an instance of a divided card.
    pub uuid: Option<String>,
    /// PCI address, in any notation that [`merge`](crate::merge()) understands.
    pub pci_address: Option<String>,
    /// Memory in bytes.
    pub memory: Option<MemoryReading>,
    /// Version of the NVIDIA driver.
    pub driver_version: Option<String>,
    /// CUDA compute capability.
    pub cuda_capability: Option<CudaCapability>,
    /// Programs that compute on it, where the driver tells them apart.
    #[serde(default)]
    pub processes: Vec<ProcessOnCard>,
}

/// A program that computes on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessOnCard {
    /// Its number, as the driver sees it: within a container it may have another one.
    pub pid: u32,
    /// Bytes it takes of the card.
    pub bytes: u64,
}

/// Total and free memory, in bytes, read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReading {
    /// Bytes there are.
    pub total: u64,
    /// Bytes nobody uses.
    pub free: u64,
}

/// A device as Vulkan describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawVulkan {
    /// Index in the list of `vkEnumeratePhysicalDevices`.
    pub index: u32,
    /// Name the driver gives.
    pub name: String,
    /// PCI vendor id.
    pub vendor_id: u32,
    /// Kind, from `VkPhysicalDeviceType`.
    pub kind: GpuKind,
    /// `VkPhysicalDeviceIDProperties::deviceUUID`; all zeros means unknown.
    pub uuid: [u8; 16],
    /// From `VK_EXT_pci_bus_info`.
    pub pci_address: Option<String>,
    /// `driverInfo` of `VkPhysicalDeviceDriverProperties`.
    pub driver_version: Option<String>,
    /// Memory heaps.
    pub heaps: Vec<Heap>,
}

/// One Vulkan memory heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heap {
    /// Bytes in the heap.
    pub size: u64,
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`.
    pub device_local: bool,
    /// Bytes this process could still take, from `VK_EXT_memory_budget`: budget minus usage.
    pub free: Option<u64>,
}

/// What one source answered. A source that failed answers with a note.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Cards NVML saw.
    #[serde(default)]
    pub(crate) nvml: Vec<RawNvml>,
    /// Devices Vulkan saw.
    #[serde(default)]
    pub(crate) vulkan: Vec<RawVulkan>,
    /// What went wrong.
    #[serde(default)]
    pub(crate) notes: Vec<Note>,
}

impl Answer {
    /// The answer of a source that could only say what is wrong.
    pub(crate) fn only(note: Note) -> Self {
        Self { notes: vec![note], ..Self::default() }
    }

    /// Adds what another source said.
    pub(crate) fn join(&mut self, other: Self) {
        self.nvml.extend(other.nvml);
        self.vulkan.extend(other.vulkan);
        self.notes.extend(other.notes);
    }
}
