//! Qwen 2.5 with biases, Qwen 3 with head norms, and its mixture of experts.

use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, Experts};

pub(super) fn qwen2_5_7b() -> Sheet {
    let dimensions = Dimensions {
        context: 32768,
        blocks: 28,
        embedding: 3584,
        feed_forward: 18944,
        heads: 28,
        heads_kv: 4,
        head: 128,
        tokens: 152_064,
    };
    let mut sheet = begin("Qwen2.5 7B Instruct", "qwen2", &dimensions);
    for layer in 0..dimensions.blocks {
        dimensions.attention(&mut sheet, layer);
        dimensions.attention_biases(&mut sheet, layer);
        dimensions.feed_forward_norm(&mut sheet, layer);
        dimensions.gated(&mut sheet, layer);
    }
    sheet
}

pub(super) fn qwen3_8b() -> Sheet {
    let dimensions = Dimensions {
        context: 40960,
        blocks: 36,
        embedding: 4096,
        feed_forward: 12288,
        heads: 32,
        heads_kv: 8,
        head: 128,
        tokens: 151_936,
    };
    let mut sheet = begin("Qwen3 8B", "qwen3", &dimensions);
    dimensions.describe_heads(&mut sheet);
    for layer in 0..dimensions.blocks {
        dimensions.attention(&mut sheet, layer);
        dimensions.head_norms(&mut sheet, layer);
        dimensions.feed_forward_norm(&mut sheet, layer);
        dimensions.gated(&mut sheet, layer);
    }
    sheet
}

pub(super) fn qwen3_30b_a3b() -> Sheet {
    let dimensions = Dimensions {
        context: 40960,
        blocks: 48,
        embedding: 2048,
        // It has no dense network of this size: the key is there and no tensor is.
        feed_forward: 6144,
        heads: 32,
        heads_kv: 4,
        head: 128,
        tokens: 151_936,
    };
    let experts = Experts { count: 128, used: 8, feed_forward: 768 };
    let mut sheet = begin("Qwen3 30B A3B", "qwen3moe", &dimensions);
    dimensions.describe_heads(&mut sheet);
    experts.describe(&mut sheet);
    sheet.set_u32("expert_feed_forward_length", experts.feed_forward);
    for layer in 0..dimensions.blocks {
        dimensions.attention(&mut sheet, layer);
        dimensions.head_norms(&mut sheet, layer);
        dimensions.feed_forward_norm(&mut sheet, layer);
        experts.tensors(&mut sheet, layer, dimensions.embedding);
    }
    sheet
}

fn begin(title: &str, architecture: &'static str, dimensions: &Dimensions) -> Sheet {
    let mut sheet = Sheet::new(title, architecture);
    dimensions.describe(&mut sheet);
    sheet.set_f32("rope.freq_base", 1_000_000.0);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-6);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: dimensions.tokens, pre: "qwen2" });
    dimensions.token_embeddings(&mut sheet);
    dimensions.output(&mut sheet);
    sheet
}
