//! What builds call the devices they compute on.

use crate::catalog::Variant;

/// What the names of a variant's devices begin with; nothing for the processor.
pub(super) fn prefixes(variant: Variant) -> &'static [&'static str] {
    match variant {
        Variant::Cuda => &["CUDA"],
        // Older builds call the one like the other.
        Variant::Metal => &["MTL", "Metal"],
        Variant::Rocm => &["ROCm", "HIP"],
        Variant::Sycl => &["SYCL"],
        Variant::Vulkan => &["Vulkan"],
        Variant::Cpu => &[],
    }
}

/// Whether a device of this name is of the variant's sort; that of the processor is of none.
pub(super) fn is_of(variant: Variant, name: &str) -> bool {
    prefixes(variant).iter().any(|prefix| name.starts_with(prefix))
}
