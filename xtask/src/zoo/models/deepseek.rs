//! `DeepSeek` V2: multi-head latent attention, shared experts, a dense first block.

use super::super::gguf::Value;
use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, Experts, gated};

/// Elements of the latent key and value that a token leaves in the cache.
const LATENT: u64 = 512;
/// Elements of a head that carry the position, and those that do not.
const ROTATED: u64 = 64;
const PLAIN: u64 = 128;
/// Elements of a head's value.
const VALUE: u64 = 128;
const SHARED_EXPERTS: u64 = 2;
const DENSE_BLOCKS: u64 = 1;

pub(super) fn deepseek_v2_lite() -> Sheet {
    // The converter writes latent attention as attention with one key.
    let dimensions = Dimensions {
        context: 163_840,
        blocks: 27,
        embedding: 2048,
        feed_forward: 10944,
        heads: 16,
        heads_kv: 1,
        head: PLAIN + ROTATED,
        tokens: 102_400,
    };
    let experts = Experts { count: 64, used: 6, feed_forward: 1408 };
    let mut sheet = Sheet::new("DeepSeek V2 Lite Chat", "deepseek2");
    describe(&mut sheet, &dimensions, &experts);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: dimensions.tokens, pre: "deepseek-llm" });
    dimensions.token_embeddings(&mut sheet);
    dimensions.output(&mut sheet);
    for layer in 0..dimensions.blocks {
        latent_attention(&mut sheet, &dimensions, layer);
        dimensions.feed_forward_norm(&mut sheet, layer);
        if layer < DENSE_BLOCKS {
            dimensions.gated(&mut sheet, layer);
        } else {
            experts.tensors(&mut sheet, layer, dimensions.embedding);
            let shared = SHARED_EXPERTS * experts.feed_forward;
            gated(&mut sheet, layer, "_shexp", &[dimensions.embedding, shared]);
        }
    }
    sheet
}

fn describe(sheet: &mut Sheet, dimensions: &Dimensions, experts: &Experts) {
    dimensions.describe(sheet);
    experts.describe(sheet);
    sheet.set_u32("expert_feed_forward_length", experts.feed_forward);
    sheet.set_u32("expert_shared_count", SHARED_EXPERTS);
    sheet.set_f32("expert_weights_scale", 1.0);
    sheet.set_u32("leading_dense_block_count", DENSE_BLOCKS);
    sheet.set_u32("vocab_size", dimensions.tokens);
    sheet.set_u32("attention.kv_lora_rank", LATENT);
    sheet.set_u32("attention.key_length", LATENT + ROTATED);
    sheet.set_u32("attention.value_length", LATENT);
    sheet.set_u32("attention.key_length_mla", PLAIN + ROTATED);
    sheet.set_u32("attention.value_length_mla", VALUE);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-6);
    sheet.set_u32("rope.dimension_count", ROTATED);
    sheet.set_f32("rope.freq_base", 10000.0);
    sheet.set("rope.scaling.type", Value::String("yarn".into()));
    sheet.set_f32("rope.scaling.factor", 40.0);
    sheet.set_u32("rope.scaling.original_context_length", 4096);
    sheet.set_f32("rope.scaling.yarn_log_multiplier", 0.0707);
}

fn latent_attention(sheet: &mut Sheet, dimensions: &Dimensions, layer: u64) {
    let embedding = dimensions.embedding;
    sheet.block(layer, "attn_norm.weight", &[embedding]);
    sheet.block(layer, "attn_q.weight", &[embedding, dimensions.query()]);
    sheet.block(layer, "attn_kv_a_mqa.weight", &[embedding, LATENT + ROTATED]);
    sheet.block(layer, "attn_kv_a_norm.weight", &[LATENT]);
    sheet.block(layer, "attn_k_b.weight", &[PLAIN, LATENT, dimensions.heads]);
    sheet.block(layer, "attn_v_b.weight", &[LATENT, VALUE, dimensions.heads]);
    sheet.block(layer, "attn_output.weight", &[dimensions.heads * VALUE, embedding]);
}
