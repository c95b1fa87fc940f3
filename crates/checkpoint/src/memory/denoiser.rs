//! The buffer of the denoiser.

use super::{Ask, MIB, bytes};
use crate::{family::Family, parts::Parts, role::Role};

/// Bytes of the buffer for a picture.
pub(super) fn compute(parts: &Parts, family: Family, ask: &Ask) -> u64 {
    if family.is_unet() { unet(family, ask) } else { transformer(parts, family, ask) }
}

fn unet(family: Family, ask: &Ask) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "a picture has far fewer pixels than 2^52")]
    let n = ask.pixels(8) as f64 / 64.0;
    let (constant, slope) = match family {
        Family::Sd1Tiny => (4.2, 0.008_65),
        _ => (7.6, 0.009_85),
    };
    let mib = if ask.flash_attention { 0.25 + 0.030 * n } else { constant + slope * n + 32.0 * n * n / MIB };
    bytes(mib * MIB)
}

fn transformer(parts: &Parts, _family: Family, ask: &Ask) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "a picture has far fewer pixels than 2^52")]
    let tokens = ask.pixels(16) as f64 / 256.0 + 256.0;
    #[expect(clippy::cast_precision_loss, reason = "widths are some thousands")]
    let width = width(parts) as f64;
    let heads = width / 128.0;
    let single = parts.of_role(Role::DiffusionModel).any(|placed| placed.name.starts_with("single_blocks."));
    let k = match (ask.flash_attention, single) {
        (true, _) => 22.9,
        (false, true) => 16.4,
        (false, false) => 10.5,
    };
    let scores = if ask.flash_attention { 0.0 } else { 4.0 * heads * tokens * tokens };
    bytes(2.6 * MIB + k * 4.0 * width * tokens + scores)
}

fn width(parts: &Parts) -> u64 {
    let widest = parts.of_role(Role::DiffusionModel).filter(|placed| {
        ["img_in.weight", "x_embedder.weight", "x_embedder.proj.weight", "patch_embedding.weight"]
            .contains(&placed.name.as_str())
    });
    widest.filter_map(|placed| placed.tensor.shape.first().copied()).max().unwrap_or(3072)
}
