//! The buffer of the text encoders.

use crate::{parts::Parts, role::Role};

/// Tokens of the engine's longest template for a language model (measured with the one of Ovis-Image).
const LLM_TOKENS: u64 = 284;

/// Bytes of the buffer. Prompts are padded to a fixed number of tokens, so it hardly depends on the prompt.
pub(super) fn compute(parts: &Parts) -> u64 {
    const KIB: u64 = 1024;
    // Measured: 1.42 MiB for CLIP.
    let clip = if parts.has(Role::ClipL) || parts.has(Role::ClipG) { 1434 * KIB } else { 0 };
    // Measured: 22.4 MiB with a width of 8; what is wider adds its feed-forward.
    let llm = feed_forward(parts).map_or(0, |width| {
        (23_000 * KIB).saturating_add(LLM_TOKENS.saturating_mul(12).saturating_mul(width))
    });
    // 64 heads over 256 tokens, their bias, and the feed-forward: by its graph, not measured.
    let t5 = if parts.has(Role::T5xxl) { 70 << 20 } else { 0 };
    clip.max(llm).max(t5)
}

/// The width of the language model's feed-forward.
fn feed_forward(parts: &Parts) -> Option<u64> {
    if !parts.has(Role::Llm) {
        return None;
    }
    let gates = parts.of_role(Role::Llm).filter(|placed| {
        placed.name.ends_with("mlp.gate_proj.weight") || placed.name.ends_with("ffn_gate.weight")
    });
    Some(gates.filter_map(|placed| placed.tensor.shape.first().copied()).max().unwrap_or(0))
}
