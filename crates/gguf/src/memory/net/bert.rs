//! Layers of the BERT family, which normalise behind attention and the feed-forward network rather than
//! before (`llama_model_bert::graph` in bert.cpp).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    pub(super) fn is_bert(&self) -> bool {
        self.model.is(&["bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3"])
    }

    pub(super) fn bert_layer(&mut self, il: usize, stream: Id, last: bool) -> Id {
        let mut residual = stream;
        let mut mixed = self.attention(il, stream);
        if last {
            let rows = self.output_rows();
            mixed = self.graph.get_rows(mixed, rows);
            residual = self.graph.get_rows(residual, rows);
        }
        let sum = self.graph.add([mixed, residual]);
        let mut input = self.norm(sum, Some(il), "attn_output_norm");
        if self.has(Some(il), "attn_norm_2.weight") {
            let sum = self.graph.add([input, residual]);
            input = self.norm(sum, Some(il), "attn_norm_2");
        }
        let fed = self.feed_forward(il, input).unwrap_or(input);
        let sum = self.graph.add([fed, input]);
        self.norm(sum, Some(il), "layer_output_norm")
    }
}
