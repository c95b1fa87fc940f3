//! One list of cards out of what NVML and Vulkan saw.

use crate::{Apis, Gpu, GpuKind, Heap, RawNvml, RawVulkan, Vendor};

/// Puts the two lists together so that every card is there once, and numbers them.
///
/// Two entries are the same card if their UUIDs are equal, or else their PCI addresses, or else
/// if Vulkan's device has no PCI address and its name contains the NVML card's name (Direct3D
/// translated to Vulkan under WSL does that). Entries with different PCI addresses are never the
/// same card. Two Vulkan drivers for one card also become one entry; the first one's index stays.
///
/// Memory is NVML's where NVML knows it. Otherwise it is that of the **largest device-local heap**
/// alone: a small second heap is a window into the first with some drivers (NVIDIA) and memory on
/// top with others (AMD without resizable BAR), so the sum could promise bytes that do not exist.
/// What is left out is at most the 256 MiB of such a window.
///
/// Order and numbers: discrete, integrated, software; within these by PCI address, then index.
#[must_use]
pub fn merge(nvml: Vec<RawNvml>, vulkan: Vec<RawVulkan>) -> Vec<Gpu> {
    let mut gpus: Vec<Gpu> = nvml.into_iter().map(from_nvml).collect();
    for device in vulkan.into_iter().map(from_vulkan) {
        match gpus.iter_mut().find(|gpu| same_card(gpu, &device)) {
            Some(gpu) => absorb(gpu, device),
            None => gpus.push(device),
        }
    }
    gpus.sort_by(|a, b| order(a).cmp(&order(b)));
    for (number, gpu) in gpus.iter_mut().enumerate() {
        gpu.id = format!("gpu{number}");
    }
    gpus
}

/// The sort key: kind, then bus (unknown addresses last), then index.
fn order(gpu: &Gpu) -> (GpuKind, bool, Option<&str>, Option<u32>, Option<u32>) {
    let pci = gpu.pci_address.as_deref();
    (gpu.kind, pci.is_none(), pci, gpu.apis.nvml, gpu.apis.vulkan)
}

fn from_nvml(raw: RawNvml) -> Gpu {
    Gpu {
        id: String::new(),
        name: raw.name.unwrap_or_else(|| "NVIDIA GPU".to_owned()),
        vendor: Vendor::Nvidia,
        kind: GpuKind::Discrete,
        apis: Apis { nvml: Some(raw.index), ..Apis::default() },
        uuid: raw.uuid,
        pci_address: raw.pci_address.and_then(|text| canonical_pci(&text)),
        driver_version: raw.driver_version,
        cuda_capability: raw.cuda_capability,
        memory_total: raw.memory.map(|memory| memory.total),
        memory_free: raw.memory.map(|memory| memory.free.min(memory.total)),
        shares_host_memory: false,
    }
}

fn from_vulkan(raw: RawVulkan) -> Gpu {
    let pool = largest_pool(&raw.heaps);
    // The heap of a software renderer is a number somebody wrote down: what it may take at most, and
    // nothing about what is free.
    let measured = pool.filter(|_| raw.kind != GpuKind::Software);
    Gpu {
        id: String::new(),
        name: raw.name,
        vendor: Vendor::from_pci_id(raw.vendor_id),
        kind: raw.kind,
        apis: Apis { vulkan: Some(raw.index), ..Apis::default() },
        uuid: canonical_uuid(raw.uuid),
        pci_address: raw.pci_address.and_then(|text| canonical_pci(&text)),
        driver_version: raw.driver_version,
        cuda_capability: None,
        memory_total: pool.map(|heap| heap.size),
        memory_free: measured.and_then(|heap| Some(heap.free?.min(heap.size))),
        shares_host_memory: raw.kind != GpuKind::Discrete,
    }
}

/// The largest device-local heap.
fn largest_pool(heaps: &[Heap]) -> Option<Heap> {
    let local = heaps.iter().filter(|heap| heap.device_local);
    local.max_by_key(|heap| heap.size).copied()
}

/// Whether both describe one card. `device` comes from Vulkan.
fn same_card(gpu: &Gpu, device: &Gpu) -> bool {
    if gpu.kind == GpuKind::Software || device.kind == GpuKind::Software {
        return false;
    }
    if let (Some(a), Some(b)) = (&gpu.pci_address, &device.pci_address)
        && a != b
    {
        return false;
    }
    same_uuid(gpu, device)
        || (gpu.pci_address.is_some() && gpu.pci_address == device.pci_address)
        || (device.pci_address.is_none() && is_nvml_only(gpu) && device.name.contains(&gpu.name))
}

fn is_nvml_only(gpu: &Gpu) -> bool {
    gpu.apis.nvml.is_some() && gpu.apis.vulkan.is_none()
}

/// Whether both have a UUID and it is the same one, whatever the notation.
pub(crate) fn same_uuid(a: &Gpu, b: &Gpu) -> bool {
    match (&a.uuid, &b.uuid) {
        (Some(a), Some(b)) => bare_uuid(a) == bare_uuid(b),
        _ => false,
    }
}

/// Adds what Vulkan knows to a card that is in the list already.
fn absorb(gpu: &mut Gpu, device: Gpu) {
    gpu.apis.vulkan = gpu.apis.vulkan.or(device.apis.vulkan);
    gpu.kind = device.kind;
    gpu.shares_host_memory = device.shares_host_memory;
    gpu.uuid = gpu.uuid.take().or(device.uuid);
    gpu.pci_address = gpu.pci_address.take().or(device.pci_address);
    gpu.driver_version = gpu.driver_version.take().or(device.driver_version);
    // Total and free are taken together: halves of two sources would not add up.
    let known = |gpu: &Gpu| gpu.memory_total.is_some() && gpu.memory_free.is_some();
    if gpu.memory_total.is_none() || (!known(gpu) && device.memory_free.is_some()) {
        gpu.memory_total = device.memory_total;
        gpu.memory_free = device.memory_free;
    }
}

/// `GPU-1a2b...` and `1a2b...` compare equal: hexadecimal digits only, lower case.
fn bare_uuid(text: &str) -> String {
    let bare = text.trim_start_matches("GPU-").trim_start_matches("MIG-");
    bare.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
}

/// `8-4-4-4-12` hexadecimal digits; `None` for all zeros.
fn canonical_uuid(bytes: [u8; 16]) -> Option<String> {
    let value = u128::from_be_bytes(bytes);
    if value == 0 {
        return None;
    }
    let digits = format!("{value:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    Some(groups.join("-"))
}

/// `0000:01:00.0` out of that, `00000000:01:00.0` (NVML's domain has eight digits) or `01:00.0`.
pub(crate) fn canonical_pci(text: &str) -> Option<String> {
    let (place, function) = text.trim().rsplit_once('.')?;
    let mut parts = place.rsplit(':');
    let hex = |part: &str| u32::from_str_radix(part, 16).ok();
    let device = hex(parts.next()?)?;
    let bus = hex(parts.next()?)?;
    let domain = parts.next().map_or(Some(0), hex)?;
    let function = hex(function)?;
    Some(format!("{domain:04x}:{bus:02x}:{device:02x}.{function:x}"))
}
