//! Gemma 3n and 4 for small devices: embeddings of their own for each layer, and layers that read the cache of others.

use super::super::gguf::Value;
use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;
use super::transformer::{Dimensions, gated};

/// Elements of a layer's own embedding.
const PER_LAYER: u64 = 256;

pub(super) fn gemma_3n_e2b() -> Sheet {
    const STREAMS: u64 = 4;
    const LAUREL: u64 = 64;
    let dimensions = Dimensions {
        context: 32768,
        blocks: 30,
        embedding: 2048,
        feed_forward: 8192,
        heads: 8,
        heads_kv: 2,
        head: 256,
        tokens: 262_144,
    };
    let width = dimensions.embedding;
    let mut sheet = begin("Gemma 3n E2B it", "gemma3n", &dimensions);
    sheet.set_u32("altup.num_inputs", STREAMS);
    for name in ["altup_proj", "altup_unembd_proj"] {
        sheet.tensor(&format!("{name}.weight"), &[width, width, STREAMS - 1]);
    }
    for layer in 0..dimensions.blocks {
        dimensions.attention(&mut sheet, layer);
        dimensions.head_norms(&mut sheet, layer);
        dimensions.feed_forward_norm(&mut sheet, layer);
        dimensions.gated(&mut sheet, layer);
        norms(&mut sheet, layer, width);
        per_layer(&mut sheet, layer, width);
        for name in ["altup_correct_scale", "altup_router_norm", "laurel_post_norm"] {
            sheet.block(layer, &format!("{name}.weight"), &[width]);
        }
        sheet.block(layer, "altup_correct_coef.weight", &[STREAMS, STREAMS]);
        sheet.block(layer, "altup_predict_coef.weight", &[STREAMS, STREAMS * STREAMS]);
        sheet.block(layer, "altup_router.weight", &[width, STREAMS]);
        sheet.block(layer, "laurel_l.weight", &[width, LAUREL]);
        sheet.block(layer, "laurel_r.weight", &[LAUREL, width]);
    }
    sheet
}

pub(super) fn gemma_4_e2b() -> Sheet {
    /// Elements of a head in layers that slide; `Dimensions::head` is that of the others.
    const SLIDING_HEAD: u64 = 256;
    const SHARED: u64 = 20;
    let dimensions = Dimensions {
        context: 131_072,
        blocks: 35,
        embedding: 1536,
        feed_forward: 6144,
        heads: 8,
        heads_kv: 1,
        head: 512,
        tokens: 262_144,
    };
    let slides = |layer: u64| layer % 5 != 4;
    let wide = |layer: u64| layer >= dimensions.blocks - SHARED;
    let hidden = |layer| dimensions.feed_forward * if wide(layer) { 2 } else { 1 };
    let mut sheet = begin("Gemma 4 E2B it", "gemma4", &dimensions);
    let all = 0..dimensions.blocks;
    sheet.metadata.retain(|(key, _)| key != "gemma4.feed_forward_length");
    sheet.set(
        "feed_forward_length",
        Value::U32s(all.clone().map(|layer| super::super::sheet::narrow(hidden(layer))).collect()),
    );
    sheet.set(
        "attention.sliding_window_pattern",
        Value::U32s(all.clone().map(|layer| u32::from(slides(layer))).collect()),
    );
    sheet.set_u32("attention.key_length_swa", SLIDING_HEAD);
    sheet.set_u32("attention.value_length_swa", SLIDING_HEAD);
    sheet.set_u32("attention.shared_kv_layers", SHARED);
    sheet.set_f32("final_logit_softcapping", 30.0);
    sheet.tensor("rope_freqs.weight", &[dimensions.head / 2]);
    for layer in all {
        let own =
            Dimensions { head: if slides(layer) { SLIDING_HEAD } else { dimensions.head }, ..dimensions };
        own.attention(&mut sheet, layer);
        own.head_norms(&mut sheet, layer);
        own.feed_forward_norm(&mut sheet, layer);
        gated(&mut sheet, layer, "", &[dimensions.embedding, hidden(layer)]);
        norms(&mut sheet, layer, dimensions.embedding);
        per_layer(&mut sheet, layer, dimensions.embedding);
        sheet.block(layer, "layer_output_scale.weight", &[1]);
    }
    sheet
}

fn begin(title: &str, architecture: &'static str, dimensions: &Dimensions) -> Sheet {
    let all = PER_LAYER * dimensions.blocks;
    let mut sheet = Sheet::new(title, architecture);
    dimensions.describe(&mut sheet);
    dimensions.describe_heads(&mut sheet);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-6);
    sheet.set_u32("attention.sliding_window", 512);
    sheet.set_u32("embedding_length_per_layer_input", PER_LAYER);
    sheet.vocabulary(Vocabulary::SentencePiece { tokens: dimensions.tokens });
    dimensions.token_embeddings(&mut sheet);
    sheet.tensor("per_layer_token_embd.weight", &[all, dimensions.tokens]);
    sheet.tensor("per_layer_model_proj.weight", &[dimensions.embedding, all]);
    sheet.tensor("per_layer_proj_norm.weight", &[PER_LAYER]);
    sheet
}

fn norms(sheet: &mut Sheet, layer: u64, width: u64) {
    for name in ["post_attention_norm", "post_ffw_norm", "post_norm"] {
        sheet.block(layer, &format!("{name}.weight"), &[width]);
    }
}

fn per_layer(sheet: &mut Sheet, layer: u64, width: u64) {
    sheet.block(layer, "inp_gate.weight", &[width, PER_LAYER]);
    sheet.block(layer, "proj.weight", &[PER_LAYER, width]);
}
