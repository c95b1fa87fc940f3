//! Gemma 4 with experts: a network for all tokens beside them, each with norms of its own, and a router
//! that reads the stream (`llama_model_gemma4::graph` in gemma4.cpp).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    pub(super) fn has_network_beside_experts(&self, il: usize) -> bool {
        self.has(Some(il), "pre_ffw_norm_2.weight") && self.has(Some(il), "ffn_gate_inp.weight")
    }

    /// What both make of the stream.
    pub(super) fn network_beside_experts(&mut self, il: usize, stream: Id) -> Id {
        let input = self.norm(stream, Some(il), "ffn_norm");
        let fed = self.network(il, input, "").unwrap_or(input);
        let fed = self.norm(fed, Some(il), "post_ffw_norm_1");
        let input = self.norm(stream, Some(il), "pre_ffw_norm_2");
        let scaled = self.graph.rms_norm(stream);
        let mut scaled = self.graph.inplace(&[scaled]);
        if let Some(scale) = self.weight(Some(il), "ffn_gate_inp.scale") {
            scaled = self.graph.mul([scaled, scale]);
        }
        let logits = match self.weight(Some(il), "ffn_gate_inp.weight") {
            Some(router) => self.graph.matmul(router, scaled),
            None => scaled,
        };
        let experts = self.experts_by(il, input, logits);
        let experts = self.norm(experts, Some(il), "post_ffw_norm_2");
        self.graph.add([fed, experts])
    }
}
