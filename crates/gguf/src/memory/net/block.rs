//! One layer of the usual kind (`build_arch_graph` of most of src/models).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    /// One layer: attention or a recurrent block, then the feed-forward network, each added to the
    /// stream of residuals.
    pub(super) fn layer(&mut self, il: usize, stream: Id, last: bool) -> Id {
        let mut residual = stream;
        let input = self.norm(stream, Some(il), "attn_norm");
        let Some(mut mixed) = self.mix(il, stream, input) else {
            return self.without_mixing(il, stream, input, last);
        };
        if self.model.is(&["deci"]) && !self.has(Some(il), "ffn_up.weight") {
            // What such a layer attends to is computed and forgotten (deci.cpp).
            return stream;
        }
        if last && !self.gathers_late() {
            let rows = self.output_rows();
            mixed = self.graph.get_rows(mixed, rows);
            residual = self.graph.get_rows(residual, rows);
        }
        let has_ffn_norm = self.has(Some(il), "ffn_norm.weight");
        // Some architectures call the norm before the feed-forward network "post attention".
        let named_post = !has_ffn_norm && self.has(Some(il), "post_attention_norm.weight");
        let post_normed = named_post && !self.has(Some(il), "attn_norm.weight");
        if (has_ffn_norm || post_normed) && self.has(Some(il), "post_attention_norm.weight") {
            mixed = self.norm(mixed, Some(il), "post_attention_norm");
        }
        if self.is_parallel(il, named_post) {
            return self.parallel(il, input, mixed, residual, last);
        }
        if self.model.is(&["grok"]) {
            mixed = self.norm(mixed, Some(il), "attn_output_norm");
        }
        let mixed = self.scale_residual(mixed);
        // These add to the stream rather than the stream to the layer (lfm2.cpp, openelm.cpp).
        let to_stream = self.model.is(&["lfm2", "lfm2moe", "openelm"]);
        let terms = if to_stream { [residual, mixed] } else { [mixed, residual] };
        let sum = self.graph.add(terms);
        if self.has_network_beside_experts(il) {
            let fed = self.network_beside_experts(il, sum);
            let fed = self.norm(fed, Some(il), "post_ffw_norm");
            return self.graph.add([fed, sum]);
        }
        let input = match (has_ffn_norm, named_post && !post_normed) {
            (true, _) => self.norm(sum, Some(il), "ffn_norm"),
            (false, true) => self.norm(sum, Some(il), "post_attention_norm"),
            // DBRX calls it so (dbrx.cpp).
            (false, false) if self.model.is(&["dbrx"]) => self.norm(sum, Some(il), "attn_output_norm"),
            (false, false) => sum,
        };
        self.add_feed_forward(il, input, sum)
    }

    /// Attention and the feed-forward network read the same input (falcon.cpp, phi2.cpp), or each its own
    /// norm of it (gptneox.cpp).
    pub(super) fn parallel(&mut self, il: usize, input: Id, mixed: Id, residual: Id, last: bool) -> Id {
        if self.has(Some(il), "ffn_norm.weight") {
            let input = self.norm(residual, Some(il), "ffn_norm");
            let fed = self.feed_forward(il, input).unwrap_or(input);
            let sum = self.graph.add([fed, residual]);
            return self.graph.add([sum, mixed]);
        }
        let mut input = input;
        if last && !self.gathers_late() {
            let rows = self.output_rows();
            input = self.graph.get_rows(input, rows);
        }
        let fed = self.feed_forward(il, input).unwrap_or(input);
        if self.model.is(&["command-r", "cohere2", "cohere2moe"]) {
            let sum = self.graph.add([fed, residual]);
            return self.graph.add([sum, mixed]);
        }
        let terms = if self.model.is(&["phi2"]) { [mixed, fed] } else { [fed, mixed] };
        let sum = self.graph.add(terms);
        self.graph.add([sum, residual])
    }

    /// A layer of a feed-forward network alone (Nemotron-H has such).
    pub(super) fn without_mixing(&mut self, il: usize, stream: Id, input: Id, last: bool) -> Id {
        let (mut residual, mut input) = (stream, input);
        if last && !self.gathers_late() {
            let rows = self.output_rows();
            input = self.graph.get_rows(input, rows);
            residual = self.graph.get_rows(residual, rows);
        }
        if self.has(Some(il), "ffn_norm.weight") {
            input = self.norm(residual, Some(il), "ffn_norm");
        }
        self.add_feed_forward(il, input, residual)
    }

    pub(super) fn add_feed_forward(&mut self, il: usize, input: Id, residual: Id) -> Id {
        let Some(mut fed) = self.feed_forward(il, input) else {
            return residual;
        };
        for name in ["post_ffw_norm", "layer_output_norm"] {
            if self.has(Some(il), &format!("{name}.weight")) {
                fed = self.norm(fed, Some(il), name);
            }
        }
        let fed = self.scale_residual(fed);
        let terms = if self.model.is(&["lfm2", "lfm2moe"]) { [residual, fed] } else { [fed, residual] };
        self.graph.add(terms)
    }

    /// Granite and `MiniCPM` scale what is added to the stream.
    pub(super) fn scale_residual(&mut self, x: Id) -> Id {
        if self.model.shape.scales_residual { self.graph.inplace(&[x]) } else { x }
    }

    /// Attention, a recurrent block, or both side by side.
    pub(super) fn mix(&mut self, il: usize, stream: Id, input: Id) -> Option<Id> {
        let latent = self.has(Some(il), "attn_kv_a_mqa.weight");
        let attends =
            latent || ["attn_q.weight", "attn_qkv.weight"].iter().any(|name| self.has(Some(il), name));
        let recurrent = self.model.layers[il].recurrent.is_some();
        match (recurrent, attends) {
            (true, true) if self.model.is(&["falcon-h1"]) => {
                let attended = self.attention(il, input);
                // Each has a norm of its own (falcon-h1.cpp).
                let input = self.norm(stream, Some(il), "attn_norm");
                let scanned = self.recurrent(il, input);
                Some(self.graph.add([attended, scanned]))
            }
            (true, _) => Some(self.recurrent(il, input)),
            (false, true) if self.has(Some(il), "attn_kv_a_mqa.weight") => {
                Some(self.latent_attention(il, input))
            }
            (false, true) => Some(self.attention(il, input)),
            (false, false) => None,
        }
    }

    /// Whether attention and the feed-forward network read the same input and are added up.
    pub(super) fn is_parallel(&self, il: usize, named_post: bool) -> bool {
        let separate = self.has(Some(il), "ffn_norm.weight") || named_post;
        match self.model.shape.architecture.as_str() {
            "gptneox" => self.model.shape.parallel_residual,
            "phi2" | "falcon" | "command-r" | "cohere2" | "cohere2moe" | "stablelm" | "plamo" => !separate,
            _ => false,
        }
    }

    /// Whether the rows that are asked for are picked out behind the last layer, not within it: what
    /// that layer computes for all others lies beside the output matrix then (openai-moe.cpp).
    pub(super) fn gathers_late(&self) -> bool {
        self.model.is(&[
            "gpt-oss",
            "gemma3n",
            "gemma4",
            "step35",
            "qwen3next",
            "qwen35",
            "qwen35moe",
            "nemotron_h",
            "nemotron_h_moe",
            "cohere2moe",
        ])
    }
}
