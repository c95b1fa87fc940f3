//! Latent attention to the most relevant tokens alone, which an indexer with a cache of its own picks
//! (deepseek32.cpp, glm-dsa.cpp, `build_attn` with `llm_graph_input_attn_k_dsa` in llama-graph.cpp).

use super::{AttentionInputs, Net};
use crate::{
    memory::graph::{Home, Id, Kernel, NONE},
    tensor_type::TensorType,
};

/// What the indexers of all layers read.
#[derive(Clone, Copy)]
pub(super) struct IndexerInputs {
    mask: Id,
    rows: Id,
    rotation: Id,
    /// What the last indexer picked: layers without one take that.
    picked: Id,
}

pub(super) const NO_INDEXER: IndexerInputs =
    IndexerInputs { mask: NONE, rows: NONE, rotation: NONE, picked: NONE };

impl Net<'_> {
    /// What attention reads in this layer: all tokens, or those that are picked. `low` are the queries
    /// of low rank.
    pub(super) fn sparse_inputs(&mut self, il: usize, input: Id, low: Id) -> AttentionInputs {
        let inputs = self.attention_inputs(false);
        let sparse = self.model.shape.indexer_keys > 0 && self.model.is(&["deepseek32", "glm-dsa"]);
        if !sparse {
            return inputs;
        }
        if self.has(Some(il), "indexer.attn_k.weight") {
            self.inputs.indexer.picked = self.pick(il, input, low);
        }
        match self.inputs.indexer.picked {
            NONE => inputs,
            picked => AttentionInputs { mask: self.sparse_mask(inputs.mask, picked), ..inputs },
        }
    }

    fn indexer_inputs(&mut self) -> IndexerInputs {
        if self.inputs.indexer.mask == NONE {
            let (length, tokens, streams) = (self.cells.full, self.tokens, self.cells.streams);
            let side = self.model.shape.indexer_keys;
            let mask = if self.scores_in_steps() { TensorType::F32 } else { TensorType::F16 };
            self.inputs.indexer = IndexerInputs {
                mask: self.input(mask, [length, tokens / streams.max(1), 1, streams]),
                rows: self.input(TensorType::I64, [tokens, 1, 1, 1]),
                rotation: self.input(TensorType::F32, [side, side, 1, 1]),
                picked: NONE,
            };
        }
        self.inputs.indexer
    }

    /// The numbers of the most relevant tokens.
    fn pick(&mut self, il: usize, input: Id, low: Id) -> Id {
        let inputs = self.indexer_inputs();
        let (tokens, length, streams) = (self.tokens, self.cells.full, self.cells.streams);
        let each = tokens / streams.max(1);
        let side = self.model.shape.indexer_keys;
        let heads = self.model.shape.indexer_heads.max(1);
        let keys = self.linear(il, "indexer.attn_k", input).unwrap_or(input);
        let keys = self.layer_norm(keys, Some(il), "indexer.k_norm");
        let keys = self.rotate_first(keys, [side, 1, tokens, 1], inputs.rotation);
        let home = self.cache_home(il);
        let cells = length.saturating_mul(streams);
        let cache = self.graph.leaf(self.load.cache_type_k, [side, cells, 1, 1], home);
        let rows = self.graph.rows(keys, side);
        let stored = self.graph.write(cache, &[rows, inputs.rows, cache]);
        self.graph.expand(stored);
        let keys = self.by_token(cache, [side, 1, length, streams]);
        let queries = self.linear(il, "indexer.attn_q_b", low).unwrap_or(low);
        let queries = self.rotate_first(queries, [side, heads, tokens, 1], inputs.rotation);
        let queries = self.graph.reshape(queries, [side, heads, each, streams]);
        let weights = self.linear(il, "indexer.proj", input).unwrap_or(input);
        let weights = self.graph.reshape(weights, [heads, each, 1, streams]);
        let weights = self.graph.inplace(&[weights]);
        let scores = if self.scores_in_steps() {
            self.indexer_scores(queries, keys, weights, inputs.mask)
        } else {
            let scores = self.graph.other([length, each, 1, streams], &[queries, keys, weights, inputs.mask]);
            self.graph.called(scores, Kernel::Indexer)
        };
        let count = self.model.shape.indexer_top.min(length);
        let best = [count, each, 1, streams];
        let best = self.graph.new_tensor(crate::memory::graph::Op::Other, TensorType::I32, best, &[scores]);
        let best = self.graph.called(best, Kernel::TopK);
        self.graph.like(&[best])
    }

    /// Whether scores take several operations: all layers have the one or the other (`fused_lid` in
    /// llama-context.cpp).
    fn scores_in_steps(&self) -> bool {
        let on_device = (0..self.model.layers.len()).any(|il| self.placement.layer(il).is_some());
        self.load.accelerator.lacks_indexer && on_device
    }

    /// Scores of all heads, weighed and added up, then masked.
    fn indexer_scores(&mut self, queries: Id, keys: Id, weights: Id, mask: Id) -> Id {
        let queries = self.graph.swap_middle(queries);
        let keys = self.graph.swap_middle(keys);
        let products = self.graph.matmul(keys, queries);
        let [length, each, heads, streams] = self.graph.ne(products);
        let nb = self.graph.get(products).nb;
        let turned = self.graph.view(products, [heads, each, length, streams], [nb[2], nb[1], nb[0], nb[3]]);
        let products = self.graph.like(&[turned]);
        let products = self.graph.unary(products);
        let weighed = self.graph.mul([products, weights]);
        let sums = self.graph.other([1, each, length, streams], &[weighed]);
        let nb = self.graph.get(sums).nb;
        let turned = self.graph.view(sums, [length, each, 1, streams], [nb[2], nb[1], nb[0], nb[3]]);
        let sums = self.graph.like(&[turned]);
        self.graph.add([sums, mask])
    }

    /// Puts positions into the first elements of each head, and turns the whole.
    fn rotate_first(&mut self, x: Id, by_head: [u64; 4], rotation: Id) -> Id {
        let [length, heads, tokens, _] = by_head;
        let head = length.saturating_mul(4);
        let row = head.saturating_mul(heads);
        let nb = [4, head, row, row.saturating_mul(tokens)];
        let rotated = self.model.shape.rotated.min(length);
        let first = self.graph.view(x, [rotated, heads, tokens, 1], nb);
        let first = self.rope(first);
        let rest = self.graph.view(x, [by_head[0] - rotated, heads, tokens, 1], nb);
        let joined = self.graph.other(by_head, &[first, rest]);
        self.graph.matmul(rotation, joined)
    }

    /// A mask that lets only the picked tokens through.
    fn sparse_mask(&mut self, mask: Id, picked: Id) -> Id {
        let [length, each, _, streams] = self.graph.ne(mask);
        let count = self.graph.ne(picked)[0];
        let closed = self.graph.inplace(&[mask]);
        let cells = self.graph.reshape(closed, [1, length, each, streams]);
        let picked = self.graph.reshape(picked, [count, each, streams, 1]);
        let open = self.graph.leaf(TensorType::F32, [1, count, each, streams], Home::Allocator);
        let open = self.graph.inplace(&[open]);
        let opened = self.graph.write(cells, &[open, picked, cells]);
        let opened = self.graph.reshape(opened, [length, each, 1, streams]);
        self.graph.add([opened, mask])
    }
}
