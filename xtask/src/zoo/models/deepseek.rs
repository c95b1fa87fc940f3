//! `DeepSeek` V2 and V3: multi-head latent attention, shared experts, dense first blocks.

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
/// Elements that V3 makes queries from.
const QUERY_RANK: u64 = 1536;

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
    let mut sheet = begin("DeepSeek V2 Lite Chat", &dimensions, "deepseek-llm");
    describe(&mut sheet, &dimensions, &experts, [2, 1]);
    blocks(&mut sheet, &dimensions, &experts, [2, 1]);
    sheet
}

pub(super) fn deepseek_v3() -> Sheet {
    let dimensions = Dimensions {
        context: 163_840,
        blocks: 61,
        embedding: 7168,
        feed_forward: 18432,
        heads: 128,
        heads_kv: 1,
        head: PLAIN + ROTATED,
        tokens: 129_280,
    };
    let experts = Experts { count: 256, used: 8, feed_forward: 2048 };
    let mut sheet = begin("DeepSeek V3", &dimensions, "deepseek-v3");
    describe(&mut sheet, &dimensions, &experts, [1, 3]);
    sheet.set_u32("attention.q_lora_rank", QUERY_RANK);
    sheet.set_u32("expert_gating_func", 2);
    sheet.set("expert_weights_norm", Value::Bool(true));
    sheet.set_u32("expert_group_count", 8);
    sheet.set_u32("expert_group_used_count", 4);
    blocks(&mut sheet, &dimensions, &experts, [1, 3]);
    sheet
}

fn begin(title: &str, dimensions: &Dimensions, pre: &'static str) -> Sheet {
    let mut sheet = Sheet::new(title, "deepseek2");
    sheet.vocabulary(Vocabulary::BytePairs { tokens: dimensions.tokens, pre });
    dimensions.token_embeddings(&mut sheet);
    dimensions.output(&mut sheet);
    sheet
}

/// `shared` experts for all tokens, and `dense` blocks without experts.
fn blocks(sheet: &mut Sheet, dimensions: &Dimensions, experts: &Experts, [shared, dense]: [u64; 2]) {
    let has_groups = sheet.number("expert_group_count").is_some();
    for layer in 0..dimensions.blocks {
        latent_attention(sheet, dimensions, layer);
        dimensions.feed_forward_norm(sheet, layer);
        if layer < dense {
            dimensions.gated(sheet, layer);
            continue;
        }
        experts.tensors(sheet, layer, dimensions.embedding);
        if has_groups {
            sheet.block(layer, "exp_probs_b.bias", &[experts.count]);
        }
        gated(sheet, layer, "_shexp", &[dimensions.embedding, shared * experts.feed_forward]);
    }
}

fn describe(sheet: &mut Sheet, dimensions: &Dimensions, experts: &Experts, [shared, dense]: [u64; 2]) {
    dimensions.describe(sheet);
    experts.describe(sheet);
    sheet.set_u32("expert_feed_forward_length", experts.feed_forward);
    sheet.set_u32("expert_shared_count", shared);
    sheet.set_f32("expert_weights_scale", 1.0);
    sheet.set_u32("leading_dense_block_count", dense);
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
    if sheet.number("attention.q_lora_rank").is_some() {
        sheet.block(layer, "attn_q_a.weight", &[embedding, QUERY_RANK]);
        sheet.block(layer, "attn_q_a_norm.weight", &[QUERY_RANK]);
        sheet.block(layer, "attn_q_b.weight", &[QUERY_RANK, dimensions.query()]);
    } else {
        sheet.block(layer, "attn_q.weight", &[embedding, dimensions.query()]);
    }
    sheet.block(layer, "attn_kv_a_mqa.weight", &[embedding, LATENT + ROTATED]);
    sheet.block(layer, "attn_kv_a_norm.weight", &[LATENT]);
    sheet.block(layer, "attn_k_b.weight", &[PLAIN, LATENT, dimensions.heads]);
    sheet.block(layer, "attn_v_b.weight", &[LATENT, VALUE, dimensions.heads]);
    sheet.block(layer, "attn_output.weight", &[dimensions.heads * VALUE, embedding]);
}
