//! Graphics cards in the Linux kernel's list, `/sys/class/drm`: free memory of AMD cards, and
//! cards for which no driver answered.
//!
//! The kernel answers from counters, so reading them is safe even when the card hangs.
//! Files: the kernel's `Documentation/gpu/amdgpu/driver-misc.rst` (`mem_info_vram_*`).

use std::{fs, path::Path};

use crate::{Gpu, GpuKind, MemoryReading, Note, Vendor, merge};

/// A card the kernel knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrmCard {
    /// Who made it.
    pub vendor: Vendor,
    /// Canonical PCI address, such as `0000:03:00.0`.
    pub pci_address: String,
    /// Its memory, where the driver counts it (amdgpu does).
    pub memory: Option<MemoryReading>,
}

/// The PCI cards in `sys/class/drm` below `root`, in the order of the bus. Empty where there is no
/// such folder.
#[must_use]
pub fn drm_cards(root: &Path) -> Vec<DrmCard> {
    let Ok(entries) = fs::read_dir(root.join("sys/class/drm")) else {
        return Vec::new();
    };
    let mut cards: Vec<DrmCard> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_card))
        .filter_map(|entry| read_card(&entry.path().join("device")))
        .collect();
    cards.sort_by(|a, b| a.pci_address.cmp(&b.pci_address));
    cards
}

/// `card0`, but not its connectors such as `card0-HDMI-A-1`.
fn is_card(name: &str) -> bool {
    name.strip_prefix("card")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn read_card(device: &Path) -> Option<DrmCard> {
    let read = |name: &str| fs::read_to_string(device.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let vendor = read("vendor")?;
    let vendor = u32::from_str_radix(vendor.trim().trim_start_matches("0x"), 16).ok()?;
    let uevent = read("uevent")?;
    let slot = uevent.lines().find_map(|line| line.strip_prefix("PCI_SLOT_NAME="))?;
    let memory = number("mem_info_vram_total").zip(number("mem_info_vram_used"));
    Some(DrmCard {
        vendor: Vendor::from_pci_id(vendor),
        pci_address: merge::canonical_pci(slot)?,
        memory: memory.map(|(total, used)| MemoryReading { total, free: total.saturating_sub(used) }),
    })
}

/// Gives discrete cards the kernel's figures, where it counts.
///
/// They are preferred to Vulkan's budget: they cover all of the card's memory and all programs,
/// and cost no child process.
pub(crate) fn fill_memory(gpus: &mut [Gpu], cards: &[DrmCard]) {
    let discrete = gpus.iter_mut().filter(|gpu| gpu.kind == GpuKind::Discrete);
    for gpu in discrete {
        let card = cards.iter().find(|card| gpu.pci_address.as_ref() == Some(&card.pci_address));
        if let Some(memory) = card.and_then(|card| card.memory) {
            gpu.memory_total = Some(memory.total);
            gpu.memory_free = Some(memory.free);
        }
    }
}

/// A note for every card that the kernel lists and no driver answered for.
pub(crate) fn unseen_cards(gpus: &[Gpu], cards: &[DrmCard]) -> Vec<Note> {
    cards
        .iter()
        .filter(|card| !answered(gpus, card))
        .filter_map(|card| {
            let (name, remedy) = match card.vendor {
                Vendor::Nvidia => ("NVIDIA", NVIDIA_REMEDY),
                Vendor::Amd => ("AMD", MESA_REMEDY),
                Vendor::Intel => ("Intel", MESA_REMEDY),
                _ => return None,
            };
            let what = format!(
                "the {name} graphics card at {} cannot be used: no driver answered for it",
                card.pci_address
            );
            Some(Note::new(what, remedy))
        })
        .collect()
}

const NVIDIA_REMEDY: &str = "install the NVIDIA driver; in a container start it with GPU access \
                             (`--gpus all`) and the driver capability `utility`";
const MESA_REMEDY: &str = "install its Vulkan driver (Debian, Ubuntu: `apt-get install libvulkan1 \
                           mesa-vulkan-drivers`) and let this user read and write /dev/dri/renderD* \
                           (group `render`)";

/// Whether a card is among the devices that answered. One of the same vendor without an address
/// may be it.
fn answered(gpus: &[Gpu], card: &DrmCard) -> bool {
    gpus.iter().any(|gpu| match &gpu.pci_address {
        Some(address) => *address == card.pci_address,
        None => gpu.vendor == card.vendor,
    })
}
