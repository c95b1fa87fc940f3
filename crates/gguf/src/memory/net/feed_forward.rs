//! Feed-forward networks (`build_ffn` in llama-graph.cpp).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    /// Experts, or one network for all; nothing where the layer has neither.
    pub(super) fn feed_forward(&mut self, il: usize, input: Id) -> Option<Id> {
        if self.has(Some(il), "ffn_gate_inp.weight") {
            let experts = self.mixture(il, input);
            if self.model.is(&["grok"])
                && let Some(dense) = self.network(il, input, "")
            {
                // Grok 2 has both (grok.cpp).
                let sum = self.graph.add([dense, experts]);
                return Some(self.graph.inplace(&[sum]));
            }
            return Some(experts);
        }
        self.network(il, input, "")
    }

    /// One network; `suffix` names the shared experts' (`_shexp`).
    pub(super) fn network(&mut self, il: usize, input: Id, suffix: &str) -> Option<Id> {
        self.network_named(il, input, ["", suffix])
    }

    /// One network, whose tensors are named with what is before and after.
    pub(super) fn network_named(&mut self, il: usize, input: Id, [before, suffix]: [&str; 2]) -> Option<Id> {
        let name = |part: &str| format!("{before}ffn_{part}{suffix}");
        let up = self.linear(il, &name("up"), input)?;
        let gate = self.linear(il, &name("gate"), input);
        let down = name("down");
        let down_rows =
            self.model.weight(Some(il), &format!("{down}.weight")).map(|at| self.model.weights[at].ne[0]);
        let [width, rows, ..] = self.graph.ne(up);
        let mut hidden = match gate {
            Some(gate) => self.graph.other([width, rows, 1, 1], &[gate, up]),
            // Gate and network in one matrix (`LLM_FFN_SWIGLU`).
            None if down_rows == Some(width / 2) => self.graph.other([width / 2, rows, 1, 1], &[up]),
            None => self.graph.unary(up),
        };
        if gate.is_none() && self.model.is(&["nemotron", "nemotron_h", "nemotron_h_moe", "arcee"]) {
            // Squared (`LLM_FFN_RELU_SQR`).
            hidden = self.graph.inplace(&[hidden]);
        }
        if self.has(Some(il), "ffn_sub_norm.weight") {
            hidden = self.norm(hidden, Some(il), "ffn_sub_norm");
        }
        self.linear(il, &down, hidden)
    }
}
