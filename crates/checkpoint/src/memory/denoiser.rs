//! The buffer of the denoiser.
//!
//! The largest terms are counted: the scores of attention (4 bytes for each head and each pair of tokens) and
//! activations (4 bytes for each token and channel). How many activations live at a time was fitted to the
//! engine's own figures (`compute buffer size` of `-v`).

use super::{Ask, MIB, bytes};
use crate::{family::Family, parts::Parts, role::Role};

/// Bytes of the buffer for a picture.
pub(super) fn compute(parts: &Parts, family: Family, ask: &Ask) -> u64 {
    bytes(if family.is_unet() { unet(family, ask) } else { transformer(parts, family, ask) })
}

/// Bytes that the CPU takes beside the buffer: the widest matrix product has its activations converted to 16 bits
/// (`ggml_graph_plan`). With a card there is no such buffer.
pub(super) fn work(parts: &Parts, family: Family, ask: &Ask) -> u64 {
    if ask.gpu.is_some() {
        return 0;
    }
    if family.is_unet() {
        // The feed-forward of the widest level: 4 times its channels.
        let per_latent = if is_xl(family) { 1280.0 } else { 2560.0 };
        return bytes(per_latent * latents(ask));
    }
    // `linear2` of a single block takes the width and four times the width, 10 bytes; 12.5 were measured.
    bytes(12.5 * width(parts) * tokens(family, ask))
}

const fn is_xl(family: Family) -> bool {
    matches!(family, Family::Sdxl | Family::SdxlSsd1b | Family::SdxlVega | Family::SdxlRefiner)
}

/// U-Nets, `n` latents: the row of constant, bytes for each latent, bytes for each pair of latents.
fn unet(family: Family, ask: &Ask) -> f64 {
    let n = latents(ask);
    if is_xl(family) {
        // The first level has no attention: its widest convolution takes 960 channels of 9 pixels in 16 bits,
        // and more. The second has 10 heads over a quarter of the latents.
        let convolution = 25_000.0 * n;
        let scores = if ask.flash_attention { 0.0 } else { 2.5 * n * n };
        return f64::max(convolution, 12_215.0 * n + scores) + 8.0 * MIB;
    }
    if ask.flash_attention {
        return (0.25 + 0.030 * n) * MIB;
    }
    // 8 heads in Stable Diffusion 1; heads of 64 of 320 channels, 5, in 2.
    let heads = if matches!(family, Family::Sd2 | Family::Sd2Tiny) { 5.0 } else { 8.0 };
    let (constant, slope) = if matches!(family, Family::Sd1Tiny | Family::Sdxs | Family::Sd2Tiny) {
        (4.2, 0.008_65)
    } else {
        (7.6, 0.009_85)
    };
    (constant + slope * n) * MIB + 4.0 * heads * n * n
}

fn transformer(parts: &Parts, family: Family, ask: &Ask) -> f64 {
    let (tokens, width) = (tokens(family, ask), width(parts));
    // Heads of 128, as their rope's axes add up to; Stable Diffusion 3 has heads of 64.
    let heads = width / if family == Family::Sd3 { 64.0 } else { 128.0 };
    let single = parts.of_role(Role::DiffusionModel).any(|placed| {
        placed.name.starts_with("single_blocks.") || placed.name.starts_with("single_transformer_blocks.")
    });
    let known = matches!(family, Family::OvisImage | Family::Flux1Dev | Family::Flux1Schnell);
    let activations = match (ask.flash_attention, single) {
        (true, _) => 22.9,
        (false, false) if known => 10.5,
        (false, _) => 16.4,
    };
    let scores = if ask.flash_attention { 0.0 } else { 4.0 * heads * tokens * tokens };
    2.6 * MIB + activations * 4.0 * width * tokens + scores
}

/// Latents of a U-Net: an eighth of the picture in each direction.
fn latents(ask: &Ask) -> f64 {
    float(ask.pixels(8)) / 64.0
}

/// Tokens of a transformer: patches of 2 by 2 latents, and those of the prompt. A picture to begin with is noised into
/// the same latents: it adds none.
fn tokens(family: Family, ask: &Ask) -> f64 {
    // FLUX.1 and Ovis-Image pad prompts to 256 tokens; the others rarely take more than 512.
    let text = match family {
        Family::OvisImage | Family::Flux1Dev | Family::Flux1Schnell => 256.0,
        Family::Sd3 => 154.0,
        _ => 512.0,
    };
    // Radiance works on patches of 16 by 16 pixels, as many as the others have of latents.
    float(ask.pixels(16)) / 256.0 + text
}

/// The width of the transformer: what its first layer gives out.
fn width(parts: &Parts) -> f64 {
    const FIRST: &[&str] = &[
        "img_in.weight",
        "x_embedder.weight",
        "x_embedder.proj.weight",
        "x_embedder.proj.1.weight",
        "pos_embed.proj.weight",
        "patch_embedding.weight",
        "img_in_patch.weight",
        "net.x_embedder.proj.1.weight",
    ];
    let first = parts
        .of_role(Role::DiffusionModel)
        .filter(|placed| FIRST.contains(&placed.name.as_str()))
        .filter_map(|placed| placed.tensor.shape.first().copied());
    first.max().map_or(3072.0, float)
}

#[expect(clippy::cast_precision_loss, reason = "pixels and widths are far below 2^52")]
fn float(number: u64) -> f64 {
    number as f64
}
