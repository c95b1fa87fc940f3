//! Phi 3: query, key and value in one tensor, gate and up in another.

use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::Dimensions;

pub(super) fn phi_3_mini() -> Sheet {
    let dimensions = Dimensions {
        context: 4096,
        blocks: 32,
        embedding: 3072,
        feed_forward: 8192,
        heads: 32,
        heads_kv: 32,
        head: 96,
        tokens: 32064,
    };
    let mut sheet = Sheet::new("Phi 3 Mini 4k Instruct", "phi3");
    dimensions.describe(&mut sheet);
    sheet.set_u32("rope.dimension_count", dimensions.head);
    sheet.set_u32("rope.scaling.original_context_length", dimensions.context);
    sheet.set_f32("rope.freq_base", 10000.0);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-5);
    // The key is there and the loader leaves the window out.
    sheet.set_u32("attention.sliding_window", 2047);
    sheet.vocabulary(Vocabulary::SentencePiece { tokens: dimensions.tokens });
    dimensions.token_embeddings(&mut sheet);
    dimensions.output(&mut sheet);
    let embedding = dimensions.embedding;
    for layer in 0..dimensions.blocks {
        sheet.block(layer, "attn_norm.weight", &[embedding]);
        sheet.block(layer, "attn_qkv.weight", &[embedding, dimensions.query() + 2 * dimensions.key()]);
        sheet.block(layer, "attn_output.weight", &[dimensions.query(), embedding]);
        dimensions.feed_forward_norm(&mut sheet, layer);
        sheet.block(layer, "ffn_up.weight", &[embedding, 2 * dimensions.feed_forward]);
        sheet.block(layer, "ffn_down.weight", &[dimensions.feed_forward, embedding]);
    }
    sheet
}
