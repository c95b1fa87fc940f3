//! `StarCoder2`: biases everywhere, a plain feed-forward network, tied embeddings.

use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::Dimensions;

pub(super) fn starcoder2_7b() -> Sheet {
    let dimensions = Dimensions {
        context: 16384,
        blocks: 32,
        embedding: 4608,
        feed_forward: 18432,
        heads: 36,
        heads_kv: 4,
        head: 128,
        tokens: 49152,
    };
    let (embedding, hidden) = (dimensions.embedding, dimensions.feed_forward);
    let mut sheet = Sheet::new("StarCoder2 7B", "starcoder2");
    dimensions.describe(&mut sheet);
    sheet.set_f32("rope.freq_base", 1_000_000.0);
    sheet.set_f32("attention.layer_norm_epsilon", 1e-5);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: dimensions.tokens, pre: "starcoder" });
    dimensions.token_embeddings(&mut sheet);
    sheet.tensor("output_norm.bias", &[embedding]);
    for layer in 0..dimensions.blocks {
        dimensions.attention(&mut sheet, layer);
        dimensions.attention_biases(&mut sheet, layer);
        sheet.block(layer, "attn_norm.bias", &[embedding]);
        sheet.block(layer, "attn_output.bias", &[embedding]);
        dimensions.feed_forward_norm(&mut sheet, layer);
        sheet.block(layer, "ffn_norm.bias", &[embedding]);
        sheet.block(layer, "ffn_up.weight", &[embedding, hidden]);
        sheet.block(layer, "ffn_up.bias", &[hidden]);
        sheet.block(layer, "ffn_down.weight", &[hidden, embedding]);
        sheet.block(layer, "ffn_down.bias", &[embedding]);
    }
    sheet
}
