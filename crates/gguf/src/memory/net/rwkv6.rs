//! Time mixing of RWKV 6, and of its variant with grouped heads in Qwen 2 (`build_rwkv6_time_mix` in
//! rwkv6-base.cpp).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    pub(super) fn time_mix_6(&mut self, il: usize, x: Id, previous: Id) -> Id {
        let (width, tokens) = (self.graph.ne(x)[0], self.tokens);
        let (each, sequences) = (self.tokens_per_sequence(), self.sequences);
        let head = self.model.shape.wkv_head.max(1);
        let by_head = [head, width / head, tokens, 1];
        let [for_w, for_k, for_v, for_r, for_g] = self.data_dependent_inputs(il, x, previous);
        let r = self.linear(il, "time_mix_receptance", for_r).unwrap_or(for_r);
        let k = self.linear(il, "time_mix_key", for_k).unwrap_or(for_k);
        let v = self.linear(il, "time_mix_value", for_v).unwrap_or(for_v);
        let gate = self.linear(il, "time_mix_gate", for_g).unwrap_or(for_g);
        let gate = self.graph.unary(gate);
        let [mut k, v] = [k, v].map(|x| self.for_each_head(x, by_head));
        let r = self.graph.reshape(r, by_head);
        let decay = self.linear(il, "time_mix_decay_w1", for_w).unwrap_or(for_w);
        let decay = self.graph.inplace(&[decay]);
        let mut decay = self.linear(il, "time_mix_decay_w2", decay).unwrap_or(decay);
        if let Some(bias) = self.weight(Some(il), "time_mix_decay.weight") {
            decay = self.graph.add([decay, bias]);
        }
        for _ in 0..3 {
            decay = self.graph.inplace(&[decay]);
        }
        let decay = self.graph.reshape(decay, by_head);
        let first = self.weight(Some(il), "time_mix_first.weight");
        if first.is_none() {
            let kept = self.graph.inplace(&[k, decay]);
            k = self.graph.inplace(&[k, kept]);
        }
        let (_, scan) = self.model.layers[il].recurrent.unwrap_or_default();
        let kept = self.state(il, scan);
        let state = self.read_state(kept);
        let out = match first {
            Some(first) => self.keep_wkv_state(il, width, kept, &[k, v, r, first, decay, state]),
            None => self.keep_wkv_state(il, width, kept, &[k, v, r, decay, state]),
        };
        let out = self.normalise_heads(il, out, width, head);
        let out = self.graph.mul([out, gate]);
        let out = self.linear(il, "time_mix_output", out).unwrap_or(out);
        self.graph.reshape(out, [width, each, sequences, 1])
    }

    /// Heads of keys or values, repeated where several queries share one.
    fn for_each_head(&mut self, x: Id, by_head: [u64; 4]) -> Id {
        let [head, count, tokens, _] = by_head;
        let own = self.graph.ne(x)[0] / head;
        if own == 0 || own == count {
            return self.graph.reshape(x, by_head);
        }
        let heads = self.graph.reshape(x, [head, 1, own, tokens]);
        let repeated = self.graph.other([head, count / own, own, tokens], &[heads]);
        self.graph.reshape(repeated, by_head)
    }

    /// The inputs of decay, key, value, receptance and gate: how far each lies between a token and its
    /// predecessor depends on both.
    fn data_dependent_inputs(&mut self, il: usize, x: Id, previous: Id) -> [Id; 5] {
        let (width, tokens) = (self.graph.ne(x)[0], self.tokens);
        let difference = self.graph.inplace(&[previous, x]);
        let difference = self.graph.reshape(difference, [width, tokens, 1, 1]);
        let x = self.graph.reshape(x, [width, tokens, 1, 1]);
        let mixed = self.interpolated(il, difference, x, "time_mix_lerp_x.weight");
        let low = self.linear(il, "time_mix_w1", mixed).unwrap_or(mixed);
        let low = self.graph.unary(low);
        let rank = self.graph.ne(low)[0] / 5;
        let low = self.graph.reshape(low, [rank, 1, 5, tokens]);
        let nb = self.graph.get(low).nb;
        let low = self.graph.view(low, [rank, 1, tokens, 5], [nb[0], nb[1], nb[3], nb[2]]);
        let low = self.graph.like(&[low]);
        let all = match self.weight(Some(il), "time_mix_w2.weight") {
            Some(matrix) => {
                let matrix = self.graph.reshape(matrix, [rank, width, 1, 5]);
                self.graph.matmul(matrix, low)
            }
            None => low,
        };
        let Some(fused) = self.weight(Some(il), "time_mix_lerp_fused.weight") else {
            return ["w", "k", "v", "r", "g"].map(|kind| self.one_input(il, all, difference, x, kind));
        };
        let difference = self.graph.reshape(difference, [width, 1, tokens, 1]);
        let x = self.graph.reshape(x, [width, 1, tokens, 1]);
        let factors = self.graph.add([all, fused]);
        let scaled = self.graph.mul([factors, difference]);
        let all = self.graph.add([scaled, x]);
        [(); 5].map(|()| self.one_of_five(all))
    }

    fn one_of_five(&mut self, all: Id) -> Id {
        let (width, tokens, nb) = (self.graph.ne(all)[0], self.tokens, self.graph.get(all).nb);
        self.graph.view(all, [width, tokens, 1, 1], [nb[0], nb[1], nb[3], nb[3]])
    }

    /// One of the inputs, as older files have it.
    fn one_input(&mut self, il: usize, all: Id, difference: Id, x: Id, kind: &str) -> Id {
        let mut factors = self.one_of_five(all);
        if let Some(lerp) = self.weight(Some(il), &format!("time_mix_lerp_{kind}.weight")) {
            factors = self.graph.add([factors, lerp]);
        }
        let scaled = self.graph.mul([factors, difference]);
        self.graph.add([scaled, x])
    }
}
