//! What is done with queries and keys between their matrices and the cache: norms, positions, scales
//! (src/models, `build_inp_attn_scale` in llama-graph.cpp).

use super::{Net, attention::Qkv};
use crate::{
    memory::graph::{Home, Id, NONE, Op},
    tensor_type::TensorType,
};

impl Net<'_> {
    pub(super) fn normalise_and_rotate(&mut self, il: usize, qkv: &mut Qkv) {
        let rotates = self.rotates(il);
        for (x, name) in [(&mut qkv.q, "attn_q_norm"), (&mut qkv.k, "attn_k_norm")] {
            if *x == NONE {
                continue;
            }
            if self.has(Some(il), &format!("{name}.weight")) {
                *x = self.norm(*x, Some(il), name);
            }
            if rotates {
                let factors = self.rotation_factors(il);
                *x = self.rope_by(*x, factors);
            }
            if !rotates && name == "attn_q_norm" && self.model.is(&["llama4"]) {
                let scale = self.temperature();
                *x = self.graph.mul([*x, scale]);
            }
            if rotates && self.normalises_rotated(il) {
                *x = self.graph.rms_norm(*x);
            }
        }
        if self.model.is(&["gemma", "gemma2", "gemma3", "gemma-embedding", "phi2", "phi3"]) {
            // By the length of a head; others leave that to the scores.
            qkv.q = self.graph.inplace(&[qkv.q]);
        }
        if qkv.v != NONE && self.model.is(&["gemma3n", "gemma4"]) {
            qkv.v = self.graph.rms_norm(qkv.v);
        }
    }

    /// What queries without positions are multiplied with (`build_inp_attn_scale`).
    fn temperature(&mut self) -> Id {
        if self.inputs.temperature == NONE {
            self.inputs.temperature = self.input(TensorType::F32, [1, 1, self.tokens, 1]);
        }
        self.inputs.temperature
    }

    /// Llama 4 Scout normalises queries and keys again (`use_kq_norm` in llama4.cpp), Maverick with its 128
    /// experts does not.
    fn normalises_rotated(&self, il: usize) -> bool {
        let router = self.model.weight(Some(il), "ffn_gate_inp.weight");
        let experts = router.map_or(0, |at| self.model.weights[at].ne[1]);
        self.model.is(&["llama4"]) && experts != 128
    }

    /// What each frequency of the rotation is divided by, where the file says (`get_rope_factors` in
    /// llama-model.cpp): one tensor of the file, which each buffer with layers has a copy of.
    fn rotation_factors(&mut self, il: usize) -> Id {
        // Of Gemma 4 only layers without a window have such, of Step 3.5 too.
        if self.model.is(&["gemma4", "step35"]) && self.model.layers[il].windowed {
            return NONE;
        }
        // There are two of the second kind, one for long contexts, of the same size.
        let names = ["rope_freqs.weight", "rope_factors_long.weight"];
        let Some(at) = names.iter().find_map(|name| self.model.weight(None, name)) else { return NONE };
        let device = self.placement.layer(il).and_then(|device| u8::try_from(device).ok());
        let backend = device.unwrap_or(self.host);
        let slot = usize::from(backend);
        if self.inputs.factors[slot] == NONE {
            let weight = &self.model.weights[at];
            let (kind, ne) = (weight.kind, weight.ne);
            let home = Home::Weight { backend, plain: device.is_none() };
            self.inputs.factors[slot] = self.graph.leaf(kind, ne, home);
        }
        self.inputs.factors[slot]
    }

    /// Whether positions are put into queries and keys (`llama_model_rope_type` in llama-model.cpp,
    /// and what src/models does per layer).
    fn rotates(&self, il: usize) -> bool {
        let windowed = self.model.layers[il].windowed;
        match self.model.shape.architecture.as_str() {
            "gpt2" | "starcoder" | "bloom" | "mpt" | "jais" | "refact" | "bert" | "jina-bert-v2" | "t5"
            | "t5encoder" | "jamba" | "nemotron_h" | "nemotron_h_moe" => false,
            // The larger one has slopes instead (baichuan.cpp).
            "baichuan" => self.model.layers.len() == 32,
            "granitehybrid" => self.model.weight(None, "rope_freqs.weight").is_some(),
            "cohere2" | "cohere2moe" | "afmoe" => windowed,
            "exaone4" => windowed || self.model.shape.window == 0,
            "smollm3" | "llama4" => !(il + 1).is_multiple_of(4),
            _ => self.model.shape.rotated > 0,
        }
    }

    pub(super) fn rope(&mut self, x: Id) -> Id {
        self.rope_by(x, NONE)
    }

    /// The same with factors for each frequency.
    pub(super) fn rope_by(&mut self, x: Id, factors: Id) -> Id {
        let positions = self.positions();
        let (kind, ne) = (self.graph.get(x).kind, self.graph.ne(x));
        self.graph.new_tensor(Op::Rope, kind, ne, &[x, positions, factors])
    }
}
