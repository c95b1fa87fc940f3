//! Layers of the RWKV family (rwkv6.cpp, rwkv7.cpp), and of models that have its time mixing in place of
//! attention (rwkv6qwen2.cpp, arwkv7.cpp).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    pub(super) fn is_rwkv(&self) -> bool {
        self.model.shape.wkv_head > 0
    }

    pub(super) fn rwkv_layer(&mut self, il: usize, stream: Id, last: bool) -> Id {
        let width = self.graph.ne(stream)[0];
        let (each, sequences, tokens) = (self.tokens_per_sequence(), self.sequences, self.tokens);
        let stream = self.graph.reshape(stream, [width, each, sequences, 1]);
        let (shifts, _) = self.model.layers[il].recurrent.unwrap_or_default();
        let kept = self.state(il, shifts);
        // `build_rwkv_token_shift_load`: the last token of the batch before, once for each kind of mixing.
        let before = self.read_state(kept);
        let before =
            self.graph.reshape(before, [width, shifts.checked_div(width).unwrap_or(1), sequences, 1]);
        let normed = self.norm(stream, Some(il), "attn_norm");
        let previous = self.shifted(before, normed);
        let mixed = if self.has(Some(il), "time_mix_w0.weight") {
            self.time_mix_7(il, normed, previous)
        } else {
            self.time_mix_6(il, normed, previous)
        };
        if !self.has(Some(il), "channel_mix_key.weight") {
            let last_token = self.last_token(normed);
            self.write_state(kept, last_token);
            let sum = self.graph.add([mixed, stream]);
            let mut sum = self.graph.reshape(sum, [width, tokens, 1, 1]);
            if last {
                let rows = self.output_rows();
                sum = self.graph.get_rows(sum, rows);
            }
            let input = self.norm(sum, Some(il), "ffn_norm");
            return self.add_feed_forward(il, input, sum);
        }
        let sum = self.graph.add([mixed, stream]);
        let ffn_normed = self.norm(sum, Some(il), "attn_norm_2");
        let previous = self.shifted(before, ffn_normed);
        let ends = [self.last_token(normed), self.last_token(ffn_normed)];
        let ends = self.graph.other([width, 2, sequences, 1], &ends);
        let ends = self.graph.start(ends, [width.saturating_mul(2).saturating_mul(sequences), 1, 1, 1]);
        self.write_state(kept, ends);
        let mut parts = [sum, ffn_normed, previous].map(|x| self.graph.reshape(x, [width, tokens, 1, 1]));
        if last {
            let rows = self.output_rows();
            parts = parts.map(|x| self.graph.get_rows(x, rows));
        }
        let [sum, ffn_normed, previous] = parts;
        let mixed = self.channel_mix(il, ffn_normed, previous);
        let sum = self.graph.add([mixed, sum]);
        let rescales = self.model.shape.rescale_every;
        if rescales != 0 && (il as u64 + 1).is_multiple_of(rescales) {
            self.graph.inplace(&[sum])
        } else {
            sum
        }
    }

    /// Each token's predecessor.
    fn shifted(&mut self, before: Id, x: Id) -> Id {
        let (ne, nb) = (self.graph.ne(x), self.graph.get(x).nb);
        let before_nb = self.graph.get(before).nb;
        let first = self.graph.view(before, [ne[0], 1, ne[2], 1], before_nb);
        let rest = self.graph.view(x, [ne[0], ne[1].saturating_sub(1), ne[2], 1], nb);
        self.graph.other(ne, &[first, rest])
    }

    fn last_token(&mut self, x: Id) -> Id {
        let (ne, nb) = (self.graph.ne(x), self.graph.get(x).nb);
        self.graph.view(x, [ne[0], 1, ne[2], 1], nb)
    }

    /// `build_rwkv6_channel_mix` and `build_rwkv7_channel_mix`.
    fn channel_mix(&mut self, il: usize, x: Id, previous: Id) -> Id {
        let difference = self.graph.inplace(&[previous, x]);
        let key_input = self.interpolated(il, difference, x, "channel_mix_lerp_k.weight");
        let gate = self.weight(Some(il), "channel_mix_lerp_r.weight").map(|lerp| {
            let scaled = self.graph.mul([difference, lerp]);
            self.graph.add([scaled, x])
        });
        let gate = gate.and_then(|input| self.linear(il, "channel_mix_receptance", input));
        let gate = gate.map(|gate| self.graph.unary(gate));
        let key = self.linear(il, "channel_mix_key", key_input).unwrap_or(key_input);
        let key = self.graph.unary(key);
        let key = self.graph.inplace(&[key]);
        let value = self.linear(il, "channel_mix_value", key).unwrap_or(key);
        match gate {
            Some(gate) => self.graph.mul([gate, value]),
            None => value,
        }
    }

    /// Between the token and its predecessor, by a factor for each element.
    pub(super) fn interpolated(&mut self, il: usize, difference: Id, x: Id, lerp: &str) -> Id {
        let Some(lerp) = self.weight(Some(il), lerp) else { return x };
        let scaled = self.graph.mul([difference, lerp]);
        self.graph.add([scaled, x])
    }

    /// The result of a `wkv` operation: keeps the new state, and gives what it computed.
    pub(super) fn keep_wkv_state(&mut self, il: usize, width: u64, state: Id, sources: &[Id]) -> Id {
        let (_, scan) = self.model.layers[il].recurrent.unwrap_or_default();
        let results = width.saturating_mul(self.tokens);
        let new = scan.saturating_mul(self.sequences);
        let both = self.graph.other([results.saturating_add(new), 1, 1, 1], sources);
        let out = self.graph.start(both, [results, 1, 1, 1]);
        let new = self.graph.start(both, [new, 1, 1, 1]);
        self.write_state(state, new);
        out
    }

    /// Normalises the result of each head.
    pub(super) fn normalise_heads(&mut self, il: usize, out: Id, width: u64, head: u64) -> Id {
        let tokens = self.tokens;
        let (Some(weight), Some(bias)) =
            (self.weight(Some(il), "time_mix_ln.weight"), self.weight(Some(il), "time_mix_ln.bias"))
        else {
            return self.graph.reshape(out, [width, tokens, 1, 1]);
        };
        let heads = self.graph.reshape(out, [head, width / head.max(1), tokens, 1]);
        let normed = self.graph.like(&[heads]);
        let normed = self.graph.reshape(normed, [width, tokens, 1, 1]);
        let scaled = self.graph.mul([normed, weight]);
        self.graph.add([scaled, bias])
    }
}
