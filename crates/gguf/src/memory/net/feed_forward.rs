//! Feed-forward networks (`build_ffn` in llama-graph.cpp).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    /// Experts, or one network for all; nothing where the layer has neither.
    pub(super) fn feed_forward(&mut self, il: usize, input: Id) -> Option<Id> {
        if self.has(Some(il), "ffn_gate_inp.weight") {
            return Some(self.mixture(il, input));
        }
        self.network(il, input, "")
    }

    /// One network; `suffix` names the shared experts' (`_shexp`).
    pub(super) fn network(&mut self, il: usize, input: Id, suffix: &str) -> Option<Id> {
        let up = self.linear(il, &format!("ffn_up{suffix}"), input)?;
        let gate = self.linear(il, &format!("ffn_gate{suffix}"), input);
        let down = format!("ffn_down{suffix}");
        let down_rows =
            self.model.weight(Some(il), &format!("{down}.weight")).map(|at| self.model.weights[at].ne[0]);
        let [width, rows, ..] = self.graph.ne(up);
        let mut hidden = match gate {
            Some(gate) => self.graph.other([width, rows, 1, 1], &[gate, up]),
            // Gate and network in one matrix (`LLM_FFN_SWIGLU`).
            None if down_rows == Some(width / 2) => self.graph.other([width / 2, rows, 1, 1], &[up]),
            None => self.graph.inplace(&[up]),
        };
        if self.has(Some(il), "ffn_sub_norm.weight") {
            hidden = self.norm(hidden, Some(il), "ffn_sub_norm");
        }
        self.linear(il, &down, hidden)
    }
}
