//! Bytes of weights as they are kept in memory.

use loadmaster_gguf::TensorType;

use super::ask::Ask;
use crate::{
    parts::{Parts, Placed},
    role::Role,
    tensor::Encoding,
};

/// Each tensor begins at a multiple of this (`TENSOR_ALIGNMENT` of ggml).
const ALIGNMENT: u64 = 32;

/// Bytes of the tensors of these roles.
pub(super) fn of_roles(parts: &Parts, roles: &[Role], ask: &Ask) -> u64 {
    sum(roles.iter().flat_map(|&role| parts.of_role(role)), ask)
}

/// Bytes of the autoencoder in use: of its decoder, and of its encoder.
pub(super) fn of_autoencoder(parts: &Parts, ask: &Ask) -> (u64, u64) {
    // `quant_conv` comes behind the encoder; stable-diffusion.cpp leaves out both where it only decodes.
    let encodes =
        |placed: &&Placed| placed.name.starts_with("encoder.") || placed.name.starts_with("quant_conv.");
    let all = || parts.of_role(parts.decoder_role());
    (sum(all().filter(|placed| !encodes(placed)), ask), sum(all().filter(encodes), ask))
}

fn sum<'a>(tensors: impl Iterator<Item = &'a Placed>, ask: &Ask) -> u64 {
    let bytes = |placed: &Placed| bytes(placed, ask.weight_type).next_multiple_of(ALIGNMENT);
    tensors.fold(0, |sum: u64, placed| sum.saturating_add(bytes(placed)))
}

/// Bytes of one tensor in memory: matrices keep the type of the file (or are converted), convolutions are
/// 16-bit floats, and vectors 32-bit floats, whatever the file has (`init_params` of the blocks in
/// `ggml_extend.hpp`).
fn bytes(placed: &Placed, asked: Option<TensorType>) -> u64 {
    let tensor = &placed.tensor;
    let kind = match tensor.shape.len() {
        0 | 1 => TensorType::F32,
        2 if placed.name.ends_with("position_embedding.weight") => TensorType::F32,
        2 => matrix(placed, asked),
        _ => TensorType::F16,
    };
    let (Some(elements), Some(bytes)) = (kind.block_elements(), kind.block_bytes()) else {
        return tensor.bytes;
    };
    tensor.elements().div_ceil(elements.max(1)).saturating_mul(bytes)
}

fn matrix(placed: &Placed, asked: Option<TensorType>) -> TensorType {
    let row = placed.tensor.shape.last().copied().unwrap_or(1);
    let fits = |kind: &TensorType| kind.block_elements().is_some_and(|block| row % block.max(1) == 0);
    if let Some(asked) = asked.filter(fits)
        && !stays(placed)
    {
        return asked;
    }
    let kept = match &placed.tensor.encoding {
        // 8-bit floats are expanded when they are read, and 64-bit ones shortened.
        Encoding::F8 => TensorType::F16,
        Encoding::Ggml(TensorType::F64) | Encoding::Other(_) => TensorType::F32,
        Encoding::Ggml(kind) => *kind,
    };
    if fits(&kept) { kept } else { TensorType::F32 }
}

/// Parts of names of matrices that `--type` leaves as they are (`tensor_should_be_converted`).
const KEPT: &[&str] = &[
    "img_in.",
    "txt_in.",
    "time_in.",
    "vector_in.",
    "guidance_in.",
    "final_layer.",
    "x_embedder.",
    "t_embedder.",
    "y_embedder.",
    "pos_embed",
    "context_embedder.",
    "time_embed.",
    "label_emb.",
    "token_embedding.",
    "embed_tokens.",
    "text_projection",
];

fn stays(placed: &Placed) -> bool {
    KEPT.iter().any(|part| placed.name.contains(part))
}
