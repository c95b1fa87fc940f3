//! Small models of several kinds, as headers alone: real widths, few layers.

use std::io::Cursor;

use loadmaster_gguf::Header;

use super::{maker::Maker, sketches};
use crate::writer::V;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// Grouped queries, tied embeddings, every fourth layer without rotation.
    Dense,
    /// Sliding windows, attention and feed-forward side by side.
    Window,
    /// Experts, shared ones and a dense layer before them.
    Experts,
    /// Latent attention, experts in groups.
    Latent,
    /// Recurrent alone.
    Mamba,
    /// Short convolutions between attention.
    Convolutions,
    /// Learned positions, biases, one matrix for queries, keys and values.
    Positions,
    /// Attention and feed-forward side by side, with biases.
    Parallel,
    /// Of an architecture that there is not.
    Unheard,
    /// This one and those that follow are described in `sketches.rs`.
    Gemma3n,
    Gemma4,
    Encoder,
    Rwkv,
    Delta,
    Sparse,
    Buckets,
    NextToken,
}

impl Model {
    pub(super) const ALL: [Self; 16] = [
        Self::Dense,
        Self::Window,
        Self::Experts,
        Self::Latent,
        Self::Mamba,
        Self::Convolutions,
        Self::Positions,
        Self::Parallel,
        Self::Gemma3n,
        Self::Gemma4,
        Self::Encoder,
        Self::Rwkv,
        Self::Delta,
        Self::Sparse,
        Self::Buckets,
        Self::NextToken,
    ];

    pub(super) fn header(self) -> Header {
        Header::read(Cursor::new(self.bytes()), None).expect("a valid header")
    }

    /// The header as a file has it.
    pub(super) fn bytes(self) -> Vec<u8> {
        let maker = match self {
            Self::Dense => dense("smollm3"),
            Self::Unheard => dense("unheard-of"),
            Self::Window => window(),
            Self::Experts => experts(),
            Self::Latent => latent(),
            Self::Mamba => mamba(),
            Self::Convolutions => convolutions(),
            Self::Positions => positions(),
            Self::Parallel => parallel(),
            Self::Gemma3n => sketches::GEMMA_3N.maker(),
            Self::Gemma4 => sketches::GEMMA_4.maker(),
            Self::Encoder => sketches::ENCODER.maker(),
            Self::Rwkv => sketches::RWKV.maker(),
            Self::Delta => sketches::DELTA.maker(),
            Self::Sparse => sketches::SPARSE.maker(),
            Self::Buckets => sketches::BUCKETS.maker(),
            Self::NextToken => sketches::NEXT_TOKEN.maker(),
        };
        maker.header()
    }
}

fn dense(architecture: &'static str) -> Maker {
    let mut maker = Maker::new(
        architecture,
        &[
            ("embedding_length", 2048),
            ("block_count", 8),
            ("vocab_size", 128_256),
            ("feed_forward_length", 11_008),
            ("attention.head_count", 16),
            ("attention.head_count_kv", 4),
        ],
    );
    maker.rms();
    maker.ends(2048, 128_256, true, "output_norm");
    for layer in 0..8 {
        maker.layer(layer, &[("attn_norm", &[2048]), ("ffn_norm", &[2048])]);
        maker.attention(layer, 2048, 2048, 512);
        maker.feed_forward(layer, 2048, 11_008, "");
    }
    maker
}

fn window() -> Maker {
    let mut maker = Maker::new(
        "cohere2",
        &[
            ("embedding_length", 4096),
            ("block_count", 8),
            ("vocab_size", 64_000),
            ("attention.head_count", 32),
            ("attention.head_count_kv", 8),
            ("attention.sliding_window", 4096),
        ],
    );
    maker.put("attention.layer_norm_epsilon", V::F32(1e-5));
    maker.ends(4096, 64_000, true, "output_norm");
    for layer in 0..8 {
        maker.layer(layer, &[("attn_norm", &[4096])]);
        maker.attention(layer, 4096, 4096, 1024);
        maker.feed_forward(layer, 4096, 14_336, "");
    }
    maker
}

fn experts() -> Maker {
    let mut maker = Maker::new(
        "glm4moe",
        &[
            ("embedding_length", 4096),
            ("block_count", 6),
            ("vocab_size", 151_552),
            ("attention.head_count", 96),
            ("attention.head_count_kv", 8),
            ("attention.key_length", 128),
            ("attention.value_length", 128),
            ("expert_count", 128),
            ("expert_used_count", 8),
            ("expert_gating_func", 2),
        ],
    );
    maker.rms();
    maker.put("expert_weights_norm", V::Bool(1));
    maker.ends(4096, 151_552, false, "output_norm");
    for layer in 0..6 {
        maker.layer(layer, &[("attn_norm", &[4096]), ("post_attention_norm", &[4096])]);
        maker.attention(layer, 4096, 12_288, 1024);
        maker.layer(
            layer,
            &[
                ("attn_q.bias", &[12_288]),
                ("attn_k.bias", &[1024]),
                ("attn_v.bias", &[1024]),
                ("attn_q_norm", &[128]),
                ("attn_k_norm", &[128]),
            ],
        );
        match layer {
            0 => maker.feed_forward(layer, 4096, 10_944, ""),
            _ => maker.experts(layer, 4096, 1408, 128, 1408),
        }
    }
    maker
}

fn latent() -> Maker {
    let mut maker = Maker::new(
        "deepseek2",
        &[
            ("embedding_length", 7168),
            ("block_count", 5),
            ("vocab_size", 129_280),
            ("attention.head_count", 128),
            ("attention.head_count_kv", 1),
            ("attention.kv_lora_rank", 512),
            ("attention.key_length", 576),
            ("attention.value_length", 512),
            ("attention.key_length_mla", 192),
            ("attention.value_length_mla", 128),
            ("rope.dimension_count", 64),
            ("expert_count", 64),
            ("expert_used_count", 8),
            ("expert_group_count", 8),
            ("expert_group_used_count", 4),
            ("expert_gating_func", 2),
        ],
    );
    maker.rms();
    maker.put("expert_weights_norm", V::Bool(1));
    maker.ends(7168, 129_280, false, "output_norm");
    for layer in 0..5 {
        maker.layer(
            layer,
            &[
                ("attn_norm", &[7168]),
                ("ffn_norm", &[7168]),
                ("attn_q_a", &[7168, 1536]),
                ("attn_q_a_norm", &[1536]),
                ("attn_q_b", &[1536, 24_576]),
                ("attn_kv_a_mqa", &[7168, 576]),
                ("attn_kv_a_norm", &[512]),
                ("attn_k_b", &[128, 512, 128]),
                ("attn_v_b", &[512, 128, 128]),
                ("attn_output", &[16_384, 7168]),
            ],
        );
        match layer {
            0 | 1 => maker.feed_forward(layer, 7168, 18_432, ""),
            _ => maker.experts(layer, 7168, 2048, 64, 2048),
        }
    }
    maker
}

fn mamba() -> Maker {
    let mut maker = Maker::new(
        "mamba2",
        &[
            ("embedding_length", 2560),
            ("block_count", 6),
            ("vocab_size", 50_288),
            ("attention.head_count", 0),
            ("ssm.conv_kernel", 4),
            ("ssm.inner_size", 5120),
            ("ssm.state_size", 128),
            ("ssm.time_step_rank", 80),
            ("ssm.group_count", 1),
        ],
    );
    maker.rms();
    maker.ends(2560, 50_288, true, "output_norm");
    for layer in 0..6 {
        maker.layer(
            layer,
            &[
                ("attn_norm", &[2560]),
                ("ssm_in", &[2560, 10_576]),
                ("ssm_conv1d", &[4, 5376]),
                ("ssm_conv1d.bias", &[5376]),
                ("ssm_dt.bias", &[80]),
                ("ssm_norm", &[5120, 1]),
                ("ssm_out", &[5120, 2560]),
                ("ssm_a", &[1, 80]),
                ("ssm_d", &[1, 80]),
            ],
        );
    }
    maker
}

fn convolutions() -> Maker {
    let kv_heads = [0, 0, 8, 0, 0, 8, 0, 8];
    let mut maker = Maker::new(
        "lfm2",
        &[
            ("embedding_length", 2048),
            ("block_count", 8),
            ("vocab_size", 65_536),
            ("attention.head_count", 32),
            ("shortconv.l_cache", 3),
        ],
    );
    maker.rms();
    maker.put("attention.head_count_kv", V::Arr(5, kv_heads.map(V::I32).to_vec()));
    maker.ends(2048, 65_536, true, "token_embd_norm");
    for (layer, kv_heads) in (0..).zip(kv_heads) {
        maker.layer(layer, &[("attn_norm", &[2048]), ("ffn_norm", &[2048])]);
        maker.feed_forward(layer, 2048, 8192, "");
        if kv_heads > 0 {
            maker.attention(layer, 2048, 2048, 512);
            maker.layer(layer, &[("attn_q_norm", &[64]), ("attn_k_norm", &[64])]);
        } else {
            maker.layer(
                layer,
                &[
                    ("shortconv.conv.weight", &[3, 2048]),
                    // Named like the convolution, but of 8 bits.
                    ("shortconv.in_proj.weight", &[2048, 6144]),
                    ("shortconv.out_proj.weight", &[2048, 2048]),
                ],
            );
        }
    }
    maker
}

fn fused(maker: &mut Maker, layer: u64, width: u64, hidden: u64) {
    maker.layer(
        layer,
        &[
            ("attn_norm", &[width]),
            ("attn_norm.bias", &[width]),
            ("ffn_norm", &[width]),
            ("ffn_norm.bias", &[width]),
            ("attn_qkv", &[width, 3 * width]),
            ("attn_qkv.bias", &[3 * width]),
            ("attn_output", &[width, width]),
            ("attn_output.bias", &[width]),
            ("ffn_up", &[width, hidden]),
            ("ffn_down", &[hidden, width]),
            ("ffn_up.bias", &[hidden]),
            ("ffn_down.bias", &[width]),
        ],
    );
}

fn positions() -> Maker {
    let mut maker = Maker::new(
        "gpt2",
        &[
            ("embedding_length", 1600),
            ("block_count", 6),
            ("vocab_size", 50_257),
            ("attention.head_count", 25),
        ],
    );
    maker.put("attention.layer_norm_epsilon", V::F32(1e-5));
    maker.ends(1600, 50_257, false, "output_norm");
    maker.add("output_norm.bias", &[1600]);
    maker.add("position_embd.weight", &[1600, 1024]);
    for layer in 0..6 {
        fused(&mut maker, layer, 1600, 6400);
    }
    maker
}

fn parallel() -> Maker {
    let mut maker = Maker::new(
        "phi2",
        &[
            ("embedding_length", 2560),
            ("block_count", 6),
            ("vocab_size", 51_200),
            ("attention.head_count", 32),
            ("rope.dimension_count", 32),
        ],
    );
    maker.put("attention.layer_norm_epsilon", V::F32(1e-5));
    maker.ends(2560, 51_200, false, "output_norm");
    maker.add("output_norm.bias", &[2560]);
    maker.add("output.bias", &[51_200]);
    for layer in 0..6 {
        maker.attention(layer, 2560, 2560, 2560);
        maker.layer(
            layer,
            &[
                ("attn_norm", &[2560]),
                ("attn_norm.bias", &[2560]),
                ("attn_q.bias", &[2560]),
                ("attn_k.bias", &[2560]),
                ("attn_v.bias", &[2560]),
                ("attn_output.bias", &[2560]),
                ("ffn_up", &[2560, 10_240]),
                ("ffn_down", &[10_240, 2560]),
                ("ffn_up.bias", &[10_240]),
                ("ffn_down.bias", &[2560]),
            ],
        );
    }
    maker
}
