//! Headers of further architectures, each with what is special about it and little else: real structure, small
//! widths, few layers.

use crate::writer::V;

use super::maker::Maker;

/// A model in short. Tensors are written `name=width x height`, those of layers after the numbers of the layers.
pub(super) struct Sketch {
    architecture: &'static str,
    numbers: &'static [(&'static str, u32)],
    /// Numbers for each layer.
    lists: &'static [(&'static str, &'static [i32])],
    /// Whether norms are of the root mean square.
    rms: bool,
    outside: &'static str,
    layers: &'static [(&'static [u64], &'static str)],
}

impl Sketch {
    pub(super) fn maker(&self) -> Maker {
        let mut maker = Maker::new(self.architecture, self.numbers);
        for (key, list) in self.lists {
            maker.put(key, V::Arr(5, list.iter().copied().map(V::I32).collect()));
        }
        let epsilon = if self.rms { "layer_norm_rms_epsilon" } else { "layer_norm_epsilon" };
        maker.put(&format!("attention.{epsilon}"), V::F32(1e-5));
        for (name, dims) in tensors(self.outside) {
            maker.add(&name, &dims);
        }
        for (layers, text) in self.layers {
            for layer in *layers {
                for (name, dims) in tensors(text) {
                    maker.add(&layer_name(*layer, &name), &dims);
                }
            }
        }
        maker
    }
}

/// Of models with two halves the half comes first.
fn layer_name(layer: u64, name: &str) -> String {
    match name.split_once('/') {
        Some((half, name)) => format!("{half}.blk.{layer}.{name}"),
        None => format!("blk.{layer}.{name}"),
    }
}

fn tensors(text: &str) -> Vec<(String, Vec<u64>)> {
    text.split_whitespace()
        .map(|entry| {
            let (name, dims) = entry.split_once('=').expect("a name and dimensions");
            let dims = dims.split('x').map(|dim| dim.parse().expect("a number")).collect();
            let plain = name.contains('.') || matches!(name, "ssm_a" | "ssm_d");
            (if plain { name.to_owned() } else { format!("{name}.weight") }, dims)
        })
        .collect()
}

/// Four streams, embeddings for each layer, and two layers without a cache of their own.
pub(super) const GEMMA_3N: Sketch = Sketch {
    architecture: "gemma3n",
    numbers: &[
        ("embedding_length", 1024),
        ("block_count", 22),
        ("vocab_size", 32_768),
        ("feed_forward_length", 4096),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 2),
        ("attention.key_length", 128),
        ("attention.value_length", 128),
        ("attention.sliding_window", 512),
    ],
    lists: &[],
    rms: true,
    outside: "token_embd=1024x32768 output_norm=1024 altup_proj=1024x1024x3 altup_unembd_proj=1024x1024x3 \
              per_layer_token_embd=5632x32768 per_layer_model_proj=1024x5632 per_layer_proj_norm=256",
    layers: &[(
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21],
        "attn_norm=1024 attn_q=1024x1024 attn_k=1024x256 attn_v=1024x256 attn_output=1024x1024 \
         attn_q_norm=128 attn_k_norm=128 post_attention_norm=1024 ffn_norm=1024 ffn_gate=1024x4096 \
         ffn_up=1024x4096 ffn_down=4096x1024 post_ffw_norm=1024 inp_gate=1024x256 proj=256x1024 \
         post_norm=1024 altup_correct_scale=1024 altup_router_norm=1024 laurel_post_norm=1024 \
         altup_correct_coef=4x4 altup_predict_coef=4x16 altup_router=1024x4 laurel_l=1024x64 \
         laurel_r=64x1024",
    )],
};

/// Heads of two lengths, embeddings for each layer, and three layers that read the cache of others.
pub(super) const GEMMA_4: Sketch = Sketch {
    architecture: "gemma4",
    numbers: &[
        ("embedding_length", 1024),
        ("block_count", 8),
        ("vocab_size", 32_768),
        ("feed_forward_length", 4096),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 1),
        ("attention.key_length", 512),
        ("attention.value_length", 512),
        ("attention.key_length_swa", 256),
        ("attention.value_length_swa", 256),
        ("attention.sliding_window", 512),
        ("attention.shared_kv_layers", 3),
        ("embedding_length_per_layer_input", 256),
    ],
    lists: &[("attention.sliding_window_pattern", &[1, 1, 1, 1, 0, 1, 1, 0])],
    rms: true,
    outside: "token_embd=1024x32768 output_norm=1024 rope_freqs=256 per_layer_token_embd=2048x32768 \
              per_layer_model_proj=1024x2048 per_layer_proj_norm=256",
    layers: &[
        (
            &[0, 1, 2, 3, 5, 6],
            "attn_q=1024x2048 attn_k=1024x256 attn_v=1024x256 attn_output=2048x1024 attn_q_norm=256 \
             attn_k_norm=256",
        ),
        (
            &[4, 7],
            "attn_q=1024x4096 attn_k=1024x512 attn_v=1024x512 attn_output=4096x1024 attn_q_norm=512 \
             attn_k_norm=512",
        ),
        (
            &[0, 1, 2, 3, 4, 5, 6, 7],
            "attn_norm=1024 post_attention_norm=1024 ffn_norm=1024 ffn_gate=1024x4096 ffn_up=1024x4096 \
             ffn_down=4096x1024 post_ffw_norm=1024 inp_gate=1024x256 proj=256x1024 post_norm=1024 \
             layer_output_scale=1",
        ),
    ],
};

/// No cache; norms behind attention and the feed-forward network.
pub(super) const ENCODER: Sketch = Sketch {
    architecture: "nomic-bert",
    numbers: &[
        ("embedding_length", 768),
        ("block_count", 4),
        ("vocab_size", 30_528),
        ("feed_forward_length", 3072),
        ("attention.head_count", 12),
        ("pooling_type", 1),
    ],
    lists: &[],
    rms: false,
    outside: "token_embd=768x30528 token_types=768x2 token_embd_norm=768 token_embd_norm.bias=768",
    layers: &[(
        &[0, 1, 2, 3],
        "attn_qkv=768x2304 attn_output=768x768 attn_output_norm=768 attn_output_norm.bias=768 \
         ffn_up=768x3072 ffn_gate=768x3072 ffn_down=3072x768 layer_output_norm=768 \
         layer_output_norm.bias=768",
    )],
};

/// Recurrent alone, with values of the first layer in all others.
pub(super) const RWKV: Sketch = Sketch {
    architecture: "rwkv7",
    numbers: &[
        ("embedding_length", 1024),
        ("block_count", 4),
        ("vocab_size", 65_536),
        ("feed_forward_length", 4096),
        ("attention.head_count", 0),
        ("wkv.head_size", 64),
        ("attention.decay_lora_rank", 64),
        ("attention.iclr_lora_rank", 64),
        ("attention.value_residual_mix_lora_rank", 64),
        ("attention.gate_lora_rank", 128),
    ],
    lists: &[],
    rms: false,
    outside: "token_embd=1024x65536 output=1024x65536 token_embd_norm=1024 token_embd_norm.bias=1024 \
              output_norm=1024 output_norm.bias=1024",
    layers: &[(
        &[0, 1, 2, 3],
        "attn_norm=1024 attn_norm.bias=1024 attn_norm_2=1024 attn_norm_2.bias=1024 time_mix_ln=1024 \
         time_mix_ln.bias=1024 time_mix_w0=1024 time_mix_a0=1024 time_mix_v0=1024 time_mix_k_k=1024 \
         time_mix_k_a=1024 time_mix_r_k=1024 time_mix_w1=1024x64 time_mix_w2=64x1024 time_mix_a1=1024x64 \
         time_mix_a2=64x1024 time_mix_v1=1024x64 time_mix_v2=64x1024 time_mix_g1=1024x128 \
         time_mix_g2=128x1024 time_mix_lerp_fused=1024x1x1x6 time_mix_key=1024x1024 \
         time_mix_value=1024x1024 time_mix_receptance=1024x1024 time_mix_output=1024x1024 \
         channel_mix_lerp_k=1024x1x1 channel_mix_key=1024x4096 channel_mix_value=4096x1024",
    )],
};

/// Delta networks between attention whose queries come with gates.
pub(super) const DELTA: Sketch = Sketch {
    architecture: "qwen35",
    numbers: &[
        ("embedding_length", 1024),
        ("block_count", 4),
        ("vocab_size", 65_536),
        ("feed_forward_length", 3584),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 2),
        ("attention.key_length", 256),
        ("attention.value_length", 256),
        ("rope.dimension_count", 64),
        ("ssm.conv_kernel", 4),
        ("ssm.inner_size", 2048),
        ("ssm.state_size", 128),
        ("ssm.time_step_rank", 16),
        ("ssm.group_count", 16),
    ],
    lists: &[("rope.dimension_sections", &[11, 11, 10, 0])],
    rms: true,
    outside: "token_embd=1024x65536 output_norm=1024",
    layers: &[
        (
            &[0, 1, 2],
            "attn_qkv=1024x6144 attn_gate=1024x2048 ssm_conv1d=4x6144 ssm_dt.bias=16 ssm_a=16 ssm_norm=128 \
             ssm_out=2048x1024 ssm_alpha=1024x16 ssm_beta=1024x16",
        ),
        (
            &[3],
            "attn_q=1024x4096 attn_k=1024x512 attn_v=1024x512 attn_output=2048x1024 attn_q_norm=256 \
             attn_k_norm=256",
        ),
        (
            &[0, 1, 2, 3],
            "attn_norm=1024 post_attention_norm=1024 ffn_gate=1024x3584 ffn_up=1024x3584 ffn_down=3584x1024",
        ),
    ],
};

/// Latent attention to tokens that an indexer picks.
pub(super) const SPARSE: Sketch = Sketch {
    architecture: "glm-dsa",
    numbers: &[
        ("embedding_length", 1024),
        ("block_count", 2),
        ("vocab_size", 65_536),
        ("feed_forward_length", 4096),
        ("leading_dense_block_count", 2),
        ("attention.head_count", 16),
        ("attention.head_count_kv", 1),
        ("attention.q_lora_rank", 512),
        ("attention.kv_lora_rank", 512),
        ("attention.key_length", 576),
        ("attention.value_length", 512),
        ("attention.key_length_mla", 192),
        ("attention.value_length_mla", 128),
        ("attention.indexer.head_count", 16),
        ("attention.indexer.key_length", 128),
        ("attention.indexer.top_k", 2048),
        ("rope.dimension_count", 64),
        ("expert_count", 8),
        ("expert_used_count", 2),
        ("expert_feed_forward_length", 512),
        ("expert_shared_count", 1),
    ],
    lists: &[],
    rms: true,
    outside: "token_embd=1024x65536 output_norm=1024 output=1024x65536",
    layers: &[(
        &[0, 1],
        "attn_norm=1024 ffn_norm=1024 attn_q_a=1024x512 attn_q_a_norm=512 attn_q_b=512x3072 \
         attn_kv_a_mqa=1024x576 attn_kv_a_norm=512 attn_k_b=128x512x16 attn_v_b=512x128x16 \
         attn_output=2048x1024 indexer.k_norm.weight=128 indexer.k_norm.bias=128 \
         indexer.proj.weight=1024x16 indexer.attn_k.weight=1024x128 indexer.attn_q_b.weight=512x2048 \
         ffn_gate=1024x4096 ffn_up=1024x4096 ffn_down=4096x1024",
    )],
};

/// An encoder whose scores depend on how far tokens are apart.
pub(super) const BUCKETS: Sketch = Sketch {
    architecture: "t5encoder",
    numbers: &[
        ("embedding_length", 768),
        ("block_count", 4),
        ("vocab_size", 32_128),
        ("feed_forward_length", 2048),
        ("attention.head_count", 12),
        ("attention.key_length", 64),
        ("attention.value_length", 64),
        ("attention.relative_buckets_count", 32),
    ],
    lists: &[],
    rms: true,
    outside: "token_embd=768x32128 enc.output_norm.weight=768 output=768x32128",
    layers: &[
        (&[0], "enc/attn_rel_b.weight=12x32"),
        (
            &[0, 1, 2, 3],
            "enc/attn_norm.weight=768 enc/attn_q.weight=768x768 enc/attn_k.weight=768x768 \
             enc/attn_v.weight=768x768 enc/attn_o.weight=768x768 enc/ffn_norm.weight=768 \
             enc/ffn_gate.weight=768x2048 enc/ffn_up.weight=768x2048 enc/ffn_down.weight=2048x768",
        ),
    ],
};

/// A layer for a further token, which is not loaded but has a cache.
pub(super) const NEXT_TOKEN: Sketch = Sketch {
    architecture: "glm4",
    numbers: &[
        ("embedding_length", 1024),
        ("block_count", 5),
        ("vocab_size", 65_536),
        ("feed_forward_length", 4096),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 2),
        ("nextn_predict_layers", 1),
    ],
    lists: &[],
    rms: true,
    outside: "token_embd=1024x65536 output_norm=1024 output=1024x65536",
    layers: &[
        (
            &[0, 1, 2, 3, 4],
            "attn_norm=1024 attn_q=1024x1024 attn_k=1024x256 attn_v=1024x256 attn_output=1024x1024 \
             post_attention_norm=1024 ffn_norm=1024 ffn_up=1024x8192 ffn_down=4096x1024 post_ffw_norm=1024",
        ),
        (
            &[4],
            "nextn.eh_proj.weight=2048x1024 nextn.enorm.weight=1024 nextn.hnorm.weight=1024 \
             nextn.shared_head_norm.weight=1024",
        ),
    ],
};
