//! Projectors of images and sounds (`--mmproj`): an encoder of its own, in a file of its own.

use super::usage::Part;
use crate::{header::Header, weights::tensor_sizes};

/// A projector, read from the header of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projector {
    /// Bytes of its tensors.
    weights: u64,
    encoders: Vec<Encoder>,
}

/// What the memory of an encoder's computation depends on (`clip.vision.…`, `clip.audio.…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Encoder {
    /// Patches of an image, or frames of sound, that are encoded at once.
    positions: u64,
    /// Numbers that each of them is made of.
    elements: u64,
    embedding: u64,
    feed_forward: u64,
    heads: u64,
    /// Whether the feed-forward network has a gate beside it.
    gated: bool,
}

/// See `weights::add`.
const ALIGNMENT: u64 = 32;

/// Patches of the largest image that is not cut or made smaller where a model takes any size: 4096 tokens of
/// 2 by 2 patches (`set_limit_image_tokens` in clip.cpp).
const MOST_PATCHES: u64 = 4 * 4096;

/// Frames of 30 seconds of sound behind the first convolutions (Whisper's encoder).
const FRAMES: u64 = 3000;

impl Projector {
    /// Reads a header.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let aligned = |bytes: u64| bytes.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX);
        let sizes = tensor_sizes(header).map(|(_, bytes)| aligned(bytes));
        Self {
            weights: sizes.fold(0, u64::saturating_add),
            encoders: ["vision", "audio"].into_iter().filter_map(|kind| Encoder::of(header, kind)).collect(),
        }
    }

    /// What it takes of the device that it lies on: its tensors exactly, which are never mapped
    /// (`clip_model_loader::load_tensors` in clip.cpp); the computation of one image as an upper estimate,
    /// because each family of projectors has a graph of its own.
    #[must_use]
    pub fn predict(&self) -> Part {
        let compute = self.encoders.iter().map(Encoder::compute).fold(0, u64::saturating_add);
        Part { weights: self.weights, compute, ..Part::default() }
    }
}

impl Encoder {
    fn of(header: &Header, kind: &str) -> Option<Self> {
        let number = |name: &str| header.metadata().get_u64(&format!("clip.{kind}.{name}"));
        let embedding = number("embedding_length")?;
        let (positions, elements) = match kind {
            "vision" => {
                let patch = number("patch_size").filter(|&patch| patch > 0)?;
                let side = number("image_size").unwrap_or(0) / patch;
                let fixed = side.saturating_mul(side).saturating_add(1);
                let any_size = takes_any_size(header);
                let patches = if any_size { fixed.max(MOST_PATCHES) } else { fixed };
                (patches, patch.saturating_mul(patch).saturating_mul(3))
            }
            _ => (FRAMES, number("num_mel_bins").unwrap_or(128)),
        };
        Some(Self {
            positions,
            elements,
            embedding,
            feed_forward: number("feed_forward_length").unwrap_or(embedding.saturating_mul(4)),
            heads: number("attention.head_count").unwrap_or(1).max(1),
            gated: header.tensors().iter().any(|tensor| tensor.name.ends_with(".ffn_gate.weight")),
        })
    }

    /// What is there at once at most, in floats of 32 bits: the input and its patches; the stream, its norm,
    /// queries, keys, values and what is attended; or the stream, two rows beside it, and what the
    /// feed-forward network makes of them. The latter is what llama-server reckons for `SigLIP`'s and CLIP's
    /// encoders. Devices without flash attention for the length of its heads keep all scores.
    fn compute(&self) -> u64 {
        let of = |elements: u64| self.positions.saturating_mul(elements).saturating_mul(4);
        let (input, row) = (of(self.elements), of(self.embedding));
        let attention = row.saturating_mul(6);
        let halves = if self.gated { 2 } else { 1 };
        let network = row.saturating_mul(3).saturating_add(of(self.feed_forward).saturating_mul(halves));
        let scores =
            if self.has_flash_attention() { 0 } else { of(self.positions.saturating_mul(self.heads)) };
        let layers = network.max(attention.saturating_add(scores));
        input.saturating_add(layers.max(input.saturating_add(row)))
    }

    /// Lengths of heads that all devices have flash attention for (`ggml_cuda_get_best_fattn_kernel`).
    fn has_flash_attention(&self) -> bool {
        matches!(self.embedding / self.heads, 40 | 64 | 72 | 80 | 96 | 112 | 128 | 256)
    }
}

/// Projectors that take an image as large as it is, up to a number of tokens.
fn takes_any_size(header: &Header) -> bool {
    const KINDS: &[&str] = &[
        "qwen2vl_merger",
        "qwen2.5vl_merger",
        "qwen3vl_merger",
        "qwen2.5o",
        "pixtral",
        "lightonocr",
        "kimivl",
        "lfm2",
        "glm4v",
        "paddleocr",
        "youtuvl",
        "dots_ocr",
    ];
    let kind = ["clip.projector_type", "clip.vision.projector_type"]
        .into_iter()
        .find_map(|key| header.metadata().get_str(key));
    kind.is_some_and(|kind| KINDS.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computation_is_what_the_server_reckons() {
        let encoder = |positions, patch: u64, embedding, feed_forward, heads| {
            let elements = patch * patch * 3;
            Encoder { positions, elements, embedding, feed_forward, heads, gated: false }
        };
        // Kibibytes that `--mmproj` prints with `--fit on`, less the weights: `SigLIP` base at 512, `SigLIP`
        // so400m at 896 and CLIP large at 336 pixels.
        for (encoder, kibibytes) in [
            (encoder(1024, 16, 768, 3072, 12), 21 * 1024),
            (encoder(4096, 14, 1152, 4304, 16), 124_160),
            (encoder(576, 14, 1024, 4096, 16), 16_128),
        ] {
            let input = (encoder.positions * encoder.elements) >> 8;
            assert_eq!(encoder.compute() >> 10, kibibytes + input);
        }
    }
}
