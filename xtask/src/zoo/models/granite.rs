//! Granite 4.0 hybrid: Mamba 2 with attention in every tenth layer, experts and a shared one.

use super::super::gguf::Value;
use super::super::sheet::{Sheet, narrow};
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, Experts, gated};

const SHARED_FEED_FORWARD: u64 = 1024;
const CONVOLUTION: u64 = 4;
const STATE: u64 = 128;
const STATE_HEADS: u64 = 48;
const GROUPS: u64 = 1;

const DIMENSIONS: Dimensions = Dimensions {
    context: 131_072,
    blocks: 40,
    embedding: 1536,
    feed_forward: 512,
    heads: 12,
    heads_kv: 4,
    head: 128,
    tokens: 100_352,
};
const INNER: u64 = 2 * DIMENSIONS.embedding;

fn has_attention(layer: u64) -> bool {
    layer % 10 == 5
}

pub(super) fn granite_4_0_h_tiny() -> Sheet {
    let experts = Experts { count: 64, used: 6, feed_forward: DIMENSIONS.feed_forward };
    let mut sheet = Sheet::new("Granite 4.0 H Tiny", "granitehybrid");
    describe(&mut sheet);
    experts.describe(&mut sheet);
    sheet.set_u32("expert_shared_feed_forward_length", SHARED_FEED_FORWARD);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: DIMENSIONS.tokens, pre: "dbrx" });
    DIMENSIONS.token_embeddings(&mut sheet);
    for layer in 0..DIMENSIONS.blocks {
        if has_attention(layer) {
            DIMENSIONS.attention(&mut sheet, layer);
        } else {
            state_space(&mut sheet, layer);
        }
        DIMENSIONS.feed_forward_norm(&mut sheet, layer);
        experts.tensors(&mut sheet, layer, DIMENSIONS.embedding);
        gated(&mut sheet, layer, "_shexp", &[DIMENSIONS.embedding, SHARED_FEED_FORWARD]);
    }
    sheet
}

fn describe(sheet: &mut Sheet) {
    // A layer without attention has no heads of keys and values.
    let heads_kv = |layer| if has_attention(layer) { narrow(DIMENSIONS.heads_kv) } else { 0 };
    sheet.set_u32("block_count", DIMENSIONS.blocks);
    sheet.set_u32("context_length", DIMENSIONS.context);
    sheet.set_u32("embedding_length", DIMENSIONS.embedding);
    sheet.set_u32("feed_forward_length", DIMENSIONS.feed_forward);
    sheet.set_u32("attention.head_count", DIMENSIONS.heads);
    sheet.set("attention.head_count_kv", Value::U32s((0..DIMENSIONS.blocks).map(heads_kv).collect()));
    sheet.set_u32("rope.dimension_count", DIMENSIONS.head);
    sheet.set_f32("rope.freq_base", 10000.0);
    sheet.set("rope.scaling.finetuned", Value::Bool(false));
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-5);
    sheet.set_f32("attention.scale", 0.007_812_5);
    sheet.set_f32("embedding_scale", 12.0);
    sheet.set_f32("residual_scale", 0.22);
    sheet.set_f32("logit_scale", 6.0);
    sheet.set_u32("ssm.conv_kernel", CONVOLUTION);
    sheet.set_u32("ssm.state_size", STATE);
    sheet.set_u32("ssm.group_count", GROUPS);
    sheet.set_u32("ssm.inner_size", INNER);
    sheet.set_u32("ssm.time_step_rank", STATE_HEADS);
}

fn state_space(sheet: &mut Sheet, layer: u64) {
    let embedding = DIMENSIONS.embedding;
    let convolved = INNER + 2 * GROUPS * STATE;
    sheet.block(layer, "attn_norm.weight", &[embedding]);
    sheet.block(layer, "ssm_in.weight", &[embedding, INNER + convolved + STATE_HEADS]);
    sheet.block(layer, "ssm_conv1d.weight", &[CONVOLUTION, convolved]);
    sheet.block(layer, "ssm_conv1d.bias", &[convolved]);
    sheet.block(layer, "ssm_dt.bias", &[STATE_HEADS]);
    sheet.block(layer, "ssm_a", &[1, STATE_HEADS]);
    sheet.block(layer, "ssm_d", &[1, STATE_HEADS]);
    sheet.block(layer, "ssm_norm.weight", &[INNER / GROUPS, GROUPS]);
    sheet.block(layer, "ssm_out.weight", &[INNER, embedding]);
}
