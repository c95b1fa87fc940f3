//! Hybrids without experts: LFM2 with short convolutions, Nemotron Nano with Mamba 2, attention and feed-forward layers.

use super::super::gguf::Value;
use super::super::sheet::{Sheet, narrow};
use super::super::vocabulary::Vocabulary;
use super::transformer::Dimensions;

pub(super) fn lfm2_1_2b() -> Sheet {
    const CONVOLUTION: u64 = 3;
    let dimensions = Dimensions {
        context: 128_000,
        blocks: 16,
        embedding: 2048,
        feed_forward: 8192,
        heads: 32,
        heads_kv: 8,
        head: 64,
        tokens: 65536,
    };
    let width = dimensions.embedding;
    let attends = |layer: u64| [2, 5, 8, 10, 12, 14].contains(&layer);
    let mut sheet = begin("LFM2 1.2B", "lfm2", &dimensions, "lfm2", attends);
    sheet.set_u32("shortconv.l_cache", CONVOLUTION);
    sheet.tensor("token_embd.weight", &[width, dimensions.tokens]);
    sheet.tensor("token_embd_norm.weight", &[width]);
    for layer in 0..dimensions.blocks {
        if attends(layer) {
            dimensions.attention(&mut sheet, layer);
            dimensions.head_norms(&mut sheet, layer);
        } else {
            sheet.block(layer, "attn_norm.weight", &[width]);
            sheet.block(layer, "shortconv.conv.weight", &[CONVOLUTION, width]);
            sheet.block(layer, "shortconv.in_proj.weight", &[width, 3 * width]);
            sheet.block(layer, "shortconv.out_proj.weight", &[width, width]);
        }
        dimensions.feed_forward_norm(&mut sheet, layer);
        dimensions.gated(&mut sheet, layer);
    }
    sheet
}

/// The layers of Nemotron Nano 9B v2: Mamba, feed-forward, attention.
const NEMOTRON: &[u8] = b"MFMFMFMMFMFMFMAFMFMFMAFMFMFMFMAFMFMFMFMAFMFMMFMFMFMFMFMF";
const INNER: u64 = 10240;
const STATE: u64 = 128;
const STATE_HEADS: u64 = 128;
const GROUPS: u64 = 8;
const CONVOLVED: u64 = INNER + 2 * GROUPS * STATE;

pub(super) fn nemotron_nano_9b_v2() -> Sheet {
    let dimensions = Dimensions {
        context: 131_072,
        blocks: NEMOTRON.len() as u64,
        embedding: 4480,
        feed_forward: 15680,
        heads: 40,
        heads_kv: 8,
        head: 128,
        tokens: 131_072,
    };
    let kind = |layer: u64| usize::try_from(layer).ok().and_then(|layer| NEMOTRON.get(layer)).copied();
    let mut sheet =
        begin("Nemotron Nano 9B v2", "nemotron_h", &dimensions, "pixtral", |layer| kind(layer) == Some(b'A'));
    let hidden = |layer| if kind(layer) == Some(b'F') { narrow(dimensions.feed_forward) } else { 0 };
    sheet.metadata.retain(|(key, _)| key != "nemotron_h.feed_forward_length");
    sheet.set("feed_forward_length", Value::U32s((0..dimensions.blocks).map(hidden).collect()));
    sheet.set_f32("attention.layer_norm_epsilon", 1e-5);
    sheet.set_u32("ssm.conv_kernel", 4);
    sheet.set_u32("ssm.state_size", STATE);
    sheet.set_u32("ssm.group_count", GROUPS);
    sheet.set_u32("ssm.inner_size", INNER);
    sheet.set_u32("ssm.time_step_rank", STATE_HEADS);
    dimensions.token_embeddings(&mut sheet);
    dimensions.output(&mut sheet);
    for layer in 0..dimensions.blocks {
        match kind(layer) {
            Some(b'A') => dimensions.attention(&mut sheet, layer),
            Some(b'M') => state_space(&mut sheet, layer, dimensions.embedding),
            _ => {
                sheet.block(layer, "attn_norm.weight", &[dimensions.embedding]);
                sheet.block(layer, "ffn_up.weight", &[dimensions.embedding, dimensions.feed_forward]);
                sheet.block(layer, "ffn_down.weight", &[dimensions.feed_forward, dimensions.embedding]);
            }
        }
    }
    sheet
}

fn state_space(sheet: &mut Sheet, layer: u64, width: u64) {
    sheet.block(layer, "attn_norm.weight", &[width]);
    sheet.block(layer, "ssm_in.weight", &[width, INNER + CONVOLVED + STATE_HEADS]);
    sheet.block(layer, "ssm_conv1d.weight", &[4, CONVOLVED]);
    sheet.block(layer, "ssm_conv1d.bias", &[CONVOLVED]);
    sheet.block(layer, "ssm_dt.bias", &[STATE_HEADS]);
    sheet.block(layer, "ssm_a", &[1, STATE_HEADS]);
    sheet.block(layer, "ssm_d", &[1, STATE_HEADS]);
    sheet.block(layer, "ssm_norm.weight", &[INNER / GROUPS, GROUPS]);
    sheet.block(layer, "ssm_out.weight", &[INNER, width]);
}

fn begin(
    title: &str,
    architecture: &'static str,
    dimensions: &Dimensions,
    pre: &'static str,
    attends: impl Fn(u64) -> bool,
) -> Sheet {
    let mut sheet = Sheet::new(title, architecture);
    dimensions.describe(&mut sheet);
    dimensions.describe_heads(&mut sheet);
    // A layer without attention has no heads of keys and values.
    let heads_kv = |layer| if attends(layer) { narrow(dimensions.heads_kv) } else { 0 };
    sheet.metadata.retain(|(key, _)| !key.ends_with("attention.head_count_kv"));
    sheet.set("attention.head_count_kv", Value::U32s((0..dimensions.blocks).map(heads_kv).collect()));
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-5);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: dimensions.tokens, pre });
    sheet
}
