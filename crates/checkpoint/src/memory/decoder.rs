//! The buffer of the autoencoder.

use super::Ask;
use crate::{parts::Parts, role::Role};

/// Pixels of a tile of `--vae-tiling`: 32 by 32 latents of 8 by 8 pixels.
const TILE: u64 = 256 * 256;

/// Bytes for each pixel of the picture.
pub(super) fn compute(parts: &Parts, ask: &Ask) -> u64 {
    let pixels = ask.pixels(8);
    let pixels = if ask.vae_tiling { pixels.min(TILE) } else { pixels };
    let per_pixel = match (parts.decoder_role(), ask.vae_conv_direct) {
        (Role::Taesd, _) => 1921,
        (_, true) => 2816,
        (_, false) => 6656,
    };
    pixels.saturating_mul(per_pixel)
}
