//! gpt-oss: experts in MXFP4 with biases, attention sinks, a sliding window in every second layer.

use super::super::gguf::Value;
use super::super::sheet::{Mixture, Sheet};
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, Experts};

pub(super) fn gpt_oss_20b() -> Sheet {
    let dimensions = Dimensions {
        context: 131_072,
        blocks: 24,
        embedding: 2880,
        feed_forward: 2880,
        heads: 64,
        heads_kv: 8,
        head: 64,
        tokens: 201_088,
    };
    let experts = Experts { count: 32, used: 4, feed_forward: 2880 };
    let mut sheet = Sheet::new("Gpt Oss 20B", "gpt-oss");
    sheet.mixture = Mixture::Mxfp4Moe;
    dimensions.describe(&mut sheet);
    dimensions.describe_heads(&mut sheet);
    experts.describe(&mut sheet);
    sheet.set_u32("expert_feed_forward_length", experts.feed_forward);
    sheet.set_u32("attention.sliding_window", 128);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-5);
    sheet.set_f32("rope.freq_base", 150_000.0);
    sheet.set("rope.scaling.type", Value::String("yarn".into()));
    sheet.set_f32("rope.scaling.factor", 32.0);
    sheet.set_u32("rope.scaling.original_context_length", 4096);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: dimensions.tokens, pre: "gpt-4o" });
    dimensions.token_embeddings(&mut sheet);
    dimensions.output(&mut sheet);
    for layer in 0..dimensions.blocks {
        block(&mut sheet, &dimensions, &experts, layer);
    }
    sheet
}

fn block(sheet: &mut Sheet, dimensions: &Dimensions, experts: &Experts, layer: u64) {
    dimensions.attention(sheet, layer);
    dimensions.attention_biases(sheet, layer);
    sheet.block(layer, "attn_output.bias", &[dimensions.embedding]);
    sheet.block(layer, "attn_sinks.weight", &[dimensions.heads]);
    sheet.block(layer, "post_attention_norm.weight", &[dimensions.embedding]);
    experts.tensors(sheet, layer, dimensions.embedding);
    sheet.block(layer, "ffn_gate_inp.bias", &[experts.count]);
    sheet.block(layer, "ffn_gate_exps.bias", &[experts.feed_forward, experts.count]);
    sheet.block(layer, "ffn_up_exps.bias", &[experts.feed_forward, experts.count]);
    sheet.block(layer, "ffn_down_exps.bias", &[dimensions.embedding, experts.count]);
}
