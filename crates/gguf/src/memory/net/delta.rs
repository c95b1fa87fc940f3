//! Gated delta networks (`build_layer_attn_linear` in qwen3next.cpp and qwen35.cpp,
//! delta-net-base.cpp).

use super::Net;
use crate::memory::graph::Id;

/// Lengths and numbers of the heads of a delta network.
#[derive(Clone, Copy)]
struct Heads {
    length: u64,
    keys: u64,
    values: u64,
}

impl Net<'_> {
    pub(super) fn delta_network(&mut self, il: usize, input: Id) -> Id {
        self.graph.expand(input);
        let shape = &self.model.shape;
        let values = shape.time_step_rank.max(1);
        let heads = Heads { length: shape.inner / values, keys: shape.groups.max(1), values };
        let kernel = shape.conv_kernel;
        let (each, sequences, tokens) = (self.tokens_per_sequence(), self.sequences, self.tokens);
        let (conv, scan) = self.model.layers[il].recurrent.unwrap_or_default();
        let (conv, scan) = (self.state(il, conv), self.state(il, scan));
        let Some(mixed) = self.linear(il, "attn_qkv", input).or_else(|| self.linear(il, "ssm_in", input))
        else {
            return self.unknown_recurrence(il, input);
        };
        let width = self.graph.ne(mixed)[0];
        let mixed = self.graph.reshape(mixed, [width, each, sequences, 1]);
        let convolved = self.convolve(il, mixed, conv, kernel, "ssm_conv1d.weight");
        let convolved = self.graph.unary(convolved);
        let state = self.read_state(scan);
        let out = self.delta_rule(il, input, convolved, state, scan, heads);
        let normed = self.norm(out, Some(il), "ssm_norm");
        let gated = match self.linear(il, "attn_gate", input) {
            Some(gate) => {
                let ne = self.graph.ne(normed);
                let gate = self.graph.reshape(gate, ne);
                let gate = self.graph.unary(gate);
                self.graph.mul([normed, gate])
            }
            None => normed,
        };
        let inner = heads.length.saturating_mul(heads.values);
        let flat = self.graph.reshape(gated, [inner, each, sequences, 1]);
        let out = self.linear(il, "ssm_out", flat).unwrap_or(flat);
        let width = self.graph.ne(out)[0];
        self.graph.reshape(out, [width, tokens, 1, 1])
    }

    /// `ggml_gated_delta_net`: results and the new state in one tensor.
    fn delta_rule(&mut self, il: usize, input: Id, mixed: Id, state: Id, kept: Id, heads: Heads) -> Id {
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let Heads { length, values, .. } = heads;
        let q = self.unit_length(mixed, heads);
        let k = self.unit_length(mixed, heads);
        let v = self.graph.heads(mixed, [length, values, each, sequences]);
        let (decay, rate) = self.decay_and_rate(il, input, values);
        let state = self.graph.reshape(state, [length, length, values, sequences]);
        let row = length.saturating_mul(values);
        let results = row.saturating_mul(each).saturating_mul(sequences);
        let new_state = row.saturating_mul(length).saturating_mul(sequences);
        let size = results.saturating_add(new_state);
        let both = self.graph.other([size, 1, 1, 1], &[q, k, v, decay, rate, state]);
        let new = self.graph.start(both, [new_state, 1, 1, 1]);
        self.write_state(kept, new);
        self.graph.start(both, [length, values, each, sequences])
    }

    /// Queries or keys, normalised, and repeated for each head of values where the kernel needs that.
    fn unit_length(&mut self, mixed: Id, heads: Heads) -> Id {
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let view = self.graph.heads(mixed, [heads.length, heads.keys, each, sequences]);
        let unit = self.graph.like(&[view]);
        if heads.keys == heads.values || !self.model.is(&["qwen3next"]) {
            return unit;
        }
        let parts = heads.values / heads.keys;
        let unit = self.graph.reshape(unit, [heads.length, 1, heads.keys, each.saturating_mul(sequences)]);
        let repeated = [heads.length, parts, heads.keys, each.saturating_mul(sequences)];
        let repeated = self.graph.other(repeated, &[unit]);
        self.graph.reshape(repeated, [heads.length, heads.values, each, sequences])
    }

    /// How much of the state is kept, and how much is learned.
    fn decay_and_rate(&mut self, il: usize, input: Id, heads: u64) -> (Id, Id) {
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let ne = [heads, each, sequences, 1];
        let (alpha, beta) = if let Some(both) = self.linear(il, "ssm_ba", input) {
            let groups = self.model.shape.groups.max(1);
            let by_group = [self.graph.ne(both)[0] / groups, groups, each, sequences];
            let both = self.graph.reshape(both, by_group);
            let nb = self.graph.get(both).nb;
            let (alpha, beta) = (self.graph.view(both, ne, nb), self.graph.view(both, ne, nb));
            (self.graph.like(&[alpha]), self.graph.like(&[beta]))
        } else {
            let alpha = self.linear(il, "ssm_alpha", input).unwrap_or(input);
            let beta = self.linear(il, "ssm_beta", input).unwrap_or(input);
            (self.graph.reshape(alpha, ne), self.graph.reshape(beta, [1, heads, each, sequences]))
        };
        let mut decay = alpha;
        if let Some(bias) = self.weight(Some(il), "ssm_dt.bias") {
            decay = self.graph.add([decay, bias]);
        }
        decay = self.graph.unary(decay);
        if let Some(a) = self.weight(Some(il), "ssm_a") {
            decay = self.graph.mul([decay, a]);
        }
        let ne = [1, heads, each, sequences];
        let decay = self.graph.reshape(decay, ne);
        let rate = self.graph.unary(beta);
        let rate = if self.graph.ne(rate) == ne { rate } else { self.graph.reshape(rate, ne) };
        (decay, rate)
    }
}
