//! T5: what it adds to scores depends on how far tokens are apart, so that attention to itself is computed
//! in full. Of a model with both halves the decoder is what is reserved for (t5.cpp).

use super::Net;
use crate::{
    memory::graph::{Id, Kernel, NONE, Op},
    tensor_type::TensorType,
};

/// Inputs that all layers read.
#[derive(Clone, Copy)]
pub(super) struct T5Inputs {
    /// What the encoder made; nothing in the encoder itself.
    encoded: Id,
    /// How far tokens are apart.
    buckets: Id,
    cross_mask: Id,
}

impl Net<'_> {
    pub(super) fn is_t5(&self) -> bool {
        self.model.is(&["t5", "t5encoder"])
    }

    pub(super) fn t5_inputs(&mut self) -> T5Inputs {
        let tokens = self.tokens;
        let mask = if self.flash { TensorType::F16 } else { TensorType::F32 };
        if self.model.is(&["t5encoder"]) {
            let buckets = self.input(TensorType::I32, [tokens, tokens, 1, 1]);
            let cross_mask = self.input(mask, [tokens, tokens, 1, 1]);
            return T5Inputs { encoded: NONE, buckets, cross_mask };
        }
        // Until something is encoded, room is made for as much as the model was trained with.
        let (width, encoded) = (self.model.shape.embedding, self.model.shape.trained_context);
        T5Inputs {
            encoded: self.input(TensorType::F32, [width, encoded, 1, 1]),
            buckets: self.input(TensorType::I32, [self.cells.full, tokens, 1, 1]),
            cross_mask: self.input(mask, [encoded, tokens, 1, 1]),
        }
    }

    pub(super) fn t5_layer(&mut self, il: usize, stream: Id, last: bool, inputs: T5Inputs) -> Id {
        let half = if inputs.encoded == NONE { "enc" } else { "dec" };
        let mut residual = stream;
        let input = self.norm(stream, Some(il), &format!("{half}.attn_norm"));
        let qkv = self.t5_heads(il, &format!("{half}.attn"), input, input);
        let bias = self.position_bias(il, half, inputs.buckets);
        let mut mixed = if inputs.encoded == NONE {
            self.expand_all(qkv);
            self.attend_in_full(qkv, inputs.cross_mask, bias, false)
        } else {
            self.t5_attend_to_cache(il, qkv, bias)
        };
        mixed = self.linear(il, &format!("{half}.attn_o"), mixed).unwrap_or(mixed);
        if inputs.encoded != NONE {
            residual = self.graph.add([mixed, residual]);
            mixed = self.cross_attention(il, residual, inputs);
        }
        if last {
            let rows = self.output_rows();
            mixed = self.graph.get_rows(mixed, rows);
            residual = self.graph.get_rows(residual, rows);
        }
        let sum = self.graph.add([mixed, residual]);
        let input = self.norm(sum, Some(il), &format!("{half}.ffn_norm"));
        let fed = self.network_named(il, input, [&format!("{half}."), ""]).unwrap_or(input);
        self.graph.add([fed, sum])
    }

    /// Attention to what the encoder made.
    fn cross_attention(&mut self, il: usize, stream: Id, inputs: T5Inputs) -> Id {
        let input = self.norm(stream, Some(il), "dec.cross_attn_norm");
        let qkv = self.t5_heads(il, "dec.cross_attn", input, inputs.encoded);
        self.expand_all(qkv);
        let attended = if self.flash {
            self.attend_in_flash(qkv, inputs.cross_mask)
        } else {
            self.attend_in_full(qkv, inputs.cross_mask, NONE, false)
        };
        self.linear(il, "dec.cross_attn_o", attended).unwrap_or(attended)
    }

    /// Queries of one input, keys and values of another, by heads.
    fn t5_heads(&mut self, il: usize, name: &str, input: Id, other: Id) -> [Id; 3] {
        let layer = &self.model.layers[il];
        let (key, value) = (layer.key.max(1), layer.value.max(1));
        [("q", input, key), ("k", other, key), ("v", other, value)].map(|(part, from, length)| {
            let x = self.linear(il, &format!("{name}_{part}"), from).unwrap_or(from);
            let [width, rows, ..] = self.graph.ne(x);
            self.graph.reshape(x, [length, width / length, rows, 1])
        })
    }

    /// `build_pos_bias`; the first layer's table serves for all.
    fn position_bias(&mut self, il: usize, half: &str, buckets: Id) -> Id {
        let name = format!("{half}.attn_rel_b.weight");
        let Some(table) = self.weight(Some(il), &name).or_else(|| self.weight(Some(0), &name)) else {
            return NONE;
        };
        let [length, tokens, ..] = self.graph.ne(buckets);
        let flat = self.graph.reshape(buckets, [length.saturating_mul(tokens), 1, 1, 1]);
        let rows = self.graph.get_rows(table, flat);
        let heads = self.graph.ne(rows)[0];
        let rows = self.graph.reshape(rows, [heads, length, tokens, 1]);
        let nb = self.graph.get(rows).nb;
        let turned = self.graph.view(rows, [length, tokens, heads, 1], [nb[1], nb[2], nb[0], nb[3]]);
        self.graph.like(&[turned])
    }

    /// `build_attn` with a cache.
    fn t5_attend_to_cache(&mut self, il: usize, [q, k, v]: [Id; 3], bias: Id) -> Id {
        let inputs = self.attention_inputs(false);
        let turn = |net: &mut Self, x: Id, rotation: Id| {
            if rotation == NONE { x } else { net.hadamard(x, rotation) }
        };
        let q = turn(self, q, inputs.key_rotation);
        let k = turn(self, k, inputs.key_rotation);
        let v = turn(self, v, inputs.value_rotation);
        self.expand_all([q, v, k]);
        let (k, v) = self.store(il, k, v, inputs);
        let attended = self.attend_in_full([q, k, v], inputs.mask, bias, !self.flash);
        turn(self, attended, inputs.value_rotation)
    }

    /// The branch of `build_attn_mha` without flash attention.
    fn attend_in_full(&mut self, qkv: [Id; 3], mask: Id, bias: Id, turned: bool) -> Id {
        let [q, k, v] = qkv.map(|x| self.graph.swap_middle(x));
        let mut scores = self.graph.matmul(k, q);
        if bias != NONE {
            scores = self.graph.add([scores, bias]);
        }
        scores = self.graph.inplace(&[scores, mask]);
        scores = self.graph.called(scores, Kernel::SoftMax);
        let v = if turned {
            v
        } else {
            let turned = self.graph.transpose(v);
            self.graph.like(&[turned])
        };
        let attended = self.graph.matmul(v, scores);
        let attended = self.graph.swap_middle(attended);
        self.joined_heads(attended)
    }

    fn attend_in_flash(&mut self, qkv: [Id; 3], mask: Id) -> Id {
        let [q, k, v] = qkv.map(|x| self.graph.swap_middle(x));
        let [k, v] = [k, v].map(|x| {
            let ne = self.graph.ne(x);
            self.graph.new_tensor(Op::Other, TensorType::F16, ne, &[x])
        });
        let ([_, tokens, heads, _], value) = (self.graph.ne(q), self.graph.ne(v)[0]);
        let ne = [value, heads, tokens, 1];
        let attended = self.graph.new_tensor(Op::Flash, TensorType::F32, ne, &[q, k, v, mask]);
        let rows = self.graph.reshape(attended, [value.saturating_mul(heads), tokens, 1, 1]);
        self.graph.expand(rows);
        rows
    }

    fn expand_all(&mut self, all: [Id; 3]) {
        for x in all {
            self.graph.expand(x);
        }
    }

    fn joined_heads(&mut self, attended: Id) -> Id {
        let [length, heads, tokens, _] = self.graph.ne(attended);
        let rows = self.graph.other([length.saturating_mul(heads), tokens, 1, 1], &[attended]);
        self.graph.expand(rows);
        rows
    }
}
