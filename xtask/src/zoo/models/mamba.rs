//! Mamba: no attention, a state of fixed size per sequence.

use super::super::sheet::Sheet;
use super::super::vocabulary::Vocabulary;

const BLOCKS: u64 = 64;
const EMBEDDING: u64 = 2560;
const INNER: u64 = 2 * EMBEDDING;
const STATE: u64 = 16;
const CONVOLUTION: u64 = 4;
const TIME_STEP_RANK: u64 = EMBEDDING / 16;
const TOKENS: u64 = 50280;

pub(super) fn mamba_2_8b() -> Sheet {
    let mut sheet = Sheet::new("Mamba 2.8B", "mamba");
    // The converter's words: the context is arbitrary; the two zeros are unused and needed.
    sheet.set_u32("context_length", 1 << 20);
    sheet.set_u32("embedding_length", EMBEDDING);
    sheet.set_u32("feed_forward_length", 0);
    sheet.set_u32("attention.head_count", 0);
    sheet.set_u32("block_count", BLOCKS);
    sheet.set_u32("ssm.conv_kernel", CONVOLUTION);
    sheet.set_u32("ssm.inner_size", INNER);
    sheet.set_u32("ssm.state_size", STATE);
    sheet.set_u32("ssm.time_step_rank", TIME_STEP_RANK);
    sheet.set_f32("attention.layer_norm_rms_epsilon", 1e-5);
    sheet.vocabulary(Vocabulary::BytePairs { tokens: TOKENS, pre: "olmo" });
    sheet.tensor("token_embd.weight", &[EMBEDDING, TOKENS]);
    sheet.tensor("output_norm.weight", &[EMBEDDING]);
    for layer in 0..BLOCKS {
        sheet.block(layer, "attn_norm.weight", &[EMBEDDING]);
        sheet.block(layer, "ssm_in.weight", &[EMBEDDING, 2 * INNER]);
        sheet.block(layer, "ssm_conv1d.weight", &[CONVOLUTION, INNER]);
        sheet.block(layer, "ssm_conv1d.bias", &[INNER]);
        sheet.block(layer, "ssm_x.weight", &[INNER, TIME_STEP_RANK + 2 * STATE]);
        sheet.block(layer, "ssm_dt.weight", &[TIME_STEP_RANK, INNER]);
        sheet.block(layer, "ssm_dt.bias", &[INNER]);
        sheet.block(layer, "ssm_a", &[STATE, INNER]);
        sheet.block(layer, "ssm_d", &[INNER]);
        sheet.block(layer, "ssm_out.weight", &[INNER, EMBEDDING]);
    }
    sheet
}
