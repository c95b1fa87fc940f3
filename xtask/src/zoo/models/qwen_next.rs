//! Qwen3 Next: gated delta networks with attention in every fourth layer, experts and a shared one.

use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, Experts, gated};

/// Heads of the delta network and their elements.
const KEY_HEADS: u64 = 16;
const VALUE_HEADS: u64 = 32;
const STATE: u64 = 128;
const CONVOLUTION: u64 = 4;

const DIMENSIONS: Dimensions = Dimensions {
    context: 262_144,
    blocks: 48,
    embedding: 2048,
    feed_forward: 5120,
    heads: 16,
    heads_kv: 2,
    head: 256,
    tokens: 151_936,
};

pub(super) fn qwen3_next_80b_a3b() -> Sheet {
    let experts = Experts { count: 512, used: 10, feed_forward: 512 };
    let width = DIMENSIONS.embedding;
    let mut sheet = Sheet::new("Qwen3 Next 80B A3B Instruct", "qwen3next");
    DIMENSIONS.describe(&mut sheet);
    DIMENSIONS.describe_heads(&mut sheet);
    experts.describe(&mut sheet);
    sheet.set_u32("expert_feed_forward_length", experts.feed_forward);
    sheet.set_u32("expert_shared_feed_forward_length", experts.feed_forward);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-6);
    sheet.set_f32("rope.freq_base", 10_000_000.0);
    sheet.set_u32("rope.dimension_count", DIMENSIONS.head / 4);
    sheet.set_u32("ssm.conv_kernel", CONVOLUTION);
    sheet.set_u32("ssm.state_size", STATE);
    sheet.set_u32("ssm.group_count", KEY_HEADS);
    sheet.set_u32("ssm.time_step_rank", VALUE_HEADS);
    sheet.set_u32("ssm.inner_size", VALUE_HEADS * STATE);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: DIMENSIONS.tokens, pre: "qwen2" });
    DIMENSIONS.token_embeddings(&mut sheet);
    DIMENSIONS.output(&mut sheet);
    for layer in 0..DIMENSIONS.blocks {
        if layer % 4 == 3 {
            // Each query comes with a gate.
            DIMENSIONS.attention(&mut sheet, layer);
            let (_, query) = sheet
                .tensors
                .iter_mut()
                .rfind(|(name, _)| name.ends_with("attn_q.weight"))
                .expect("it was added a line above");
            query[1] *= 2;
            DIMENSIONS.head_norms(&mut sheet, layer);
        } else {
            delta_network(&mut sheet, layer);
        }
        sheet.block(layer, "post_attention_norm.weight", &[width]);
        experts.tensors(&mut sheet, layer, width);
        gated(&mut sheet, layer, "_shexp", &[width, experts.feed_forward]);
        sheet.block(layer, "ffn_gate_inp_shexp.weight", &[width]);
    }
    sheet
}

fn delta_network(sheet: &mut Sheet, layer: u64) {
    let (width, inner) = (DIMENSIONS.embedding, VALUE_HEADS * STATE);
    let convolved = inner + 2 * KEY_HEADS * STATE;
    sheet.block(layer, "attn_norm.weight", &[width]);
    sheet.block(layer, "attn_qkv.weight", &[width, convolved]);
    sheet.block(layer, "attn_gate.weight", &[width, inner]);
    sheet.block(layer, "ssm_ba.weight", &[width, 2 * VALUE_HEADS]);
    sheet.block(layer, "ssm_conv1d.weight", &[CONVOLUTION, convolved]);
    sheet.block(layer, "ssm_dt.bias", &[VALUE_HEADS]);
    sheet.block(layer, "ssm_a", &[VALUE_HEADS]);
    sheet.block(layer, "ssm_norm.weight", &[STATE]);
    sheet.block(layer, "ssm_out.weight", &[inner, width]);
}
