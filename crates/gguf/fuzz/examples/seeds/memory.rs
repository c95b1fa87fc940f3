//! Inputs of the target `memory`: the models of the tests and small ones of each family, each with some
//! settings; and the dictionary.

use crate::{
    models::Model,
    names::{ARCHITECTURES, KEYS, OUTSIDE, TENSORS},
    writer::{Gguf, V, s},
};

/// What `settings.rs` of the target reads: on the host; on two devices, with an override, quantised caches
/// and an adapter; on one device with limits, without flash attention.
const SETTINGS: &[(&str, &[u8])] = &[
    ("host", b"\x1a\xd0\x01\xcf\xcc\x01\x00\x00\x01\x01\x02\x00\x00\x00\x00"),
    ("two", b"\x1a\xd1\x04\xcf\xcc\x01\x63\x02\x08\x02\x00\x02\x01\x02\x0b\x01\x00\x08ffn.*exp\x01"),
    ("one", b"\x19\xd1\x02\xcf\xcc\xd7\x03\x00\x01\x01\x01\x01\x01\x3f\xda\xd9\x00\x00"),
];

const LLAMA: &str = "attn_norm.weight attn_q.weight attn_k.weight attn_v.weight attn_output.weight \
                     ffn_norm.weight ffn_up.weight ffn_gate.weight ffn_down.weight";
const EXPERTS: &str = "attn_norm.weight attn_q.weight attn_k.weight attn_v.weight attn_output.weight \
                       ffn_norm.weight ffn_gate_inp.weight ffn_up_exps.weight ffn_gate_exps.weight \
                       ffn_down_exps.weight exp_probs_b.bias ffn_up_shexp.weight ffn_down_shexp.weight";
const MAMBA: &str = "attn_norm.weight ssm_in.weight ssm_conv1d.weight ssm_x.weight ssm_dt.weight ssm_dt.bias \
                     ssm_a ssm_d ssm_out.weight ssm_norm.weight";
const RWKV_6: &str = "attn_norm.weight attn_norm_2.weight time_mix_w0.weight time_mix_w1.weight \
                      time_mix_w2.weight time_mix_lerp_x.weight time_mix_lerp_w.weight \
                      time_mix_first.weight time_mix_decay.weight time_mix_decay_w1.weight \
                      time_mix_decay_w2.weight time_mix_key.weight time_mix_value.weight \
                      time_mix_receptance.weight time_mix_gate.weight time_mix_ln.weight time_mix_ln.bias \
                      time_mix_output.weight channel_mix_key.weight channel_mix_value.weight \
                      channel_mix_receptance.weight channel_mix_lerp_k.weight";
const RWKV_7: &str = "attn_norm.weight attn_norm_2.weight time_mix_w0.weight time_mix_w1.weight \
                      time_mix_w2.weight time_mix_a0.weight time_mix_a1.weight time_mix_a2.weight \
                      time_mix_v0.weight time_mix_v1.weight time_mix_v2.weight time_mix_g1.weight \
                      time_mix_g2.weight time_mix_lerp_fused.weight time_mix_k_k.weight time_mix_k_a.weight \
                      time_mix_r_k.weight time_mix_key.weight time_mix_value.weight \
                      time_mix_receptance.weight time_mix_ln.weight time_mix_output.weight \
                      channel_mix_key.weight channel_mix_value.weight channel_mix_lerp_k.weight";
const T5: &str = "attn_norm.weight attn_q.weight attn_k.weight attn_v.weight attn_o.weight attn_rel_b.weight \
                  cross_attn_norm.weight cross_attn_q.weight cross_attn_k.weight cross_attn_v.weight \
                  cross_attn_o.weight ffn_norm.weight ffn_up.weight ffn_gate.weight ffn_down.weight";
const GEMMA_3N: &str = "attn_norm.weight attn_q.weight attn_k.weight attn_v.weight attn_output.weight \
                        attn_q_norm.weight attn_k_norm.weight post_attention_norm.weight ffn_norm.weight \
                        ffn_up.weight ffn_gate.weight ffn_down.weight post_ffw_norm.weight inp_gate.weight \
                        proj.weight post_norm.weight altup_router.weight altup_router_norm.weight \
                        altup_predict_coef.weight altup_correct_coef.weight altup_correct_scale.weight \
                        laurel_l.weight laurel_r.weight laurel_post_norm.weight";
const BERT: &str = "attn_q.weight attn_k.weight attn_v.weight attn_output.weight attn_output_norm.weight \
                    ffn_up.weight ffn_down.weight layer_output_norm.weight";
const LATENT: &str = "attn_norm.weight attn_q_a.weight attn_q_a_norm.weight attn_q_b.weight \
                      attn_kv_a_mqa.weight attn_kv_a_norm.weight attn_k_b.weight attn_v_b.weight \
                      attn_output.weight indexer.attn_k.weight indexer.attn_q_b.weight \
                      indexer.proj.weight indexer.k_norm.weight ffn_norm.weight ffn_up.weight \
                      ffn_down.weight";
const DELTA: &str = "attn_norm.weight attn_qkv.weight attn_gate.weight ssm_conv1d.weight ssm_dt.bias ssm_a \
                     ssm_ba.weight ssm_norm.weight ssm_out.weight post_attention_norm.weight ffn_up.weight \
                     ffn_gate.weight ffn_down.weight";
const CONVOLUTION: &str = "attn_norm.weight shortconv.conv.weight shortconv.in_proj.weight \
                           shortconv.out_proj.weight ffn_norm.weight ffn_up.weight ffn_gate.weight \
                           ffn_down.weight";

/// What a layer has in each family.
const FAMILIES: &[(&str, &str)] = &[
    ("llama", LLAMA),
    ("gpt-oss", EXPERTS),
    ("grok", EXPERTS),
    ("llama4", EXPERTS),
    ("mamba", MAMBA),
    ("mamba2", MAMBA),
    ("rwkv6", RWKV_6),
    ("rwkv7", RWKV_7),
    ("t5", T5),
    ("t5encoder", T5),
    ("gemma3n", GEMMA_3N),
    ("gemma4", GEMMA_3N),
    ("bert", BERT),
    ("deepseek2", LATENT),
    ("deepseek32", LATENT),
    ("glm-dsa", LATENT),
    ("qwen3next", DELTA),
    ("kimi-linear", DELTA),
    ("lfm2", CONVOLUTION),
];

/// Names and inputs.
pub(crate) fn inputs() -> Vec<(String, Vec<u8>)> {
    let small = FAMILIES.iter().map(|(name, layer)| (format!("{name}-small"), small(name, layer)));
    let real = Model::ALL.iter().map(|model| (format!("{model:?}"), model.bytes()));
    let mut inputs = Vec::new();
    for (name, file) in real.chain(small) {
        for (way, settings) in SETTINGS {
            inputs.push((format!("{name}-{way}"), [settings, &[0][..], &file].concat()));
        }
    }
    for (at, architecture) in ARCHITECTURES.iter().enumerate() {
        let family = FAMILIES.iter().find(|(name, _)| name == architecture).map_or(LLAMA, |family| family.1);
        let (_, settings) = SETTINGS[at % SETTINGS.len()];
        inputs.push((format!("{architecture}-records"), [settings, &[1], &records(at, family)].concat()));
    }
    inputs
}

/// Two layers whose matrices are all square.
fn small(architecture: &str, layer: &str) -> Vec<u8> {
    let mut file = Gguf::new().kv("general.architecture", s(architecture));
    for key in KEYS {
        file = file.kv(format!("{architecture}.{key}"), V::U32(number(key)));
    }
    for (name, _) in OUTSIDE {
        file = file.tensor(name, &[256, 256], 0, 1 << 18);
    }
    file = file.tensor("token_embd.weight", &[256, 512], 8, 139_264).tensor(
        "output_norm.weight",
        &[256],
        0,
        1024,
    );
    let halves = if architecture.starts_with("t5") { &["enc.blk", "dec.blk"][..] } else { &["blk"] };
    for half in halves {
        for tensor in layer.split_whitespace() {
            for il in 0..2 {
                file = file.tensor(&format!("{half}.{il}.{tensor}"), &[256, 256], 8, 69_632);
            }
        }
    }
    let adapted = if halves.len() == 1 { "blk.0.attn_q.weight" } else { "dec.blk.0.attn_q.weight" };
    file = file.tensor(&format!("{adapted}.lora_a"), &[256, 8], 1, 4096);
    file.tensor(&format!("{adapted}.lora_b"), &[8, 256], 1, 4096).header()
}

fn number(key: &str) -> u32 {
    match key {
        "block_count" | "attention.head_count_kv" | "expert_used_count" | "expert_group_count" => 2,
        "attention.head_count" | "attention.indexer.head_count" | "ssm.conv_kernel" | "expert_count" => 4,
        "nextn_predict_layers" | "n_deepstack_layers" | "attention.shared_kv_layers" => 0,
        "token_shift_count" | "expert_gating_func" | "ssm.group_count" => 1,
        "embedding_length" | "ssm.inner_size" | "context_length" => 256,
        _ => 64,
    }
}

/// What `records.rs` of the target reads.
fn records(architecture: usize, layer: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(architecture).expect("few")];
    for (key, at) in KEYS.iter().zip(0..) {
        let number = u8::try_from(number(key).min(255)).expect("a byte");
        bytes.extend([1, at, 7, if number == 255 { 201 } else { number }]);
    }
    for end in [0, 1, 2] {
        bytes.extend([3, end, 0, 2, 201, 201, 8, 0]);
    }
    for tensor in layer.split_whitespace() {
        let at = TENSORS.iter().position(|&name| name == tensor).expect("a tensor of the list");
        for il in [0, 1] {
            let half = if layer == T5 { 5 } else { 7 };
            bytes.extend([half, il, u8::try_from(at).expect("few"), 0, 2, 201, 201, 8, 0]);
        }
    }
    bytes
}

/// The names, as libFuzzer reads them (`-dict=`).
pub(crate) fn dictionary() -> String {
    let outside = OUTSIDE.iter().map(|(name, _)| *name);
    let ends = ["token_embd.weight", "output.weight", "output_norm.weight", "general.architecture", "GGUF"];
    let parts = ["blk.", "enc.blk.0.", "dec.blk.0.", ".lora_a", ".lora_b", "clip.vision.patch_size"];
    let all = [ARCHITECTURES, KEYS, TENSORS, &ends, &parts].concat();
    let names = all.into_iter().chain(outside).filter(|name| !name.is_empty());
    names.map(|name| format!("\"{name}\"\n")).collect()
}
