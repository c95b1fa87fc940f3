//! The graph of a model for one physical batch, from the tensors that its file has
//! (`build_arch_graph` in src/models, `llm_graph_context` in llama-graph.cpp).

mod adapted;
mod attention;
mod bert;
mod block;
mod delta;
mod ends;
mod experts;
mod feed_forward;
mod gemma3n;
mod gemma4;
mod latent;
mod mamba;
mod operands;
mod operators;
mod per_layer;
mod recurrent;
mod rotation;
mod rwkv;
mod rwkv6;
mod rwkv7;
mod sparse;
mod t5;

use super::{
    cache::{self, Cells},
    graph::{Graph, Id, NONE},
    load::Load,
    model::MemoryModel,
    placement::Placement,
};
/// More nodes than this are not simulated: the layers that follow are like those before.
const MOST_TENSORS: usize = 400_000;

/// Builds a graph.
pub(super) struct Net<'a> {
    model: &'a MemoryModel,
    load: &'a Load,
    placement: &'a Placement,
    graph: Graph,
    /// Tokens of the batch.
    tokens: u64,
    /// Sequences in it.
    sequences: u64,
    /// Rows of logits.
    outputs: u64,
    cells: Cells,
    weights: Vec<Id>,
    inputs: Inputs,
    host: u8,
    /// Values of the first layer, which RWKV 7 mixes into all others.
    first_value: Id,
    /// Whether attention is computed without the full matrix of scores.
    flash: bool,
    /// What images add to the first layers (`n_deepstack_layers`).
    deep: Id,
}

/// Inputs of the graph, made when they are first read.
struct Inputs {
    positions: Id,
    temperature: Id,
    /// Factors of the rotation, on each backend.
    factors: [Id; super::MOST_DEVICES as usize + 1],
    rows: Id,
    states: [Id; 2],
    full: AttentionInputs,
    window: AttentionInputs,
    indexer: sparse::IndexerInputs,
}

/// What attention reads beside queries, keys and values.
#[derive(Clone, Copy)]
struct AttentionInputs {
    mask: Id,
    key_rows: Id,
    value_rows: Id,
    key_rotation: Id,
    value_rotation: Id,
}

const UNMADE: AttentionInputs = AttentionInputs {
    mask: NONE,
    key_rows: NONE,
    value_rows: NONE,
    key_rotation: NONE,
    value_rotation: NONE,
};

impl<'a> Net<'a> {
    pub(super) fn new(
        model: &'a MemoryModel,
        load: &'a Load,
        placement: &'a Placement,
        cells: &Cells,
    ) -> Self {
        let sequences = load.parallel.max(1);
        // The batch is cut into equal parts, one for each sequence (`llama_context::graph_reserve`).
        let tokens = cells.batch.min(cells.context).max(1);
        let tokens = tokens.checked_next_multiple_of(sequences).unwrap_or(tokens);
        Self {
            model,
            load,
            placement,
            graph: Graph::default(),
            tokens,
            sequences,
            // All of them where an encoder belongs to the model (`llama_model_has_encoder`).
            outputs: if model.is(&["t5", "t5encoder"]) {
                tokens
            } else {
                sequences.saturating_mul(load.outputs_per_slot.max(1)).min(tokens)
            },
            cells: *cells,
            weights: vec![NONE; model.weights.len()],
            inputs: Inputs {
                positions: NONE,
                temperature: NONE,
                factors: [NONE; super::MOST_DEVICES as usize + 1],
                rows: NONE,
                states: [NONE; 2],
                full: UNMADE,
                window: UNMADE,
                indexer: sparse::NO_INDEXER,
            },
            host: u8::try_from(placement.devices()).unwrap_or(super::MOST_DEVICES),
            flash: cache::uses_flash(model, load),
            first_value: NONE,
            deep: NONE,
        }
    }

    pub(super) fn build(mut self) -> Graph {
        let mut stream = self.embeddings();
        let per_layer = self.per_layer_embeddings(stream);
        stream = self.stack_streams(stream);
        let t5 = if self.is_t5() { Some(self.t5_inputs()) } else { None };
        let normal = self
            .model
            .layers
            .len()
            .saturating_sub(usize::try_from(self.model.shape.extra_layers).unwrap_or(usize::MAX));
        for il in 0..normal {
            if self.graph.tensors.len() > MOST_TENSORS {
                break;
            }
            let last = il + 1 == normal;
            stream = match (self.model.shape.architecture.as_str(), t5) {
                (_, Some(inputs)) => self.t5_layer(il, stream, last, inputs),
                ("gemma3n", _) => self.altup_layer(il, stream, per_layer),
                _ if self.is_bert() => self.bert_layer(il, stream, last),
                _ if self.is_rwkv() => self.rwkv_layer(il, stream, last),
                _ => {
                    let out = self.layer(il, stream, last);
                    self.add_embedding(il, out, per_layer)
                }
            };
            stream = self.add_deep(il, stream);
        }
        stream = self.merge_streams(stream);
        self.head(stream);
        self.graph
    }
}
