//! Attention with keys and values (`build_qkv`, `build_attn`, `build_attn_mha` in llama-graph.cpp).

use super::{AttentionInputs, Net, cache};
use crate::{
    memory::graph::{Id, Kernel, NONE, Op},
    tensor_type::TensorType,
};

/// Queries, keys and values of a batch, by heads.
#[derive(Clone, Copy)]
pub(super) struct Qkv {
    pub(super) q: Id,
    /// Nothing where the layer reads the cache of another.
    pub(super) k: Id,
    pub(super) v: Id,
}

impl Net<'_> {
    pub(super) fn attention(&mut self, il: usize, input: Id) -> Id {
        let mut qkv = self.project(il, input);
        if qkv.q == NONE {
            return input;
        }
        let gate = self.split_gate(il, &mut qkv);
        self.normalise_and_rotate(il, &mut qkv);
        let mut attended = self.attend(il, qkv, None);
        if let Some(gate) = gate {
            attended = self.graph.mul([attended, gate]);
        }
        attended = self.gate_by_input(il, attended, input);
        self.project_out(il, attended)
    }

    /// A gate of its own matrix, for each element (afmoe.cpp) or each head (step35.cpp).
    fn gate_by_input(&mut self, il: usize, attended: Id, input: Id) -> Id {
        if !self.model.is(&["afmoe", "step35"]) {
            return attended;
        }
        let Some(gate) = self.linear(il, "attn_gate", input) else {
            return attended;
        };
        let gate = self.graph.unary(gate);
        let [width, tokens, ..] = self.graph.ne(attended);
        let heads = self.graph.ne(gate)[0];
        if heads == width {
            return self.graph.mul([attended, gate]);
        }
        let gate = self.graph.reshape(gate, [1, heads, tokens, 1]);
        let by_head = self.graph.reshape(attended, [width / heads.max(1), heads, tokens, 1]);
        let gated = self.graph.mul([by_head, gate]);
        self.graph.reshape(gated, [width, tokens, 1, 1])
    }

    pub(super) fn project_out(&mut self, il: usize, attended: Id) -> Id {
        let mut attended = attended;
        if self.has(Some(il), "attn_sub_norm.weight") {
            attended = self.norm(attended, Some(il), "attn_sub_norm");
        }
        self.linear(il, "attn_output", attended).unwrap_or(attended)
    }

    /// `build_qkv`: one fused matrix, or three.
    fn project(&mut self, il: usize, input: Id) -> Qkv {
        let layer = &self.model.layers[il];
        let (heads, kv_heads, key, value) = (layer.heads, layer.kv_heads, layer.key, layer.value);
        let tokens = self.tokens;
        if let Some(qkv) = self.linear(il, "attn_qkv", input) {
            return Qkv {
                q: self.graph.heads(qkv, [key, heads, tokens, 1]),
                k: self.graph.heads(qkv, [key, kv_heads, tokens, 1]),
                v: self.graph.heads(qkv, [value, kv_heads, tokens, 1]),
            };
        }
        let q = self.linear(il, "attn_q", input);
        // Files may have keys and values of layers that read the cache of another (`has_kv`).
        let own = layer.reuses.is_none();
        let k = self.linear(il, "attn_k", input).filter(|_| own);
        // Where values have no matrix of their own, they are the keys (gemma4.cpp).
        let v = self.linear(il, "attn_v", input).filter(|_| own).or(k);
        let mut by_heads = |x: Option<Id>, length: u64, heads: u64| {
            let Some(x) = x else { return NONE };
            let width = self.graph.ne(x)[0];
            let heads = if length > 0 && width.is_multiple_of(length) { width / length } else { heads };
            self.graph.reshape(x, [length.max(1), heads.max(1), tokens, 1])
        };
        Qkv { q: by_heads(q, key, heads), k: by_heads(k, key, kv_heads), v: by_heads(v, value, kv_heads) }
    }

    /// Qwen 3 Next and 3.5 make a gate for each query in the same matrix (`build_layer_attn`).
    fn split_gate(&mut self, il: usize, qkv: &mut Qkv) -> Option<Id> {
        let layer = &self.model.layers[il];
        let (heads, key) = (layer.heads, layer.key);
        let tokens = self.tokens;
        if qkv.q == NONE || self.graph.ne(qkv.q)[1] != heads.saturating_mul(2) {
            return None;
        }
        // Qwen 3.5 looks at the product itself.
        let is_plain = self.model.is(&["qwen35", "qwen35moe"]);
        let both = if is_plain { self.graph.get(qkv.q).src[0] } else { qkv.q };
        let head = key.saturating_mul(8);
        let row = head.saturating_mul(heads);
        let strides = [4, head, row, row.saturating_mul(tokens)];
        qkv.q = self.graph.view(both, [key, heads, tokens, 1], strides);
        let gate = self.graph.view(both, [key, heads, tokens, 1], strides);
        let gate = self.graph.other([key.saturating_mul(heads), tokens, 1, 1], &[gate]);
        Some(self.graph.unary(gate))
    }

    /// Stores keys and values, and attends to the cache.
    pub(super) fn attend(&mut self, il: usize, qkv: Qkv, decompress: Option<Id>) -> Id {
        let inputs = self.attention_inputs(self.model.layers[il].windowed);
        self.attend_with(il, qkv, decompress, inputs)
    }

    pub(super) fn attend_with(
        &mut self,
        il: usize,
        qkv: Qkv,
        decompress: Option<Id>,
        inputs: AttentionInputs,
    ) -> Id {
        let Qkv { mut q, mut k, mut v } = qkv;
        if inputs.key_rotation != NONE {
            q = self.hadamard(q, inputs.key_rotation);
            k = if k == NONE { k } else { self.hadamard(k, inputs.key_rotation) };
        }
        if inputs.value_rotation != NONE && v != NONE {
            v = self.hadamard(v, inputs.value_rotation);
        }
        // `build_attn` asks for the values first where there is one cache for all layers.
        let keys_first = self.model.shape.encoder || self.model.shape.window > 0;
        let order = if keys_first { [q, k, v] } else { [q, v, k] };
        for x in order.into_iter().filter(|&x| x != NONE) {
            self.graph.expand(x);
        }
        let (keys, values) = match (self.model.shape.encoder, k, v) {
            (true, NONE, _) | (true, _, NONE) => return q,
            (true, ..) => (k, v),
            (false, ..) => self.store(il, k, v, inputs),
        };
        let attended = self.scores(il, q, keys, values, inputs, decompress);
        if inputs.value_rotation == NONE || decompress.is_some() {
            attended
        } else {
            self.hadamard(attended, inputs.value_rotation)
        }
    }

    /// `llama_mul_mat_hadamard`: the same shape, turned piece by piece.
    pub(super) fn hadamard(&mut self, x: Id, rotation: Id) -> Id {
        let (ne, length) = (self.graph.ne(x), self.graph.ne(rotation)[0].max(1));
        let elements = ne.iter().fold(1_u64, |product, &dim| product.saturating_mul(dim));
        let x = if self.graph.is_gapless(x) { x } else { self.graph.like(&[x]) };
        let pieces = self.graph.reshape(x, [length, elements / length, 1, 1]);
        let turned = self.graph.matmul(rotation, pieces);
        self.graph.reshape(turned, ne)
    }

    /// `cpy_k`, `cpy_v`, `get_k` and `get_v` of `llama_kv_cache`.
    pub(super) fn store(&mut self, il: usize, k: Id, v: Id, inputs: AttentionInputs) -> (Id, Id) {
        let owner = self.model.layers[il].reuses.unwrap_or(il).min(il);
        let layer = &self.model.layers[owner];
        let (key, value, kv_heads) = (layer.key, layer.value, layer.kv_heads);
        let (length, streams) = (self.cells.of_layer(layer.windowed), self.cells.streams);
        let home = self.cache_home(owner);
        let cells = length.saturating_mul(streams);
        let key_row = layer.key_elements();
        let keys = self.graph.leaf(self.load.cache_type_k, [key_row, cells, 1, 1], home);
        if k != NONE {
            let rows = self.graph.rows(k, key_row);
            let all = self.merge_streams_of(keys);
            let stored = self.graph.write(all, &[rows, inputs.key_rows, all]);
            self.graph.expand(stored);
        }
        let all_keys = self.by_token(keys, [key, kv_heads, length, streams]);
        if self.model.shape.latent {
            let rank = self.model.shape.latent_rank;
            let nb = self.graph.get(all_keys).nb;
            return (all_keys, self.graph.view(all_keys, [rank, kv_heads, length, streams], nb));
        }
        let value_row = cache::value_elements(self.model, self.load, owner);
        let values = self.graph.leaf(self.load.cache_type_v, [value_row, cells, 1, 1], home);
        if v != NONE {
            let stored = self.store_values(v, values, value_row, inputs);
            self.graph.expand(stored);
        }
        let all_values = if self.flash {
            self.by_token(values, [value, kv_heads, length, streams])
        } else {
            let unit = self.graph.get(values).nb[0];
            let head = unit.saturating_mul(length);
            let (heads, stream) = (head.saturating_mul(value), head.saturating_mul(value_row));
            self.graph.view(values, [length, kv_heads, value, streams], [unit, heads, head, stream])
        };
        (all_keys, all_values)
    }

    /// A cache with a row for each token, as heads.
    pub(super) fn by_token(&mut self, cache: Id, ne: [u64; 4]) -> Id {
        let tensor = self.graph.get(cache);
        let (kind, [unit, row, ..]) = (tensor.kind, tensor.nb);
        let head = unit.saturating_mul(ne[0] / kind.block_elements().unwrap_or(1));
        self.graph.view(cache, ne, [unit, head, row, row.saturating_mul(ne[2])])
    }

    /// The caches of all slots as one.
    fn merge_streams_of(&mut self, cache: Id) -> Id {
        let ne = self.graph.ne(cache);
        if self.cells.streams > 1 { self.graph.reshape(cache, ne) } else { cache }
    }

    fn store_values(&mut self, v: Id, values: Id, width: u64, inputs: AttentionInputs) -> Id {
        let tokens = self.tokens;
        let [length, heads, ..] = self.graph.ne(v);
        let own = length.saturating_mul(heads);
        if self.flash {
            let rows = self.graph.rows(v, own);
            let all = self.merge_streams_of(values);
            return self.graph.write(all, &[rows, inputs.value_rows, all]);
        }
        // Transposed: each element is a row, so the values must lie without gaps.
        let gapless = self.graph.get(v).nb[2] == own.saturating_mul(4);
        let mut rows = if gapless {
            self.graph.reshape(v, [own, tokens, 1, 1])
        } else {
            self.graph.other([own, tokens, 1, 1], &[v])
        };
        if own < width {
            rows = self.graph.other([width, tokens, 1, 1], &[rows]);
        }
        let rows = self.graph.reshape(rows, [1, width.saturating_mul(tokens), 1, 1]);
        let cells = self.graph.reshape(values, [1, width, 1, 1]);
        self.graph.write(cells, &[rows, inputs.value_rows, cells])
    }

    /// `build_attn_mha`.
    fn scores(
        &mut self,
        il: usize,
        q: Id,
        k: Id,
        v: Id,
        inputs: AttentionInputs,
        decompress: Option<Id>,
    ) -> Id {
        let streams = if self.model.shape.encoder { 1 } else { self.cells.streams };
        let [head, heads, tokens, _] = self.graph.ne(q);
        let each = tokens / streams.max(1);
        let nb = self.graph.get(q).nb;
        let q = self.graph.view(
            q,
            [head, heads, each, streams],
            [nb[0], nb[1], nb[2], nb[2].saturating_mul(each)],
        );
        let q = self.graph.swap_middle(q);
        let mut k = self.graph.swap_middle(k);
        let mut v = self.graph.swap_middle(v);
        let value = self.graph.ne(v)[0];
        let sinks = self.weight(Some(il), "attn_sinks.weight").unwrap_or(NONE);
        let attended = if self.flash {
            for x in [&mut k, &mut v] {
                if self.graph.get(*x).kind == TensorType::F32 && self.model.shape.encoder {
                    let ne = self.graph.ne(*x);
                    *x = self.graph.new_tensor(Op::Other, TensorType::F16, ne, &[*x]);
                }
            }
            let ne = [value, heads, each, streams];
            let attended =
                self.graph.new_tensor(Op::Flash, TensorType::F32, ne, &[q, k, v, inputs.mask, sinks]);
            match decompress {
                Some(matrix) => {
                    let turned = self.graph.swap_middle(attended);
                    let longer = self.graph.matmul(matrix, turned);
                    let turned = self.graph.swap_middle(longer);
                    self.graph.like(&[turned])
                }
                None => attended,
            }
        } else {
            let attended = self.scores_in_full(q, k, v, inputs.mask, sinks, decompress);
            if !self.load.kv_offload && !self.load.dry_run {
                // What reads the host's cache is computed on the host (the end of `build_attn_mha`).
                self.graph.tensors[attended as usize].pinned = Some(self.host);
            }
            self.graph.expand(attended);
            return attended;
        };
        let [length, heads, ..] = self.graph.ne(attended);
        let rows = self.graph.reshape(attended, [length.saturating_mul(heads), tokens, 1, 1]);
        self.graph.expand(rows);
        rows
    }

    /// Without flash attention: the scores of all heads are there at once.
    fn scores_in_full(&mut self, q: Id, k: Id, v: Id, mask: Id, sinks: Id, decompress: Option<Id>) -> Id {
        let mut scores = self.graph.matmul(k, q);
        scores = self.graph.inplace(&[scores, mask, sinks]);
        scores = self.graph.called(scores, Kernel::SoftMax);
        let v = if self.model.shape.latent || self.model.shape.encoder {
            // Values that are not kept transposed are transposed now.
            let turned = self.graph.transpose(v);
            self.graph.like(&[turned])
        } else {
            v
        };
        let mut attended = self.graph.matmul(v, scores);
        if let Some(matrix) = decompress {
            attended = self.graph.matmul(matrix, attended);
        }
        let turned = self.graph.swap_middle(attended);
        let [length, heads, tokens, streams] = self.graph.ne(turned);
        let ne = [length.saturating_mul(heads), tokens.saturating_mul(streams), 1, 1];
        self.graph.other(ne, &[turned])
    }

    /// Masks, the rows to write, and the rotations of quantised caches (`build_attn_inp_kv_impl`).
    pub(super) fn attention_inputs(&mut self, windowed: bool) -> AttentionInputs {
        let made = if windowed { self.inputs.window } else { self.inputs.full };
        if made.mask != NONE {
            return made;
        }
        let tokens = self.tokens;
        let (kept, streams) = if self.model.shape.encoder {
            (tokens, 1)
        } else {
            (self.cells.of_layer(windowed), self.cells.streams)
        };
        let mask = if self.flash { TensorType::F16 } else { TensorType::F32 };
        let width = if self.flash { 1 } else { cache::widest_value(self.model).max(1) };
        let inputs = AttentionInputs {
            key_rows: self.input(TensorType::I64, [tokens, 1, 1, 1]),
            value_rows: self.input(TensorType::I64, [tokens.saturating_mul(width), 1, 1, 1]),
            mask: self.input(mask, [kept, tokens / streams.max(1), 1, streams]),
            key_rotation: self.rotation(windowed, true),
            value_rotation: self.rotation(windowed, false),
        };
        *(if windowed { &mut self.inputs.window } else { &mut self.inputs.full }) = inputs;
        inputs
    }

    /// Quantised keys and values are turned by a Hadamard matrix of at least 64 elements, where all
    /// heads are equally long (the end of `llama_kv_cache::llama_kv_cache`); latent ones are not.
    fn rotation(&mut self, windowed: bool, keys: bool) -> Id {
        let kind = if keys { self.load.cache_type_k } else { self.load.cache_type_v };
        let length = |layer: &crate::memory::layer::Layer| if keys { layer.key } else { layer.value };
        let mut lengths =
            self.model.layers.iter().filter(|layer| layer.attends && layer.windowed == windowed).map(length);
        let Some(first) = lengths.next() else { return NONE };
        let quantised = kind.block_elements().is_some_and(|block| block > 1);

        if !quantised
            || self.model.shape.latent
            || first == 0
            || !first.is_multiple_of(64)
            || lengths.any(|other| other != first)
        {
            return NONE;
        }
        let mut side = 64_u64;
        while keys && side < 1 << 20 && first.is_multiple_of(2 * side) {
            side *= 2;
        }
        self.input(TensorType::F32, [side, side, 1, 1])
    }
}
