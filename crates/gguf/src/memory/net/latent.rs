//! Multi-head latent attention (`llama_model_deepseek2::graph` in src/models/deepseek2.cpp).

use super::{Net, attention::Qkv};
use crate::memory::graph::Id;

impl Net<'_> {
    pub(super) fn latent_attention(&mut self, il: usize, input: Id) -> Id {
        let (rank, rotated) = (self.model.shape.latent_rank, self.model.shape.rotated);
        let (key, value) = (self.model.shape.latent_key, self.model.shape.latent_value);
        let (heads, tokens) = (self.model.layers[il].heads, self.tokens);
        let plain = key.saturating_sub(rotated);
        let low = match self.linear(il, "attn_q_a", input) {
            Some(low) => self.norm(low, Some(il), "attn_q_a_norm"),
            None => input,
        };
        let inputs = self.sparse_inputs(il, input, low);
        let q = self.linear(il, "attn_q_b", low).or_else(|| self.linear(il, "attn_q", input)).unwrap_or(low);
        let Some(both) = self.linear(il, "attn_kv_a_mqa", input) else {
            return input;
        };
        let nb = self.graph.get(both).nb;
        let compressed = self.graph.view(both, [rank, tokens, 1, 1], nb);
        let k_rotated = self.graph.view(both, [rotated, 1, tokens, 1], [nb[0], nb[1], nb[1], nb[2]]);
        if !self.model.shape.latent {
            return self.decompressed(il, q, compressed, k_rotated, [plain, rotated, value]);
        }
        let q_nb = self.query_strides(il);
        let q_plain = self.graph.view(q, [plain, heads, tokens, 1], q_nb);
        let q_rotated = self.graph.view(q, [rotated, heads, tokens, 1], q_nb);
        let q_rotated = self.rope(q_rotated);
        let k_rotated = self.rope(k_rotated);
        let q_plain = self.graph.swap_middle(q_plain);
        let absorbed = match self.weight(Some(il), "attn_k_b.weight") {
            Some(matrix) => self.graph.matmul(matrix, q_plain),
            None => q_plain,
        };
        let absorbed = self.graph.swap_middle(absorbed);
        // Which of the parts is computed first: the order in which the graph reaches them.
        let q = self.graph.other([rank.saturating_add(rotated), heads, tokens, 1], &[absorbed, q_rotated]);
        let normed = self.norm(compressed, Some(il), "attn_kv_a_norm");
        let latent = self.graph.reshape(normed, [rank, 1, tokens, 1]);
        let k = self.graph.other([rank.saturating_add(rotated), 1, tokens, 1], &[latent, k_rotated]);
        let decompress = self.weight(Some(il), "attn_v_b.weight");
        let attended = self.attend_with(il, Qkv { q, k, v: latent }, decompress, inputs);
        self.project_out(il, attended)
    }

    /// From one element of the queries to the next, head to head and so on.
    fn query_strides(&self, il: usize) -> [u64; 4] {
        let head = self.model.shape.latent_key.saturating_mul(4);
        let row = head.saturating_mul(self.model.layers[il].heads);
        [4, head, row, row.saturating_mul(self.tokens)]
    }

    /// Keys and values of full length, as older files have it.
    fn decompressed(&mut self, il: usize, q: Id, compressed: Id, k_rotated: Id, lengths: [u64; 3]) -> Id {
        let [plain, rotated, value] = lengths;
        let (heads, tokens) = (self.model.layers[il].heads, self.tokens);
        let nb = self.query_strides(il);
        let q_plain = self.graph.view(q, [plain, heads, tokens, 1], nb);
        let q_rotated = self.graph.view(q, [rotated, heads, tokens, 1], nb);
        let q_rotated = self.rope(q_rotated);
        let k_rotated = self.rope(k_rotated);
        let normed = self.norm(compressed, Some(il), "attn_kv_a_norm");
        let kv = self.linear(il, "attn_kv_b", normed).unwrap_or(normed);
        let row = plain.saturating_add(value).saturating_mul(4);
        let plane = row.saturating_mul(heads);
        let strides = [4, row, plane, plane.saturating_mul(tokens)];
        let k_plain = self.graph.view(kv, [plain, heads, tokens, 1], strides);
        let v = self.graph.view(kv, [value, heads, tokens, 1], strides);
        let v = self.graph.like(&[v]);
        let length = plain.saturating_add(rotated);
        let q = self.graph.other([length, heads, tokens, 1], &[q_plain, q_rotated]);
        let repeated = self.graph.other([rotated, heads, tokens, 1], &[k_rotated]);
        let k = self.graph.other([length, heads, tokens, 1], &[k_plain, repeated]);
        let attended = self.attend(il, Qkv { q, k, v }, None);
        self.project_out(il, attended)
    }
}
