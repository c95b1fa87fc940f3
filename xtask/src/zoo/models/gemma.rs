//! Gemma 2 and 3: sliding windows in most layers, norms after attention and feed-forward, tied embeddings.

use super::super::gguf::Value;
use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::Dimensions;

pub(super) fn gemma_2_9b() -> Sheet {
    let dimensions = Dimensions {
        context: 8192,
        blocks: 42,
        embedding: 3584,
        feed_forward: 14336,
        heads: 16,
        heads_kv: 8,
        head: 256,
        tokens: 256_000,
    };
    // Every second layer is a sliding one; the loader knows, the file does not say.
    let mut sheet = begin("Gemma 2 9B it", "gemma2", &dimensions, 4096);
    sheet.set_f32("attn_logit_softcapping", 50.0);
    sheet.set_f32("final_logit_softcapping", 30.0);
    tensors(&mut sheet, &dimensions, false);
    sheet
}

pub(super) fn gemma_3_12b() -> Sheet {
    let dimensions = Dimensions {
        context: 131_072,
        blocks: 48,
        embedding: 3840,
        feed_forward: 15360,
        heads: 16,
        heads_kv: 8,
        head: 256,
        tokens: 262_208,
    };
    // Five of six layers are sliding ones; the loader knows, the file does not say.
    let mut sheet = begin("Gemma 3 12B it", "gemma3", &dimensions, 1024);
    sheet.set_f32("rope.freq_base", 1_000_000.0);
    sheet.set("rope.scaling.type", Value::String("linear".into()));
    sheet.set_f32("rope.scaling.factor", 8.0);
    tensors(&mut sheet, &dimensions, true);
    sheet
}

fn begin(title: &str, architecture: &'static str, dimensions: &Dimensions, window: u64) -> Sheet {
    let mut sheet = Sheet::new(title, architecture);
    dimensions.describe(&mut sheet);
    dimensions.describe_heads(&mut sheet);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-6);
    sheet.set_u32("attention.sliding_window", window);
    sheet.vocabulary(Vocabulary::SentencePiece { tokens: dimensions.tokens });
    sheet
}

fn tensors(sheet: &mut Sheet, dimensions: &Dimensions, head_norms: bool) {
    dimensions.token_embeddings(sheet);
    for layer in 0..dimensions.blocks {
        dimensions.attention(sheet, layer);
        if head_norms {
            dimensions.head_norms(sheet, layer);
        }
        sheet.block(layer, "post_attention_norm.weight", &[dimensions.embedding]);
        dimensions.feed_forward_norm(sheet, layer);
        dimensions.gated(sheet, layer);
        sheet.block(layer, "post_ffw_norm.weight", &[dimensions.embedding]);
    }
}
