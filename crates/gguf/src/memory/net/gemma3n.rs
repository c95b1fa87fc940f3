//! Gemma 3n: four streams of which one is computed, the others predicted and corrected
//! (`llama_model_gemma3n::graph` in gemma3n.cpp).

use super::Net;
use crate::memory::graph::Id;

/// The first so many layers keep only the largest activations (`n_layer_sparsity` in models.h).
const SPARSE_LAYERS: usize = 10;

/// No more streams than this are added up one by one; models have 3 beside the first (`n_altup`).
const MOST_STREAMS: u64 = 64;

impl Net<'_> {
    /// Makes the other streams from the embeddings.
    pub(super) fn stack_streams(&mut self, stream: Id) -> Id {
        let Some(matrix) = self.weight(None, "altup_proj.weight") else {
            return stream;
        };
        let [width, tokens, ..] = self.graph.ne(stream);
        let others = self.graph.ne(matrix)[2];
        let magnitude = self.magnitude(stream);
        let repeated = self.graph.other([width, tokens, others, 1], &[stream]);
        let added = self.graph.matmul(matrix, repeated);
        let added = self.scale_to(added, magnitude);
        self.graph.other([width, tokens, others.saturating_add(1), 1], &[stream, added])
    }

    /// Makes one stream of all of them.
    pub(super) fn merge_streams(&mut self, streams: Id) -> Id {
        let Some(matrix) = self.weight(None, "altup_unembd_proj.weight") else {
            return streams;
        };
        let others = self.graph.ne(matrix)[2];
        let active = self.plane(streams);
        let magnitude = self.magnitude(active);
        let rest = self.planes(streams, others);
        let merged = self.graph.matmul(matrix, rest);
        let merged = self.scale_to(merged, magnitude);
        let mut sum = self.plane(streams);
        for _ in 0..others.min(MOST_STREAMS) {
            let one = self.plane(merged);
            sum = self.graph.add([sum, one]);
        }
        self.graph.inplace(&[sum])
    }

    pub(super) fn altup_layer(&mut self, il: usize, streams: Id, per_layer: Option<Id>) -> Id {
        let predictions = self.predict_streams(il, streams);
        let active = self.plane(predictions);
        let input = self.norm(active, Some(il), "attn_norm");
        let laurel = self.laurel(il, input);
        let attended = self.attention(il, input);
        let attended = self.norm(attended, Some(il), "post_attention_norm");
        let sum = self.graph.add([attended, active]);
        let sum = self.graph.add([sum, laurel]);
        let sum = self.graph.inplace(&[sum]);
        let input = self.norm(sum, Some(il), "ffn_norm");
        let fed = self.sparse_feed_forward(il, input);
        let fed = self.norm(fed, Some(il), "post_ffw_norm");
        let active = self.graph.add([fed, sum]);
        let corrected = self.correct_streams(il, predictions, active);
        self.add_first_prediction(il, corrected, per_layer)
    }

    /// `altup_predict`.
    fn predict_streams(&mut self, il: usize, streams: Id) -> Id {
        let [width, tokens, count, _] = self.graph.ne(streams);
        let nb = self.graph.get(streams).nb;
        let active = self.plane(streams);
        let modalities = self.modalities(il, active);
        let factors = self.linear(il, "altup_predict_coef", modalities).unwrap_or(modalities);
        let factors = self.graph.reshape(factors, [count, count, tokens, 1]);
        let by_stream = self.graph.view(streams, [count, width, tokens, 1], [nb[2], nb[0], nb[1], nb[3]]);
        let by_stream = self.graph.like(&[by_stream]);
        let predicted = self.graph.matmul(by_stream, factors);
        let nb = self.graph.get(predicted).nb;
        let turned = self.graph.view(predicted, [width, tokens, count, 1], [nb[0], nb[2], nb[1], nb[3]]);
        let turned = self.graph.like(&[turned]);
        self.graph.add([turned, streams])
    }

    /// `altup_compute_router_modalities`.
    fn modalities(&mut self, il: usize, x: Id) -> Id {
        let normed = self.norm(x, Some(il), "altup_router_norm");
        let scaled = self.graph.inplace(&[normed]);
        let routed = self.linear(il, "altup_router", scaled).unwrap_or(scaled);
        self.graph.unary(routed)
    }

    /// `altup_correct`.
    fn correct_streams(&mut self, il: usize, predictions: Id, active: Id) -> Id {
        let [width, tokens, count, _] = self.graph.ne(predictions);
        let modalities = self.modalities(il, active);
        let predicted = self.plane(predictions);
        let innovation = self.graph.inplace(&[active, predicted]);
        let factors = self.linear(il, "altup_correct_coef", modalities).unwrap_or(modalities);
        let factors = self.graph.inplace(&[factors]);
        let turned = self.graph.transpose(factors);
        let factors = self.graph.other([1, tokens, count, 1], &[turned]);
        let innovation = self.graph.other([width, tokens, count, 1], &[innovation]);
        let corrected = self.graph.mul([innovation, factors]);
        self.graph.add([corrected, predictions])
    }

    /// Low-rank residual beside attention.
    fn laurel(&mut self, il: usize, input: Id) -> Id {
        let low = self.linear(il, "laurel_l", input).unwrap_or(input);
        let high = self.linear(il, "laurel_r", low).unwrap_or(low);
        let normed = self.norm(high, Some(il), "laurel_post_norm");
        self.graph.add([normed, input])
    }

    fn sparse_feed_forward(&mut self, il: usize, input: Id) -> Id {
        let (Some(up), Some(mut gate)) =
            (self.linear(il, "ffn_up", input), self.linear(il, "ffn_gate", input))
        else {
            return input;
        };
        if il < SPARSE_LAYERS {
            gate = self.keep_largest(gate);
        }
        let gate = self.graph.unary(gate);
        let hidden = self.graph.mul([up, gate]);
        self.linear(il, "ffn_down", hidden).unwrap_or(hidden)
    }

    /// `gaussian_topk`.
    fn keep_largest(&mut self, x: Id) -> Id {
        let ne = self.graph.ne(x);
        let row = [1, ne[1], ne[2], ne[3]];
        let mean = self.graph.other(row, &[x]);
        let centred = self.graph.inplace(&[x, mean]);
        let squared = self.graph.inplace(&[centred]);
        let deviation = self.graph.other(row, &[squared]);
        let deviation = self.graph.inplace(&[deviation]);
        let deviation = self.graph.inplace(&[deviation]);
        let deviation = self.graph.inplace(&[deviation]);
        let cutoff = self.graph.add([mean, deviation]);
        let above = self.graph.inplace(&[x, cutoff]);
        self.graph.unary(above)
    }

    /// What the embedding of this layer adds to all streams but the first.
    fn add_first_prediction(&mut self, il: usize, corrected: Id, per_layer: Option<Id>) -> Id {
        let [width, tokens, count, _] = self.graph.ne(corrected);
        let mut first = self.plane(corrected);
        if let Some(scale) = self.weight(Some(il), "altup_correct_scale.weight") {
            first = self.graph.mul([first, scale]);
        }
        let first = self.gate_embedding(il, first, per_layer);
        let kept = self.plane(corrected);
        let rest = self.planes(corrected, count.saturating_sub(1));
        let rest = self.graph.add([rest, first]);
        self.graph.other([width, tokens, count, 1], &[kept, rest])
    }

    /// `calc_magnitude`.
    fn magnitude(&mut self, x: Id) -> Id {
        let ne = self.graph.ne(x);
        let squared = self.graph.inplace(&[x]);
        let sum = self.graph.other([1, ne[1], ne[2], ne[3]], &[squared]);
        self.graph.inplace(&[sum])
    }

    fn scale_to(&mut self, x: Id, magnitude: Id) -> Id {
        let own = self.magnitude(x);
        let scaled = self.graph.mul([x, magnitude]);
        self.graph.inplace(&[scaled, own])
    }

    /// One plane of a tensor of three dimensions.
    pub(super) fn plane(&mut self, of: Id) -> Id {
        let (ne, nb) = (self.graph.ne(of), self.graph.get(of).nb);
        self.graph.view(of, [ne[0], ne[1], 1, 1], [nb[0], nb[1], nb[2], nb[2]])
    }

    fn planes(&mut self, of: Id, count: u64) -> Id {
        let (ne, nb) = (self.graph.ne(of), self.graph.get(of).nb);
        self.graph.view(of, [ne[0], ne[1], count, 1], nb)
    }
}
