//! Headers that claim anything.

use std::io::Cursor;

use loadmaster_gguf::{
    Header, TensorType,
    memory::{Accelerator, Load, Override, Part, Repack, predict},
};
use proptest::prelude::*;

use crate::writer::{Gguf, V, s};

const ARCHITECTURES: &[&str] = &[
    "llama",
    "gemma3",
    "gemma3n",
    "gpt-oss",
    "deepseek2",
    "mamba",
    "mamba2",
    "jamba",
    "falcon-h1",
    "lfm2",
    "qwen3next",
    "rwkv6",
    "rwkv7",
    "arwkv7",
    "gemma4",
    "glm-dsa",
    "t5",
    "t5encoder",
    "qwen3vl",
    "step35",
    "deci",
    "grok",
    "kimi-linear",
    "phi2",
    "gptneox",
    "llama4",
    "bert",
    "unheard-of",
    "",
];

const KEYS: &[&str] = &[
    "block_count",
    "embedding_length",
    "context_length",
    "vocab_size",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.kv_lora_rank",
    "attention.key_length_mla",
    "attention.value_length_mla",
    "rope.dimension_count",
    "expert_count",
    "expert_used_count",
    "expert_group_count",
    "expert_gating_func",
    "ssm.conv_kernel",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
    "ssm.group_count",
    "nextn_predict_layers",
    "n_deepstack_layers",
    "wkv.head_size",
    "token_shift_count",
    "rescale_every_n_layers",
    "attention.indexer.key_length",
    "attention.indexer.head_count",
    "attention.indexer.top_k",
    "attention.shared_kv_layers",
];

const TENSORS: &[&str] = &[
    "attn_norm.weight",
    "attn_q.weight",
    "attn_k.weight",
    "attn_v.weight",
    "attn_qkv.weight",
    "attn_output.weight",
    "attn_q_norm.weight",
    "attn_q_a.weight",
    "attn_q_b.weight",
    "attn_kv_a_mqa.weight",
    "attn_kv_a_norm.weight",
    "attn_k_b.weight",
    "attn_v_b.weight",
    "attn_kv_b.weight",
    "attn_gate.weight",
    "ffn_norm.weight",
    "ffn_up.weight",
    "ffn_gate.weight",
    "ffn_down.weight",
    "ffn_gate_inp.weight",
    "ffn_up_exps.weight",
    "ffn_gate_exps.weight",
    "ffn_down_exps.weight",
    "ffn_gate_up_exps.weight",
    "ffn_up_shexp.weight",
    "ffn_down_shexp.weight",
    "ffn_gate_inp_shexp.weight",
    "exp_probs_b.bias",
    "ssm_in.weight",
    "ssm_x.weight",
    "ssm_dt.weight",
    "ssm_dt.bias",
    "ssm_conv1d.weight",
    "ssm_a",
    "ssm_d",
    "ssm_norm.weight",
    "ssm_out.weight",
    "ssm_ba.weight",
    "ssm_alpha.weight",
    "ssm_beta.weight",
    "shortconv.conv.weight",
    "shortconv.in_proj.weight",
    "shortconv.out_proj.weight",
    "time_mix_w0.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_lerp_fused.weight",
    "time_mix_first.weight",
    "time_mix_key.weight",
    "time_mix_ln.weight",
    "time_mix_ln.bias",
    "channel_mix_key.weight",
    "channel_mix_receptance.weight",
    "indexer.attn_k.weight",
    "indexer.attn_q_b.weight",
    "inp_gate.weight",
    "proj.weight",
    "altup_router.weight",
    "altup_predict_coef.weight",
    "altup_correct_coef.weight",
    "laurel_l.weight",
    "pre_ffw_norm_2.weight",
    "time_mix_r_k.weight",
    "ssm_conv1d_q.weight",
    "ssm_f_a.weight",
    "post_attention_norm.weight",
];

/// Tensors outside the layers that some architectures begin or end with, of widths that do not fit.
const OUTSIDE: &[(&str, &[u64])] = &[
    ("per_layer_token_embd.weight", &[512, 1 << 20]),
    ("per_layer_model_proj.weight", &[256, 768]),
    ("per_layer_proj_norm.weight", &[1]),
    ("altup_proj.weight", &[256, 256, 3]),
    ("altup_unembd_proj.weight", &[512, 256, 7]),
    ("token_embd_norm.weight", &[256]),
    ("enc.blk.0.attn_q.weight", &[256, 300]),
    ("dec.blk.0.attn_k.weight", &[256, 3]),
    ("dec.blk.1.attn_rel_b.weight", &[7, 3]),
];

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        2_u64..300,
        Just(4096),
        Just(u64::from(u32::MAX)),
        Just(u64::MAX / 2),
        Just(u64::MAX)
    ]
}

fn value() -> impl Strategy<Value = V> {
    prop_oneof![
        number().prop_map(V::U64),
        prop::collection::vec(number().prop_map(V::U64), 0..9).prop_map(|list| V::Arr(10, list)),
        Just(V::F32(0.5)),
        Just(V::Bool(1)),
    ]
}

prop_compose! {
    fn header()(
        architecture in prop::sample::select(ARCHITECTURES),
        values in prop::collection::vec((prop::sample::select(KEYS), value()), 0..18),
        tensors in prop::collection::vec(
            (0_u64..6, prop::sample::select(TENSORS), prop::collection::vec(0_u64..1 << 18, 0..4), 0_u32..45),
            0..60,
        ),
        (tied, outside) in any::<(bool, bool)>(),
    ) -> Vec<u8> {
        let mut file = Gguf::new().kv("general.architecture", s(architecture));
        let mut keys = std::collections::BTreeMap::new();
        keys.extend(values);
        for (key, value) in keys {
            file = file.kv(format!("{architecture}.{key}"), value);
        }
        let names: std::collections::BTreeMap<_, _> =
            tensors.into_iter().map(|(layer, name, dims, kind)| (format!("blk.{layer}.{name}"), (dims, kind))).collect();
        for (name, (dims, kind)) in names {
            // Rows of whole blocks, whatever the type; the reader refuses others.
            let dims: Vec<u64> = dims.iter().enumerate().map(|(at, dim)| if at == 0 { dim / 256 * 256 } else { *dim }).collect();
            file = file.tensor(&name, &dims, kind, 0);
        }
        file = file.tensor("token_embd.weight", &[4096, 1 << 20], 0, 0).tensor("output_norm.weight", &[4096], 0, 0);
        if outside {
            for (name, dims) in OUTSIDE {
                file = file.tensor(name, dims, 0, 0);
            }
        }
        if !tied {
            file = file.tensor("output.weight", &[4096, 1 << 20], 8, 0);
        }
        file.header()
    }
}

prop_compose! {
    fn load()(
        (context_length, parallel, batch, ubatch) in (number(), number(), number(), number()),
        (kv_unified, flash_attention, swa_full, mmap, kv_offload) in any::<(bool, bool, bool, bool, bool)>(),
        (gpu_layers, cpu_moe_layers) in (number(), number()),
        cache_type_k in prop::sample::select(TensorType::ALL),
        cache_type_v in prop::sample::select(TensorType::ALL),
        devices in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), Just(f64::NAN), Just(f64::MAX)], 0..18),
        accelerator in prop::sample::select(vec![Accelerator::PLAIN, Accelerator::CUDA, Accelerator::vulkan(1 << 20)]),
        repack in prop::sample::select(vec![Repack::Off, Repack::Avx512, Repack::NeonI8mm]),
    ) -> Load {
        Load {
            context_length, parallel, kv_unified, batch, ubatch, cache_type_k, cache_type_v, flash_attention,
            gpu_layers, devices, cpu_moe_layers, overrides: vec![Override::new("[13579]\\.", Some(1)).expect("a pattern")], swa_full, repack, mmap, kv_offload,
            accelerator, adapters: Vec::new(), outputs_per_slot: parallel, dry_run: mmap,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_header_and_any_settings_give_a_prediction(header in header(), load in load()) {
        if let Ok(header) = Header::read(Cursor::new(&header), None) {
            let usage = predict(&header, &load);
            prop_assert_eq!(usage.devices.len(), load.devices.len());
            let sum = usage.devices.iter().map(Part::total).fold(usage.host.total(), u64::saturating_add);
            prop_assert_eq!(usage.total(), sum);
            for part in usage.devices.iter().chain([&usage.host]) {
                prop_assert!(part.mapped.saturating_add(part.repacked) <= part.weights);
            }
        }
    }
}
