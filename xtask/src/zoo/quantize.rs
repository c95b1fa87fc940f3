//! Which type each tensor has in a published file: the rules of llama-quantize (llama.cpp, src/llama-quant.cpp).

use super::ggml::Type;
use super::gguf::Tensor;
use super::sheet::{Mixture, Sheet};

/// The tensors of `sheet` in the order and with the types in which llama-quantize writes them.
pub(super) fn tensors(sheet: &Sheet) -> Vec<Tensor> {
    let mut tensors = sheet.tensors.clone();
    // Those outside the blocks come first; within a block they are sorted by name.
    tensors.sort_by(|(a, _), (b, _)| (block(a), a).cmp(&(block(b), b)));
    let facts = Facts::of(sheet);
    // Blocks without attention have no such tensor: the rule counts tensors, not blocks.
    let mut values = 0;
    tensors
        .into_iter()
        .map(|(name, shape)| {
            let kind = match (is_quantized(&name, &shape), sheet.mixture) {
                (false, _) => Type::F32,
                (true, Mixture::Mxfp4Moe) => {
                    if shape.len() > 2 {
                        Type::Mxfp4
                    } else {
                        Type::Q8_0
                    }
                }
                (true, Mixture::Q4KM) => fitting(facts.q4_k_m(&name, &mut values), shape[0]),
            };
            Tensor { name, shape, kind }
        })
        .collect()
}

/// What the rules ask of the model.
struct Facts {
    blocks: u64,
    attention_values: u64,
    experts: u64,
    tied: bool,
    /// Llama 2 70B and its like: 80 blocks and grouped queries.
    is_70b: bool,
}

impl Facts {
    fn of(sheet: &Sheet) -> Self {
        let blocks = sheet.blocks();
        let heads = sheet.number("attention.head_count");
        let values = sheet.tensors.iter().filter(|(name, _)| is_attention_value(name)).count();
        Self {
            blocks,
            attention_values: values as u64,
            experts: sheet.number("expert_count").unwrap_or(0),
            tied: sheet.tensors.iter().all(|(name, _)| name != "output.weight"),
            is_70b: blocks == 80 && heads != sheet.number("attention.head_count_kv"),
        }
    }

    fn q4_k_m(&self, name: &str, values: &mut u64) -> Type {
        if name == "output.weight" || (self.tied && name == "token_embd.weight") {
            return Type::Q6K;
        }
        if is_attention_value(name) {
            let index = *values;
            *values += 1;
            return match () {
                () if self.experts == 8 => Type::Q8_0,
                () if gets_more_bits(index, self.attention_values) => Type::Q6K,
                () if self.is_70b => Type::Q5K,
                () => Type::Q4K,
            };
        }
        let eight_experts = |kind| if self.experts == 8 { kind } else { Type::Q4K };
        match name.rsplit_once(".weight").map_or(name, |(stem, _)| stem) {
            stem if stem.ends_with("attn_k") => eight_experts(Type::Q8_0),
            stem if stem.ends_with("attn_output") => eight_experts(Type::Q5K),
            stem if stem.contains("ffn_down") => {
                if block(name).is_some_and(|block| gets_more_bits(block, self.blocks)) {
                    Type::Q6K
                } else {
                    Type::Q4K
                }
            }
            _ => Type::Q4K,
        }
    }
}

/// The first and the last eighth, and every third between them.
fn gets_more_bits(index: u64, count: u64) -> bool {
    index < count / 8 || index >= 7 * count / 8 || (index - count / 8) % 3 == 2
}

fn is_attention_value(name: &str) -> bool {
    ["attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight"].iter().any(|end| name.ends_with(end))
}

/// Matrices are; norms, biases, routers and convolutions are not.
fn is_quantized(name: &str, shape: &[u64]) -> bool {
    let kept = [
        "_norm.weight",
        "ffn_gate_inp",
        "ssm_conv1d",
        "shortconv.conv.weight",
        "altup",
        "laurel",
        "per_layer_model_proj",
        "token_types",
        "_lerp_",
    ];
    // Low ranks of RWKV.
    let low_rank = name.split("time_mix_").nth(1).is_some_and(|rest| {
        matches!(rest.strip_suffix(".weight"), Some("w1" | "w2" | "a1" | "a2" | "v1" | "v2" | "g1" | "g2"))
    });
    // Trailing dimensions of 1 are none to ggml.
    let dimensions = shape.iter().rposition(|elements| *elements > 1).map_or(1, |last| last + 1);
    dimensions > 1 && !low_rank && name.ends_with("weight") && !kept.iter().any(|part| name.contains(part))
}

/// The type that a row of `elements` can have when it is no multiple of the block.
fn fitting(kind: Type, elements: u64) -> Type {
    let smaller = match kind {
        Type::Q4K => Type::Q5_0,
        Type::Q6K | Type::Q5K => Type::Q8_0,
        other => other,
    };
    [kind, smaller]
        .into_iter()
        .find(|kind| elements.is_multiple_of(kind.block_elements()))
        .unwrap_or(Type::F16)
}

fn block(name: &str) -> Option<u64> {
    name.strip_prefix("blk.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_blocks_get_more_bits() {
        let more: Vec<u64> = (0..32).filter(|index| gets_more_bits(*index, 32)).collect();
        assert_eq!(more, [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]);
    }

    #[test]
    fn only_matrices_are_quantized() {
        assert!(is_quantized("blk.0.attn_q.weight", &[64, 64]));
        assert!(!is_quantized("blk.0.attn_q.bias", &[64]));
        assert!(!is_quantized("blk.0.attn_norm.weight", &[64]));
        assert!(!is_quantized("blk.0.ffn_gate_inp.weight", &[64, 8]));
        assert!(!is_quantized("blk.0.ssm_a", &[16, 64]));
        assert!(!is_quantized("blk.0.x.weight", &[64, 1]));
    }

    #[test]
    fn rows_that_are_no_multiple_of_the_block_fall_back() {
        assert_eq!(fitting(Type::Q4K, 1408), Type::Q5_0);
        assert_eq!(fitting(Type::Q6K, 1408), Type::Q8_0);
        assert_eq!(fitting(Type::Q6K, 4096), Type::Q6K);
        assert_eq!(fitting(Type::Q4K, 33), Type::F16);
    }

    #[test]
    fn blocks_are_sorted_by_number() {
        let mut sheet = Sheet::new("Test", "llama");
        sheet.set_u32("block_count", 11);
        for layer in [10, 2] {
            sheet.block(layer, "attn_norm.weight", &[1]);
        }
        sheet.tensor("token_embd.weight", &[256, 2]);
        let names: Vec<_> = tensors(&sheet).into_iter().map(|tensor| tensor.name).collect();
        assert_eq!(names, ["token_embd.weight", "blk.2.attn_norm.weight", "blk.10.attn_norm.weight"]);
    }
}
