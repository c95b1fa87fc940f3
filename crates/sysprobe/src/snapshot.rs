//! What is free at this moment.

use serde::{Deserialize, Serialize};

use crate::{Gpu, GpuKind, MemoryNow, Note, merge::same_uuid};

/// What is free now. Take one at each decision: other programs come and go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Main memory.
    pub memory: MemoryNow,
    /// One entry for each of [`Facts::gpus`](crate::Facts::gpus), in the same order.
    pub gpus: Vec<GpuNow>,
    /// What went wrong while asking.
    pub notes: Vec<Note>,
}

/// The memory of one card now, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuNow {
    /// The card's [`Gpu::id`].
    pub id: String,
    /// Bytes there are. `None` where unknown.
    pub total: Option<u64>,
    /// Bytes taken by all programs and the driver. `None` where unknown.
    pub used: Option<u64>,
    /// Bytes nobody uses. `None` where unknown, or if the card did not answer this time.
    pub free: Option<u64>,
}

/// The cards of the facts, with what was free back then forgotten.
pub(crate) fn without_free(facts: &[Gpu]) -> Vec<Gpu> {
    let mut gpus = facts.to_vec();
    for gpu in &mut gpus {
        gpu.memory_free = None;
    }
    gpus
}

/// Takes over the memory of every card that was found again.
pub(crate) fn fill(known: &mut [Gpu], fresh: &[Gpu]) {
    let mut fresh: Vec<&Gpu> = fresh.iter().collect();
    // The surest sign first, for all cards, so that a weaker one cannot take a card away.
    for same in [same_uuid, same_pci, same_index] {
        for gpu in known.iter_mut().filter(|gpu| gpu.memory_free.is_none()) {
            if let Some(found) = fresh.iter().position(|other| same(gpu, other)) {
                let found = fresh.swap_remove(found);
                gpu.memory_total = found.memory_total.or(gpu.memory_total);
                gpu.memory_free = found.memory_free;
            }
        }
    }
}

fn same_pci(a: &Gpu, b: &Gpu) -> bool {
    a.pci_address.is_some() && a.pci_address == b.pci_address
}

/// The same place in a list, for cards that have nothing better to be known by.
fn same_index(a: &Gpu, b: &Gpu) -> bool {
    let contradicts = a.uuid.is_some() && b.uuid.is_some();
    let same = |a: Option<u32>, b: Option<u32>| a.is_some() && a == b;
    !contradicts && (same(a.apis.nvml, b.apis.nvml) || same(a.apis.vulkan, b.apis.vulkan))
}

/// Whether only Vulkan can still say what is free. Its software renderers have nothing to say.
pub(crate) fn needs_vulkan(gpu: &Gpu) -> bool {
    gpu.kind != GpuKind::Software && gpu.apis.vulkan.is_some() && gpu.memory_free.is_none()
}

/// What the caller gets to see.
pub(crate) fn now(gpu: &Gpu) -> GpuNow {
    let known = gpu.memory_total.zip(gpu.memory_free);
    GpuNow {
        id: gpu.id.clone(),
        total: gpu.memory_total,
        used: known.map(|(total, free)| total.saturating_sub(free)),
        free: gpu.memory_free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryReading, RawNvml, merge};

    fn card(index: u32, uuid: Option<&str>, pci: Option<&str>, free: u64) -> RawNvml {
        RawNvml {
            index,
            uuid: uuid.map(str::to_owned),
            pci_address: pci.map(str::to_owned),
            memory: Some(MemoryReading { total: 100, free }),
            ..RawNvml::default()
        }
    }

    fn check(before: Vec<RawNvml>, after: Vec<RawNvml>, expected: &[Option<u64>]) {
        let mut known = without_free(&merge(before, Vec::new()));
        fill(&mut known, &merge(after, Vec::new()));
        let free: Vec<_> = known.iter().map(|gpu| now(gpu).free).collect();
        assert_eq!(free, expected);
    }

    #[test]
    fn cards_are_found_again_wherever_they_are_listed() {
        let (a, b) = (Some("GPU-aa"), Some("GPU-bb"));
        // The first card fell off the bus: the second one's index is now 0.
        check(vec![card(0, a, None, 1), card(1, b, None, 2)], vec![card(0, b, None, 20)], &[None, Some(20)]);
        let (p, q) = (Some("01:00.0"), Some("02:00.0"));
        check(
            vec![card(0, None, p, 1), card(1, None, q, 2)],
            vec![card(0, None, q, 20), card(1, None, p, 10)],
            &[Some(10), Some(20)],
        );
        check(
            vec![card(0, None, None, 1), card(1, None, None, 2)],
            vec![card(0, None, None, 10), card(1, None, None, 20)],
            &[Some(10), Some(20)],
        );
        check(vec![card(0, a, None, 1)], Vec::new(), &[None]);
        // Another card in the same place is not the same card.
        check(vec![card(0, a, None, 1)], vec![card(0, b, None, 9)], &[None]);
    }

    #[test]
    fn used_is_what_is_not_free() {
        let gpus = merge(vec![card(0, None, None, 30)], Vec::new());
        let expected = GpuNow { id: "gpu0".to_owned(), total: Some(100), used: Some(70), free: Some(30) };
        assert_eq!(now(&gpus[0]), expected);
    }
}
