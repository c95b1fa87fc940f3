//! Embeddings of their own for each layer (`build_inp_per_layer` and `project_per_layer_inputs` in
//! gemma3n.cpp and gemma4.cpp).

use super::Net;
use crate::{memory::graph::Id, tensor_type::TensorType};

impl Net<'_> {
    /// The embeddings of all layers, a plane for each, where the model has such.
    pub(super) fn per_layer_embeddings(&mut self, stream: Id) -> Option<Id> {
        let table = self.weight(None, "per_layer_token_embd.weight")?;
        let matrix = self.weight(None, "per_layer_model_proj.weight")?;
        let length = self.model.weight(None, "per_layer_proj_norm.weight")?;
        let length = self.model.weights[length].ne[0].max(1);
        let tokens = self.input(TensorType::I32, [self.tokens, 1, 1, 1]);
        let rows = self.graph.get_rows(table, tokens);
        let by_layer = [length, self.graph.ne(rows)[0] / length, self.tokens, 1];
        let rows = self.graph.reshape(rows, by_layer);
        let rows = self.graph.inplace(&[rows]);
        self.graph.expand(rows);
        let projected = self.graph.matmul(matrix, stream);
        let projected = self.graph.inplace(&[projected]);
        let projected = self.graph.reshape(projected, by_layer);
        let normed = self.norm(projected, None, "per_layer_proj_norm");
        let sum = self.graph.add([normed, rows]);
        let sum = self.graph.inplace(&[sum]);
        let by_layer = self.graph.swap_middle(sum);
        Some(self.graph.like(&[by_layer]))
    }

    /// The embedding of this layer, let through as far as the stream says.
    pub(super) fn gate_embedding(&mut self, il: usize, stream: Id, per_layer: Option<Id>) -> Id {
        let (Some(gate), Some(per_layer)) = (self.linear(il, "inp_gate", stream), per_layer) else {
            return stream;
        };
        let gate = self.graph.unary(gate);
        let own = self.plane(per_layer);
        let gated = self.graph.mul([gate, own]);
        let out = self.linear(il, "proj", gated).unwrap_or(gated);
        self.norm(out, Some(il), "post_norm")
    }

    /// What Gemma 4 does behind the feed-forward network.
    pub(super) fn add_embedding(&mut self, il: usize, stream: Id, per_layer: Option<Id>) -> Id {
        let mut stream = stream;
        if per_layer.is_some() && self.has(Some(il), "inp_gate.weight") {
            let added = self.gate_embedding(il, stream, per_layer);
            stream = self.graph.add([stream, added]);
        }
        match self.weight(Some(il), "layer_output_scale.weight") {
            Some(scale) => self.graph.mul([stream, scale]),
            None => stream,
        }
    }
}
