//! Time mixing of RWKV 7 (`build_rwkv7_time_mix` in rwkv7-base.cpp).

use super::Net;
use crate::memory::graph::{Id, NONE};

impl Net<'_> {
    pub(super) fn time_mix_7(&mut self, il: usize, x: Id, previous: Id) -> Id {
        let (width, tokens) = (self.graph.ne(x)[0], self.tokens);
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let head = self.model.shape.wkv_head.max(1);
        let by_head = [head, width / head, tokens, 1];
        let [for_r, for_w, for_k, for_v, for_a, for_g] = self.mixed_inputs(il, x, previous);
        let r = self.linear(il, "time_mix_receptance", for_r).unwrap_or(for_r);
        let decay = self.low_rank(il, ["time_mix_w1", "time_mix_w2", "time_mix_w0.weight"], for_w, true);
        let decay = self.graph.unary(decay);
        let decay = self.graph.inplace(&[decay]);
        let decay = self.graph.unary(decay);
        let k = self.linear(il, "time_mix_key", for_k).unwrap_or(for_k);
        let v = self.linear(il, "time_mix_value", for_v).unwrap_or(for_v);
        let v = self.first_value_mixed_in(il, v, for_v);
        let gate = self.linear(il, "time_mix_g1", for_g).and_then(|low| {
            let low = self.graph.unary(low);
            self.linear(il, "time_mix_g2", low)
        });
        let rate = self.low_rank(il, ["time_mix_a1", "time_mix_a2", "time_mix_a0.weight"], for_a, false);
        let rate = self.graph.unary(rate);
        let [k_k, k_a, r_k] = ["k_k", "k_a", "r_k"]
            .map(|name| self.weight(Some(il), &format!("time_mix_{name}.weight")).unwrap_or(k));
        let unit = self.graph.mul([k, k_k]);
        let unit = self.graph.reshape(unit, by_head);
        let unit = self.graph.like(&[unit]);
        let scaled = self.graph.mul([k, k_a]);
        let learned = self.graph.mul([rate, scaled]);
        let learned = self.graph.inplace(&[learned, scaled]);
        let k = self.graph.add([k, learned]);
        let [r, decay, k, v, rate] = [r, decay, k, v, rate].map(|x| self.graph.reshape(x, by_head));
        let (_, scan) = self.model.layers[il].recurrent.unwrap_or_default();
        let kept = self.state(il, scan);
        let state = self.read_state(kept);
        let removed = self.graph.unary(unit);
        let added = self.graph.mul([unit, rate]);
        let out = self.keep_wkv_state(il, width, kept, &[r, decay, k, v, removed, added, state]);
        let out = self.normalise_heads(il, out, width, head);
        let product = self.graph.mul([k, r]);
        let r_k = self.graph.reshape(r_k, [head, width / head, 1, 1]);
        let product = self.graph.mul([product, r_k]);
        let weight = self.graph.other([1, width / head, tokens, 1], &[product]);
        let bonus = self.graph.mul([v, weight]);
        let bonus = self.graph.reshape(bonus, [width, tokens, 1, 1]);
        let mut out = self.graph.add([out, bonus]);
        if let Some(gate) = gate {
            out = self.graph.mul([out, gate]);
        }
        let out = self.linear(il, "time_mix_output", out).unwrap_or(out);
        self.graph.reshape(out, [width, each, sequences, 1])
    }

    /// The inputs of receptance, decay, key, value, rate and gate, all between a token and its
    /// predecessor.
    fn mixed_inputs(&mut self, il: usize, x: Id, previous: Id) -> [Id; 6] {
        let (ne, tokens) = (self.graph.ne(x), self.tokens);
        let difference = self.graph.inplace(&[previous, x]);
        let kinds = match self.model.weight(Some(il), "time_mix_lerp_fused.weight") {
            Some(at) => self.model.weights[at].ne[3],
            None => 6,
        };
        let repeated = self.graph.other([ne[0], ne[1], ne[2], kinds], &[difference]);
        let all = self.interpolated(il, repeated, x, "time_mix_lerp_fused.weight");
        let nb = self.graph.get(all).nb;
        [(); 6].map(|()| self.graph.view(all, [ne[0], tokens, 1, 1], [nb[0], nb[1], nb[2], nb[2]]))
    }

    /// Two small matrices, `tanh` between them where asked for, and what is added.
    fn low_rank(&mut self, il: usize, [down, up, bias]: [&str; 3], x: Id, activated: bool) -> Id {
        let mut low = self.linear(il, down, x).unwrap_or(x);
        if activated {
            low = self.graph.unary(low);
        }
        let high = self.linear(il, up, low).unwrap_or(low);
        match self.weight(Some(il), bias) {
            Some(bias) => self.graph.add([high, bias]),
            None => high,
        }
    }

    /// Values of the first layer are mixed into those of all others.
    fn first_value_mixed_in(&mut self, il: usize, v: Id, input: Id) -> Id {
        if self.first_value == NONE {
            self.first_value = v;
            return v;
        }
        let difference = self.graph.inplace(&[self.first_value, v]);
        let share = self.low_rank(il, ["time_mix_v1", "time_mix_v2", "time_mix_v0.weight"], input, false);
        let share = self.graph.unary(share);
        let mixed = self.graph.mul([difference, share]);
        self.graph.add([v, mixed])
    }
}
