//! The graphics part of an Apple processor, which works in main memory.

use crate::{Apis, Gpu, GpuKind, Vendor};

/// Whether this program was built for an Apple processor.
pub(crate) const IS_APPLE_SILICON: bool = cfg!(all(target_os = "macos", target_arch = "aarch64"));

const GIB: u64 = 1 << 30;

/// Makes sure the list has the Apple graphics part, whether or not Vulkan (`MoltenVK`) saw it.
///
/// `memory_total` is what Metal recommends as the working set
/// (`recommendedMaxWorkingSetSize`), by observation two thirds of main memory up to 32 GiB and
/// three quarters above.
pub(crate) fn complete(gpus: &mut Vec<Gpu>, cpu_model: &str, physical: u64) {
    let working_set = if physical <= 32 * GIB { physical / 3 * 2 } else { physical / 4 * 3 };
    if let Some(gpu) = gpus.iter_mut().find(|gpu| gpu.vendor == Vendor::Apple) {
        gpu.apis.metal = true;
        gpu.kind = GpuKind::Integrated;
        gpu.shares_host_memory = true;
        return;
    }
    gpus.push(Gpu {
        id: format!("gpu{}", gpus.len()),
        name: cpu_model.to_owned(),
        vendor: Vendor::Apple,
        kind: GpuKind::Integrated,
        apis: Apis { metal: true, ..Apis::default() },
        uuid: None,
        pci_address: None,
        driver_version: None,
        cuda_capability: None,
        memory_total: Some(working_set),
        memory_free: None,
        shares_host_memory: true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apple_processor_has_one_graphics_part() {
        let mut gpus = Vec::new();
        complete(&mut gpus, "Apple M2", 24 * GIB);
        assert_eq!(gpus.len(), 1);
        assert_eq!(gpus[0].memory_total, Some(16 * GIB));
        assert!(gpus[0].shares_host_memory && gpus[0].apis.metal);

        // Once more finds it there, as it would find MoltenVK's.
        gpus[0].apis.metal = false;
        complete(&mut gpus, "Apple M2", 24 * GIB);
        assert_eq!(gpus.len(), 1);
        assert!(gpus[0].apis.metal);
    }
}
