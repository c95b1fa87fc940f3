//! The graph of a model for one physical batch, from the tensors that its file has
//! (`build_arch_graph` in src/models, `llm_graph_context` in llama-graph.cpp).

mod adapted;
mod attention;
mod delta;
mod experts;
mod feed_forward;
mod latent;
mod mamba;
mod recurrent;

use super::{
    cache::{self, Cells},
    graph::{Graph, Home, Id, NONE, Op},
    load::Load,
    model::MemoryModel,
    placement::{Place, Placement},
    weights,
};
use crate::tensor_type::TensorType;

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
}

/// Inputs of the graph, made when they are first read.
struct Inputs {
    positions: Id,
    rows: Id,
    states: [Id; 2],
    full: AttentionInputs,
    window: AttentionInputs,
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
            outputs: if model.shape.encoder {
                tokens
            } else {
                sequences.saturating_mul(load.outputs_per_slot.max(1)).min(tokens)
            },
            cells: *cells,
            weights: vec![NONE; model.weights.len()],
            inputs: Inputs { positions: NONE, rows: NONE, states: [NONE; 2], full: UNMADE, window: UNMADE },
            host: u8::try_from(placement.devices()).unwrap_or(super::MOST_DEVICES),
        }
    }

    pub(super) fn build(mut self) -> Graph {
        let mut stream = self.embeddings();
        let normal = self
            .model
            .layers
            .len()
            .saturating_sub(usize::try_from(self.model.shape.extra_layers).unwrap_or(usize::MAX));
        for il in 0..normal {
            if self.graph.tensors.len() > MOST_TENSORS {
                break;
            }
            stream = self.layer(il, stream, il + 1 == normal);
        }
        self.head(stream);
        self.graph
    }

    fn embeddings(&mut self) -> Id {
        let shape = &self.model.shape;
        let tokens = self.input(TensorType::I32, [self.tokens, 1, 1, 1]);
        // Embeddings may also come from outside, so there is always room for them (`build_inp_embd`).
        let given = self.input(TensorType::F32, [shape.embedding, self.tokens, 1, 1]);
        let Some(table) = self.weight(None, "token_embd.weight") else {
            self.graph.expand(given);
            return given;
        };
        let mut stream = self.graph.get_rows(table, tokens);
        self.graph.expand(stream);
        self.graph.expand(given);
        if let Some(types) = self.weight(None, "token_types.weight") {
            let ne = [shape.embedding, 1, 1, 1];
            let row = self.graph.view(types, ne, [4; 4]);
            stream = self.graph.inplace(&[stream, row]);
        }
        if let Some(table) = self.weight(None, "position_embd.weight") {
            let positions = self.positions();
            let rows = self.graph.get_rows(table, positions);
            stream = self.graph.inplace(&[stream, rows]);
        }
        if self.weight(None, "token_embd_norm.weight").is_some() && !self.model.is(&["lfm2", "lfm2moe"]) {
            stream = self.norm(stream, None, "token_embd_norm");
        }
        if self.model.is(&["gemma", "gemma2", "gemma3", "gemma3n", "gemma4", "minicpm", "granite", "grok"]) {
            stream = self.graph.inplace(&[stream]);
        }
        self.graph.expand(stream);
        stream
    }

    /// One layer: attention or a recurrent block, then the feed-forward network, each added to the
    /// stream of residuals.
    fn layer(&mut self, il: usize, stream: Id, last: bool) -> Id {
        let mut residual = stream;
        let input = self.norm(stream, Some(il), "attn_norm");
        let Some(mut mixed) = self.mix(il, input) else {
            return self.without_mixing(il, stream, input, last);
        };
        if last && !self.keeps_all_rows() && !self.gathers_late() {
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
        let mixed = self.scale_residual(mixed);
        // LFM2 adds to the stream rather than the stream to the layer (lfm2.cpp).
        let terms = if self.model.is(&["lfm2", "lfm2moe"]) { [residual, mixed] } else { [mixed, residual] };
        let sum = self.graph.inplace(&terms);
        let input = match (has_ffn_norm, named_post && !post_normed) {
            (true, _) => self.norm(sum, Some(il), "ffn_norm"),
            (false, true) => self.norm(sum, Some(il), "post_attention_norm"),
            (false, false) => sum,
        };
        self.add_feed_forward(il, input, sum)
    }

    /// Attention and the feed-forward network read the same input (falcon.cpp, phi2.cpp), or each its own
    /// norm of it (gptneox.cpp).
    fn parallel(&mut self, il: usize, input: Id, mixed: Id, residual: Id, last: bool) -> Id {
        if self.has(Some(il), "ffn_norm.weight") {
            let input = self.norm(residual, Some(il), "ffn_norm");
            let fed = self.feed_forward(il, input).unwrap_or(input);
            let sum = self.graph.inplace(&[fed, residual]);
            return self.graph.inplace(&[sum, mixed]);
        }
        let mut input = input;
        if last && !self.keeps_all_rows() {
            let rows = self.output_rows();
            input = self.graph.get_rows(input, rows);
        }
        let fed = self.feed_forward(il, input).unwrap_or(input);
        let terms = if self.model.is(&["phi2"]) { [mixed, fed] } else { [fed, mixed] };
        let sum = self.graph.inplace(&terms);
        self.graph.inplace(&[sum, residual])
    }

    /// A layer of a feed-forward network alone (Nemotron-H has such).
    fn without_mixing(&mut self, il: usize, stream: Id, input: Id, last: bool) -> Id {
        let (mut residual, mut input) = (stream, input);
        if last {
            let rows = self.output_rows();
            input = self.graph.get_rows(input, rows);
            residual = self.graph.get_rows(residual, rows);
        }
        self.add_feed_forward(il, input, residual)
    }

    fn add_feed_forward(&mut self, il: usize, input: Id, residual: Id) -> Id {
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
        self.graph.inplace(&terms)
    }

    /// Granite and `MiniCPM` scale what is added to the stream.
    fn scale_residual(&mut self, x: Id) -> Id {
        if self.model.shape.scales_residual { self.graph.inplace(&[x]) } else { x }
    }

    /// Attention, a recurrent block, or both side by side.
    fn mix(&mut self, il: usize, input: Id) -> Option<Id> {
        let latent = self.has(Some(il), "attn_kv_a_mqa.weight");
        let attends =
            latent || ["attn_q.weight", "attn_qkv.weight"].iter().any(|name| self.has(Some(il), name));
        let recurrent = self.model.layers[il].recurrent.is_some();
        match (recurrent, attends) {
            (true, true) if self.model.is(&["falcon-h1"]) => {
                let attended = self.attention(il, input);
                let scanned = self.recurrent(il, input);
                Some(self.graph.inplace(&[attended, scanned]))
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
    fn is_parallel(&self, il: usize, named_post: bool) -> bool {
        let separate = self.has(Some(il), "ffn_norm.weight") || named_post;
        match self.model.shape.architecture.as_str() {
            "gptneox" => self.model.shape.parallel_residual,
            "phi2" | "falcon" | "command-r" | "cohere2" | "cohere2moe" | "stablelm" | "plamo" => !separate,
            _ => false,
        }
    }

    /// Whether the last layer computes rows that are not asked for.
    fn keeps_all_rows(&self) -> bool {
        self.model.shape.encoder
    }

    /// Whether the rows that are asked for are picked out behind the last layer, not within it: what
    /// that layer computes for all others lies beside the output matrix then (openai-moe.cpp).
    fn gathers_late(&self) -> bool {
        self.model.is(&["gpt-oss"])
    }

    fn head(&mut self, stream: Id) {
        let mut stream = stream;
        if self.gathers_late() {
            let rows = self.output_rows();
            stream = self.graph.get_rows(stream, rows);
        }
        let norm = ["output_norm", "token_embd_norm"].into_iter().find(|name| {
            self.has(None, &format!("{name}.weight"))
                && (*name == "output_norm" || self.model.is(&["lfm2", "lfm2moe"]))
        });
        if let Some(name) = norm {
            stream = self.norm(stream, None, name);
        }
        self.graph.output(stream);
        if !self.model.shape.encoder
            && let Some(matrix) = self.output_matrix()
        {
            let input = stream;
            stream = self.graph.matmul(matrix, input);
            stream = self.adapted(None, "output", input, stream);
            if let Some(bias) = self.weight(None, "output.bias") {
                stream = self.graph.inplace(&[stream, bias]);
            }
            if self.model.shape.logit_cap {
                stream = self.graph.inplace(&[stream]);
            }
            self.graph.output(stream);
        }
        self.graph.expand(stream);
    }

    fn output_matrix(&mut self) -> Option<Id> {
        let copied = weights::tied_output(self.model, self.load, self.placement);
        if let Some((weight, place)) = copied {
            let home = self.home(place);
            return Some(self.graph.leaf(weight.kind, weight.ne, home));
        }
        let matrix = self.weight(None, "output.weight");
        matrix.or_else(|| self.weight(None, "token_embd.weight"))
    }

    fn has(&self, layer: Option<usize>, name: &str) -> bool {
        self.model.weight(layer, name).is_some()
    }

    /// A weight, if the file has it.
    fn weight(&mut self, layer: Option<usize>, name: &str) -> Option<Id> {
        let at = self.model.weight(layer, name)?;
        if self.weights[at] == NONE {
            let weight = &self.model.weights[at];
            let home = self.home(self.placement.weight(weight, self.load));
            self.weights[at] = self.graph.leaf(weight.kind, weight.ne, home);
        }
        Some(self.weights[at])
    }

    fn home(&self, place: Place) -> Home {
        match place {
            Place::Device(device) => {
                Home::Weight { backend: u8::try_from(device).unwrap_or(self.host), plain: false }
            }
            Place::Host | Place::Pinned => Home::Weight { backend: self.host, plain: true },
            Place::Repacked => Home::Weight { backend: self.host, plain: false },
        }
    }

    fn input(&mut self, kind: TensorType, ne: [u64; 4]) -> Id {
        self.graph.leaf(kind, ne, Home::Input)
    }

    fn positions(&mut self) -> Id {
        if self.inputs.positions == NONE {
            let count = self.tokens.saturating_mul(self.model.shape.positions_per_token);
            self.inputs.positions = self.input(TensorType::I32, [count, 1, 1, 1]);
        }
        self.inputs.positions
    }

    fn output_rows(&mut self) -> Id {
        if self.inputs.rows == NONE {
            self.inputs.rows = self.input(TensorType::I32, [self.outputs, 1, 1, 1]);
        }
        self.inputs.rows
    }

    /// `build_norm`: the norm itself, its weight and its bias.
    fn norm(&mut self, x: Id, layer: Option<usize>, name: &str) -> Id {
        let weight = self.weight(layer, &format!("{name}.weight"));
        let bias = self.weight(layer, &format!("{name}.bias"));
        if weight.is_none() && bias.is_none() && !self.model.is(&["olmo"]) {
            return x;
        }
        let layer_norm = self.model.shape.layer_norm;
        let mut normed = if layer_norm { self.graph.like(&[x]) } else { self.graph.inplace(&[x]) };
        if let Some(il) = layer
            && self.load.accelerator.pins_norms
            && self.placement.is_full()
            && let Some(device) = self.placement.layer(il)
        {
            // Kept on the device of its layer (`llama_context::graph_get_cb`).
            self.graph.tensors[normed as usize].pinned = u8::try_from(device).ok();
        }
        for operand in [weight, bias].into_iter().flatten() {
            normed = self.graph.inplace(&[normed, operand]);
        }
        normed
    }

    /// A matrix of the layer times `x`, with its bias and its scale.
    fn linear(&mut self, il: usize, name: &str, x: Id) -> Option<Id> {
        let weight = self.weight(Some(il), &format!("{name}.weight"))?;
        let mut result = self.graph.matmul(weight, x);
        if let Some(scale) = self.weight(Some(il), &format!("{name}.scale")) {
            result = self.graph.inplace(&[result, scale]);
        }
        result = self.adapted(Some(il), name, x, result);
        if let Some(bias) = self.weight(Some(il), &format!("{name}.bias")) {
            result = self.graph.inplace(&[result, bias]);
        }
        Some(result)
    }

    /// The backend of a layer's cache.
    fn cache_home(&self, il: usize) -> Home {
        let device = self.placement.layer(il).filter(|_| self.load.kv_offload);
        Home::Cache(device.and_then(|device| u8::try_from(device).ok()).unwrap_or(self.host))
    }

    fn rope(&mut self, x: Id) -> Id {
        let positions = self.positions();
        let (kind, ne) = (self.graph.get(x).kind, self.graph.ne(x));
        self.graph.new_tensor(Op::Rope, kind, ne, &[x, positions])
    }
}
