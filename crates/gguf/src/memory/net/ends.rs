//! Where a graph begins and ends: token embeddings, and the output matrix.

use super::Net;
use crate::{
    memory::{
        graph::{Id, NONE},
        weights,
    },
    tensor_type::TensorType,
};

impl Net<'_> {
    pub(super) fn embeddings(&mut self) -> Id {
        let shape = &self.model.shape;
        let tokens = self.input(TensorType::I32, [self.tokens, 1, 1, 1]);
        // Embeddings may also come from outside, so there is always room for them (`build_inp_embd`).
        let given_width = shape.embedding.saturating_mul(shape.deep_layers.saturating_add(1));
        let given = self.input(TensorType::F32, [given_width, self.tokens, 1, 1]);
        let Some(table) = self.weight(None, "token_embd.weight") else {
            self.graph.expand(given);
            return given;
        };
        let mut stream = self.graph.get_rows(table, tokens);
        if shape.deep_layers > 0 {
            // `ggml_pad`, so that token embeddings are as wide as those of images.
            self.deep = self.graph.other([given_width, self.tokens, 1, 1], &[stream]);
            stream = self.graph.columns(self.deep, shape.embedding);
        }
        self.graph.expand(stream);
        self.graph.expand(given);
        if let Some(types) = self.weight(None, "token_types.weight") {
            let ne = [shape.embedding, 1, 1, 1];
            let row = self.graph.view(types, ne, [4; 4]);
            stream = self.graph.add([stream, row]);
        }
        if let Some(table) = self.weight(None, "position_embd.weight") {
            let positions = self.positions();
            let rows = self.graph.get_rows(table, positions);
            stream = self.graph.add([stream, rows]);
        }
        if self.weight(None, "token_embd_norm.weight").is_some() && !self.model.is(&["lfm2", "lfm2moe"]) {
            stream = self.norm(stream, None, "token_embd_norm");
        }
        if self.model.is(&[
            "gemma",
            "gemma2",
            "gemma3",
            "gemma3n",
            "gemma4",
            "minicpm",
            "granite",
            "granitemoe",
            "granitehybrid",
            "grok",
            "afmoe",
        ]) {
            stream = self.graph.inplace(&[stream]);
        }
        stream
    }

    pub(super) fn head(&mut self, stream: Id) {
        let mut stream = stream;
        // What predicts further tokens wants all rows of the norm (`t_h_nextn`).
        let keeps_norm = self.model.is(&[
            "gemma4",
            "step35",
            "qwen3next",
            "qwen35",
            "qwen35moe",
            "nemotron_h",
            "nemotron_h_moe",
            "cohere2moe",
        ]);
        if self.gathers_late() && !keeps_norm {
            let rows = self.output_rows();
            stream = self.graph.get_rows(stream, rows);
        }
        let lfm2 = self.model.is(&["lfm2", "lfm2moe"]).then_some("token_embd_norm");
        let names = ["output_norm", "dec.output_norm", "enc.output_norm"];
        let norm = names.into_iter().chain(lfm2).find(|name| self.has(None, &format!("{name}.weight")));
        if let Some(name) = norm {
            stream = self.norm(stream, None, name);
        }
        if keeps_norm {
            self.graph.output(stream);
            let rows = self.output_rows();
            stream = self.graph.get_rows(stream, rows);
        }
        self.graph.output(stream);
        if self.model.shape.logits
            && let Some(matrix) = self.output_matrix()
        {
            let input = stream;
            stream = self.graph.matmul(matrix, input);
            stream = self.adapted(None, "output", input, stream);
            if let Some(bias) = self.weight(None, "output.bias") {
                stream = self.graph.add([stream, bias]);
            }
            if self.model.shape.logit_cap {
                stream = self.graph.inplace(&[stream]);
                stream = self.graph.unary(stream);
                stream = self.graph.inplace(&[stream]);
            }
            self.graph.output(stream);
        }
        self.graph.expand(stream);
    }

    pub(super) fn output_matrix(&mut self) -> Option<Id> {
        let copied = weights::tied_output(self.model, self.load, self.placement);
        if let Some((weight, place)) = copied {
            let home = self.home(place);
            return Some(self.graph.leaf(weight.kind, weight.ne, home));
        }
        let matrix = self.weight(None, "output.weight");
        matrix.or_else(|| self.weight(None, "token_embd.weight"))
    }

    /// What images add behind the first layers (qwen3vl.cpp).
    pub(super) fn add_deep(&mut self, il: usize, stream: Id) -> Id {
        if self.deep == NONE || il as u64 >= self.model.shape.deep_layers {
            return stream;
        }
        let added = self.graph.columns(self.deep, self.model.shape.embedding);
        self.graph.add([stream, added])
    }
}
