//! Nomic Embed: a BERT that makes embeddings and keeps no cache.

use super::super::gguf::Value;
use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::Dimensions;

pub(super) fn nomic_embed_text() -> Sheet {
    let dimensions = Dimensions {
        context: 2048,
        blocks: 12,
        embedding: 768,
        feed_forward: 3072,
        heads: 12,
        heads_kv: 12,
        head: 64,
        tokens: 30522,
    };
    let width = dimensions.embedding;
    let mut sheet = Sheet::new("Nomic Embed Text v1.5", "nomic-bert");
    dimensions.describe(&mut sheet);
    sheet.set_f32("attention.layer_norm_epsilon", 1e-12);
    sheet.set("attention.causal", Value::Bool(false));
    sheet.set_u32("pooling_type", 1);
    sheet.set_f32("rope.freq_base", 1000.0);
    sheet.vocabulary(Vocabulary::SentencePiece { tokens: dimensions.tokens });
    sheet.metadata.push(("tokenizer.ggml.token_type_count".into(), Value::U32(2)));
    sheet.tensor("token_embd.weight", &[width, dimensions.tokens]);
    sheet.tensor("token_types.weight", &[width, 2]);
    for part in ["weight", "bias"] {
        sheet.tensor(&format!("token_embd_norm.{part}"), &[width]);
    }
    for layer in 0..dimensions.blocks {
        sheet.block(layer, "attn_qkv.weight", &[width, 3 * width]);
        sheet.block(layer, "attn_output.weight", &[width, width]);
        dimensions.gated(&mut sheet, layer);
        for norm in ["attn_output_norm", "layer_output_norm"] {
            for part in ["weight", "bias"] {
                sheet.block(layer, &format!("{norm}.{part}"), &[width]);
            }
        }
    }
    sheet
}
