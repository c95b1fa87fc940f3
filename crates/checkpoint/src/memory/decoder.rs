//! The buffer of the autoencoder.
//!
//! It is largest where a convolution works at the full size of the picture: its input and output as 32-bit
//! floats, and the 9 neighbours of every pixel as 16-bit floats (`im2col` of ggml).

use super::Ask;
use crate::{family::Family, parts::Parts, role::Role};

/// Pixels of a tile of `--vae-tiling`: 32 by 32 latents of 8 by 8 pixels.
const TILE: u64 = 256 * 256;

/// Bytes for each pixel and channel of a convolution: input, output, neighbours.
const CONVOLUTION: u64 = 4 + 4 + 9 * 2;

/// The same without neighbours (`--vae-conv-direct`). Fitted: 2816 bytes for 256 channels.
const DIRECT: u64 = 11;

/// Bytes for each pixel of a picture that is read: 3 channels, and the neighbours of each.
const PICTURE: u64 = 3 * (4 + 9 * 2);

/// The tiny autoencoder has 64 channels, and what its blocks add to is kept beside.
const TINY: u64 = 64 * (CONVOLUTION + 4) + 1;

/// Bytes of the buffer when a picture is decoded.
pub(super) fn decode(parts: &Parts, family: Family, ask: &Ask) -> u64 {
    let per_pixel = match parts.decoder_role() {
        Role::Taesd => TINY,
        _ if family == Family::ChromaRadiance => 0,
        // Convolutions over frames: 27 neighbours of 96 channels in three padded frames, an upper estimate.
        _ if has_frames(parts) => 8000,
        _ => widest_decoder(parts).saturating_mul(if ask.vae_conv_direct { DIRECT } else { CONVOLUTION }),
    };
    pixels(ask).saturating_mul(per_pixel)
}

/// Bytes of the buffer when a picture is encoded.
pub(super) fn encode(parts: &Parts, family: Family, ask: &Ask) -> u64 {
    let per_pixel = match parts.decoder_role() {
        Role::Taesd => TINY,
        _ if family == Family::ChromaRadiance => 0,
        _ if has_frames(parts) => 8000,
        // The first level has the channels of `conv_in`. The picture's three channels and their neighbours come
        // before; their room is free then, and too small for what follows.
        _ => {
            let level = output(parts, "encoder.conv_in.weight").unwrap_or(128).saturating_mul(CONVOLUTION);
            level.saturating_add(PICTURE)
        }
    };
    pixels(ask).saturating_mul(per_pixel)
}

fn pixels(ask: &Ask) -> u64 {
    let pixels = ask.pixels(8);
    if ask.vae_tiling { pixels.min(TILE) } else { pixels }
}

/// Channels of the last convolution that doubles the size: it works at the full size, and is the widest there.
fn widest_decoder(parts: &Parts) -> u64 {
    output(parts, "decoder.up.1.upsample.conv.weight")
        .or_else(|| output(parts, "decoder.up_blocks.2.upsamplers.0.conv.weight"))
        .unwrap_or(256)
}

fn has_frames(parts: &Parts) -> bool {
    parts.of_role(Role::Vae).any(|placed| placed.tensor.shape.len() == 5)
}

fn output(parts: &Parts, name: &str) -> Option<u64> {
    let tensor = parts.of_role(Role::Vae).find(|placed| placed.name == name)?;
    tensor.tensor.shape.first().copied()
}
