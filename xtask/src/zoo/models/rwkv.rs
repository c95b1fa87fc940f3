//! RWKV 7: no attention, a state of fixed size per sequence.

use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;

const BLOCKS: u64 = 32;
const WIDTH: u64 = 2560;
const HIDDEN: u64 = 4 * WIDTH;
const TOKENS: u64 = 65536;
const DECAY: u64 = 96;
const RATE: u64 = 96;
const VALUE: u64 = 64;
const GATE: u64 = 320;

pub(super) fn rwkv_7_2_9b() -> Sheet {
    let mut sheet = Sheet::new("RWKV7 World 2.9B", "rwkv7");
    sheet.set_u32("context_length", 1 << 20);
    sheet.set_u32("embedding_length", WIDTH);
    sheet.set_u32("block_count", BLOCKS);
    sheet.set_u32("feed_forward_length", HIDDEN);
    sheet.set_f32("attention.layer_norm_epsilon", 1e-5);
    sheet.set_u32("attention.head_count", 0);
    sheet.set_u32("wkv.head_size", 64);
    sheet.set_u32("attention.decay_lora_rank", DECAY);
    sheet.set_u32("attention.iclr_lora_rank", RATE);
    sheet.set_u32("attention.value_residual_mix_lora_rank", VALUE);
    sheet.set_u32("attention.gate_lora_rank", GATE);
    sheet.vocabulary(Vocabulary::SentencePiece { tokens: TOKENS });
    sheet.tensor("token_embd.weight", &[WIDTH, TOKENS]);
    sheet.tensor("output.weight", &[WIDTH, TOKENS]);
    for part in ["weight", "bias"] {
        sheet.tensor(&format!("token_embd_norm.{part}"), &[WIDTH]);
        sheet.tensor(&format!("output_norm.{part}"), &[WIDTH]);
    }
    for layer in 0..BLOCKS {
        block(&mut sheet, layer);
    }
    sheet
}

fn block(sheet: &mut Sheet, layer: u64) {
    for norm in ["attn_norm", "attn_norm_2", "time_mix_ln"] {
        for part in ["weight", "bias"] {
            sheet.block(layer, &format!("{norm}.{part}"), &[WIDTH]);
        }
    }
    for name in ["w0", "a0", "v0", "k_k", "k_a", "r_k"] {
        sheet.block(layer, &format!("time_mix_{name}.weight"), &[WIDTH]);
    }
    let value = if layer == 0 { RATE } else { VALUE };
    for (name, rank) in [("w", DECAY), ("a", RATE), ("v", value), ("g", GATE)] {
        sheet.block(layer, &format!("time_mix_{name}1.weight"), &[WIDTH, rank]);
        sheet.block(layer, &format!("time_mix_{name}2.weight"), &[rank, WIDTH]);
    }
    for name in ["key", "value", "receptance", "output"] {
        sheet.block(layer, &format!("time_mix_{name}.weight"), &[WIDTH, WIDTH]);
    }
    sheet.block(layer, "time_mix_lerp_fused.weight", &[WIDTH, 1, 1, 6]);
    sheet.block(layer, "channel_mix_lerp_k.weight", &[WIDTH, 1, 1]);
    sheet.block(layer, "channel_mix_key.weight", &[WIDTH, HIDDEN]);
    sheet.block(layer, "channel_mix_value.weight", &[HIDDEN, WIDTH]);
}
