//! Mixtures of experts that have little else in common: Llama 4 with chunked attention, GLM 4.5 with a layer that predicts
//! a further token.

use super::super::gguf::Value;
use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, Experts, gated};

pub(super) fn llama_4_scout() -> Sheet {
    let dimensions = Dimensions {
        context: 10_485_760,
        blocks: 48,
        embedding: 5120,
        feed_forward: 16384,
        heads: 40,
        heads_kv: 8,
        head: 128,
        tokens: 202_048,
    };
    let experts = Experts { count: 16, used: 1, feed_forward: 8192 };
    let mut sheet = begin("Llama 4 Scout 17B 16E Instruct", "llama4", &dimensions, &experts, "llama4");
    sheet.set_u32("interleave_moe_layer_step", 1);
    sheet.tensor("rope_freqs.weight", &[dimensions.head / 2]);
    for layer in 0..dimensions.blocks {
        dimensions.attention(&mut sheet, layer);
        dimensions.feed_forward_norm(&mut sheet, layer);
        experts.tensors(&mut sheet, layer, dimensions.embedding);
        gated(&mut sheet, layer, "_shexp", &[dimensions.embedding, experts.feed_forward]);
    }
    sheet
}

pub(super) fn glm_4_5_air() -> Sheet {
    let dimensions = Dimensions {
        context: 131_072,
        blocks: 47,
        embedding: 4096,
        feed_forward: 10944,
        heads: 96,
        heads_kv: 8,
        head: 128,
        tokens: 151_552,
    };
    let (width, last) = (dimensions.embedding, dimensions.blocks - 1);
    let experts = Experts { count: 128, used: 8, feed_forward: 1408 };
    let mut sheet = begin("GLM 4.5 Air", "glm4moe", &dimensions, &experts, "glm4");
    sheet.set_u32("expert_shared_count", 1);
    sheet.set_u32("leading_dense_block_count", 1);
    sheet.set_u32("expert_gating_func", 2);
    sheet.set("expert_weights_norm", Value::Bool(true));
    sheet.set_f32("expert_weights_scale", 1.0);
    sheet.set_u32("nextn_predict_layers", 1);
    for layer in 0..dimensions.blocks {
        dimensions.attention(&mut sheet, layer);
        dimensions.attention_biases(&mut sheet, layer);
        sheet.block(layer, "post_attention_norm.weight", &[width]);
        if layer == 0 {
            dimensions.gated(&mut sheet, layer);
            continue;
        }
        experts.tensors(&mut sheet, layer, width);
        sheet.block(layer, "exp_probs_b.bias", &[experts.count]);
        gated(&mut sheet, layer, "_shexp", &[width, experts.feed_forward]);
    }
    sheet.block(last, "nextn.eh_proj.weight", &[2 * width, width]);
    for name in ["embed_tokens", "shared_head_head"] {
        sheet.block(last, &format!("nextn.{name}.weight"), &[width, dimensions.tokens]);
    }
    for name in ["enorm", "hnorm", "shared_head_norm"] {
        sheet.block(last, &format!("nextn.{name}.weight"), &[width]);
    }
    sheet
}

fn begin(
    title: &str,
    architecture: &'static str,
    dimensions: &Dimensions,
    experts: &Experts,
    pre: &'static str,
) -> Sheet {
    let mut sheet = Sheet::new(title, architecture);
    dimensions.describe(&mut sheet);
    dimensions.describe_heads(&mut sheet);
    experts.describe(&mut sheet);
    sheet.set_u32("expert_feed_forward_length", experts.feed_forward);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-5);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: dimensions.tokens, pre });
    dimensions.token_embeddings(&mut sheet);
    dimensions.output(&mut sheet);
    sheet
}
