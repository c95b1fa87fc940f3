//! Mixtures of experts (`build_moe_ffn` in llama-graph.cpp).

use super::Net;
use crate::{
    memory::graph::{Id, Kernel, NONE, Op},
    tensor_type::TensorType,
};

impl Net<'_> {
    pub(super) fn mixture(&mut self, il: usize, input: Id) -> Id {
        let experts = self.experts(il, input);
        let Some(mut shared) = self.network(il, input, "_shexp") else {
            return experts;
        };
        if let Some(gate) = self.weight(Some(il), "ffn_gate_inp_shexp.weight") {
            // One number for each token, that the shared experts are multiplied with (qwen2moe.cpp).
            let gate = self.graph.matmul(gate, input);
            let gate = self.graph.unary(gate);
            shared = self.graph.mul([shared, gate]);
        }
        self.graph.add([experts, shared])
    }

    fn experts(&mut self, il: usize, input: Id) -> Id {
        match self.linear(il, "ffn_gate_inp", input) {
            Some(logits) => self.experts_by(il, input, logits),
            None => input,
        }
    }

    /// The experts that these logits choose.
    pub(super) fn experts_by(&mut self, il: usize, input: Id, logits: Id) -> Id {
        let [embedding, tokens, ..] = self.graph.ne(input);
        let used = self.model.layers[il].experts_used.max(1);
        let (mut logits, raw) = (logits, logits);
        let count = self.graph.ne(logits)[0];
        let gating = self.model.shape.expert_gating;
        if gating != 3 {
            let kernel = if gating == 1 { Kernel::SoftMax } else { Kernel::Unary };
            logits = self.graph.inplace(&[logits]);
            logits = self.graph.called(logits, kernel);
        }
        let scores = if self.model.is(&["llama4"]) { raw } else { logits };
        let chosen = self.choose(il, scores, used);
        let probabilities = self.graph.reshape(logits, [1, count, tokens, 1]);
        let mut weights = self.graph.get_rows(probabilities, chosen);
        if gating == 3 {
            weights = self.graph.reshape(weights, [used, tokens, 1, 1]);
            weights = self.graph.inplace(&[weights]);
            weights = self.graph.called(weights, Kernel::SoftMax);
            weights = self.graph.reshape(weights, [1, used, tokens, 1]);
        }
        if self.model.shape.norm_expert_weights && gating != 3 {
            weights = self.graph.reshape(weights, [used, tokens, 1, 1]);
            let sum = self.graph.other([1, tokens, 1, 1], &[weights]);
            let sum = self.graph.called(sum, Kernel::SumRows);
            let sum = self.graph.inplace(&[sum]);
            let sum = self.graph.called(sum, Kernel::Clamp);
            weights = self.graph.inplace(&[weights, sum]);
            weights = self.graph.called(weights, Kernel::Div);
            weights = self.graph.reshape(weights, [1, used, tokens, 1]);
        }
        self.graph.expand(weights);
        let mut x = self.graph.reshape(input, [embedding, 1, tokens, 1]);
        let weigh_first = self.model.is(&["llama4"]);
        if weigh_first {
            x = self.graph.other([embedding, used, tokens, 1], &[x]);
            x = self.graph.mul([x, weights]);
        }
        let hidden = self.expert_hidden(il, x, chosen);
        let Some(mut out) = self.expert_linear(il, "ffn_down_exps", hidden, chosen) else {
            return input;
        };
        if !weigh_first {
            out = self.graph.mul([out, weights]);
        }
        self.graph.expand(out);
        self.sum_up(out, embedding, used, tokens)
    }

    /// The numbers of the experts that each token uses.
    fn choose(&mut self, il: usize, probabilities: Id, used: u64) -> Id {
        let [count, tokens, ..] = self.graph.ne(probabilities);
        let mut scores = probabilities;
        if let Some(bias) = self.weight(Some(il), "exp_probs_b.bias") {
            scores = self.graph.add([scores, bias]);
        }
        if self.model.shape.expert_groups > 1 {
            scores = self.mask_groups(scores, count, tokens);
        }
        self.best(scores, used)
    }

    /// The numbers of the largest elements of each row (`ggml_argsort_top_k`).
    fn best(&mut self, scores: Id, count: u64) -> Id {
        let ne = self.graph.ne(scores);
        let sorted = self.graph.new_tensor(Op::Other, TensorType::I32, ne, &[scores]);
        let sorted = self.graph.called(sorted, Kernel::ArgSort);
        self.graph.columns(sorted, count)
    }

    /// Only experts of the best groups may be chosen.
    fn mask_groups(&mut self, scores: Id, count: u64, tokens: u64) -> Id {
        let groups = self.model.shape.expert_groups;
        let by_group = self.graph.reshape(scores, [count / groups, groups, tokens, 1]);
        let two = self.best(by_group, 2);
        let single = self.graph.reshape(by_group, [1, count / groups, groups, tokens]);
        let best = self.graph.get_rows(single, two);
        let best = self.graph.reshape(best, [2, groups, tokens, 1]);
        let sums = self.graph.other([1, groups, tokens, 1], &[best]);
        let sums = self.graph.called(sums, Kernel::SumRows);
        let sums = self.graph.reshape(sums, [groups, tokens, 1, 1]);
        let chosen = self.best(sums, self.model.shape.expert_groups_used.clamp(1, groups));
        let kept = self.graph.get_rows(by_group, chosen);
        let empty = self.graph.inplace(&[by_group]);
        let masked = self.graph.write(empty, &[kept, chosen, empty]);
        self.graph.reshape(masked, [count, tokens, 1, 1])
    }

    /// Up and gate of the chosen experts, and their activation.
    fn expert_hidden(&mut self, il: usize, x: Id, chosen: Id) -> Id {
        if let Some(both) = self.expert_linear(il, "ffn_gate_up_exps", x, chosen) {
            let [width, used, tokens, _] = self.graph.ne(both);
            let nb = self.graph.get(both).nb;
            let gate = self.graph.view(both, [width / 2, used, tokens, 1], nb);
            let up = self.graph.view(both, [width / 2, used, tokens, 1], nb);
            return self.graph.other([width / 2, used, tokens, 1], &[gate, up]);
        }
        let Some(up) = self.expert_linear(il, "ffn_up_exps", x, chosen) else {
            return x;
        };
        let ne = self.graph.ne(up);
        match self.expert_linear(il, "ffn_gate_exps", x, chosen) {
            Some(gate) => self.graph.other(ne, &[gate, up]),
            None => self.graph.unary(up),
        }
    }

    /// `ggml_mul_mat_id`, with the bias of each expert.
    fn expert_linear(&mut self, il: usize, name: &str, x: Id, chosen: Id) -> Option<Id> {
        let weight = self.weight(Some(il), &format!("{name}.weight"))?;
        let (w, used, x_ne) = (self.graph.ne(weight), self.graph.ne(chosen)[0], self.graph.ne(x));
        let mut result = self.graph.other([w[1], used, x_ne[2], 1], &[weight, x, chosen]);
        result = self.graph.called(result, Kernel::MatMulId);
        for (suffix, kernel) in [("bias", Kernel::AddId), ("scale", Kernel::Mul)] {
            if let Some(operand) = self.weight(Some(il), &format!("{name}.{suffix}")) {
                result = self.graph.inplace(&[result, operand, chosen]);
                result = self.graph.called(result, kernel);
            }
        }
        Some(result)
    }

    /// Adds up the results of the chosen experts, one after the other.
    fn sum_up(&mut self, out: Id, embedding: u64, used: u64, tokens: u64) -> Id {
        let nb = self.graph.get(out).nb;
        let views: Vec<Id> = (0..used)
            .map(|_| self.graph.view(out, [embedding, tokens, 1, 1], [nb[0], nb[2], nb[3], nb[3]]))
            .collect();
        for &view in &views {
            self.graph.expand(view);
        }
        let mut sum = NONE;
        for &view in &views {
            sum = if sum == NONE { view } else { self.graph.add([sum, view]) };
            self.graph.expand(sum);
        }
        if used == 1 {
            sum = self.graph.like(&[sum]);
        }
        sum
    }
}
