//! Makes headers of models: their numbers, and tensors of 8 bits or full precision as files have them.

use crate::writer::{Gguf, V, s};

const F32: u32 = 0;
const Q8_0: u32 = 8;

/// A header in the making.
pub(super) struct Maker {
    architecture: &'static str,
    file: Gguf,
}

impl Maker {
    pub(super) fn new(architecture: &'static str, numbers: &[(&str, u32)]) -> Self {
        let file =
            Gguf::new().kv("general.architecture", s(architecture)).kv("tokenizer.ggml.model", s("no_vocab"));
        let mut maker = Self { architecture, file };
        maker.number("context_length", 131_072);
        for (key, number) in numbers {
            maker.number(key, *number);
        }
        maker
    }

    pub(super) fn put(&mut self, key: &str, value: V) {
        let file = std::mem::replace(&mut self.file, Gguf::new());
        self.file = file.kv(format!("{}.{key}", self.architecture), value);
    }

    pub(super) fn number(&mut self, key: &str, number: u32) {
        self.put(key, V::U32(number));
    }

    pub(super) fn add(&mut self, name: &str, dims: &[u64]) {
        const FULL: &[&str] =
            &["norm", "conv", "gate_inp", "ssm_a", "ssm_d", "lerp", "altup", "rel_b", "token_types"];
        let full = FULL.iter().any(|part| name.contains(part)) && !name.contains("ssm_alpha");
        let elements: u64 = dims.iter().product();
        let (kind, bytes) =
            if dims.len() < 2 || full { (F32, elements * 4) } else { (Q8_0, elements / 32 * 34) };
        let file = std::mem::replace(&mut self.file, Gguf::new());
        self.file = file.tensor(name, dims, kind, bytes);
    }

    pub(super) fn layer(&mut self, layer: u64, tensors: &[(&str, &[u64])]) {
        for (name, dims) in tensors {
            let suffix =
                if name.contains('.') || matches!(*name, "ssm_a" | "ssm_d") { "" } else { ".weight" };
            self.add(&format!("blk.{layer}.{name}{suffix}"), dims);
        }
    }

    pub(super) fn ends(&mut self, width: u64, vocabulary: u64, tied: bool, norm: &str) {
        self.add("token_embd.weight", &[width, vocabulary]);
        self.add(&format!("{norm}.weight"), &[width]);
        if !tied {
            self.add("output.weight", &[width, vocabulary]);
        }
    }

    /// Queries of `width`, keys and values of `kv`.
    pub(super) fn attention(&mut self, layer: u64, embedding: u64, width: u64, kv: u64) {
        self.layer(
            layer,
            &[
                ("attn_q", &[embedding, width]),
                ("attn_k", &[embedding, kv]),
                ("attn_v", &[embedding, kv]),
                ("attn_output", &[width, embedding]),
            ],
        );
    }

    pub(super) fn feed_forward(&mut self, layer: u64, embedding: u64, width: u64, suffix: &str) {
        self.layer(
            layer,
            &[
                (&format!("ffn_up{suffix}"), &[embedding, width]),
                (&format!("ffn_gate{suffix}"), &[embedding, width]),
                (&format!("ffn_down{suffix}"), &[width, embedding]),
            ],
        );
    }

    pub(super) fn experts(&mut self, layer: u64, embedding: u64, width: u64, count: u64, shared: u64) {
        self.layer(
            layer,
            &[
                ("ffn_gate_inp", &[embedding, count]),
                ("ffn_up_exps", &[embedding, width, count]),
                ("ffn_gate_exps", &[embedding, width, count]),
                ("ffn_down_exps", &[width, embedding, count]),
                ("exp_probs_b.bias", &[count]),
            ],
        );
        self.feed_forward(layer, embedding, shared, "_shexp");
    }

    pub(super) fn rms(&mut self) {
        self.put("attention.layer_norm_rms_epsilon", V::F32(1e-5));
    }

    /// The bytes of the header.
    pub(super) fn header(&self) -> Vec<u8> {
        self.file.header()
    }
}
