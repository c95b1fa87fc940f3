//! The figures of a model that its memory depends on, read once from its header.

use std::collections::BTreeMap;

use super::{
    layer::{self, Layer},
    weight::Weight,
};
use crate::{header::Header, limits::MAX_LAYERS, weights::tensor_sizes};

/// The keys below the architecture's prefix that say how big things are. Names are those of
/// `enum llm_kv` in llama-arch.cpp; what a file lacks is 0.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a model")]
pub(super) struct Shape {
    pub(super) architecture: String,
    pub(super) embedding: u64,
    pub(super) trained_context: u64,
    pub(super) vocabulary: u64,
    pub(super) experts: u64,
    pub(super) expert_groups: u64,
    pub(super) expert_groups_used: u64,
    /// Whether the weights of the chosen experts are made to add up to 1.
    pub(super) norm_expert_weights: bool,
    /// 1 softmax, 2 sigmoid, 3 softmax of the chosen ones, 4 square root of softplus.
    pub(super) expert_gating: u64,
    /// Rotated elements of a head.
    pub(super) rotated: u64,
    /// Rank of the latent keys and values; 0 without latent attention.
    pub(super) latent_rank: u64,
    /// Whether the cache keeps latent keys alone (`llama_hparams::is_mla`).
    pub(super) latent: bool,
    /// Head length of keys and values after decompression.
    pub(super) latent_key: u64,
    pub(super) latent_value: u64,
    /// Lengths of the keys of the indexer of sparse attention, its heads, and how many tokens it picks.
    pub(super) indexer_keys: u64,
    pub(super) indexer_heads: u64,
    pub(super) indexer_top: u64,
    /// `ssm.*`.
    pub(super) conv_kernel: u64,
    pub(super) inner: u64,
    pub(super) state: u64,
    pub(super) groups: u64,
    pub(super) time_step_rank: u64,
    pub(super) window: u64,
    /// Head length of the RWKV family; 0 for all others.
    pub(super) wkv_head: u64,
    /// Tokens before that each RWKV layer keeps.
    pub(super) token_shifts: u64,
    /// RWKV halves the stream after each so many layers; 0 never.
    pub(super) rescale_every: u64,
    /// First layers that images add to.
    pub(super) deep_layers: u64,
    /// Whether layers normalise with mean and variance rather than the root mean square alone.
    pub(super) layer_norm: bool,
    /// Whether attention and feed-forward read the same input.
    pub(super) parallel_residual: bool,
    /// Position numbers for each token (`llama_hparams::n_pos_per_embd`).
    pub(super) positions_per_token: u64,
    /// Layers that predict further tokens, and are no part of the normal graph.
    pub(super) extra_layers: u64,
    /// Whether they get a cache nevertheless.
    pub(super) extra_cache: bool,
    /// Whether the model attends to later tokens too, and keeps no cache.
    pub(super) encoder: bool,
    /// Whether it computes logits rather than embeddings alone.
    pub(super) logits: bool,
    pub(super) logit_cap: bool,
    pub(super) scales_residual: bool,
}

/// A model, ready to be asked what it takes under any settings.
///
/// Reading the header costs about as much as one prediction, so keep this where many are made.
#[derive(Debug, Clone, Default)]
pub struct MemoryModel {
    pub(super) shape: Shape,
    pub(super) layers: Vec<Layer>,
    /// All weights, in file order.
    pub(super) weights: Vec<Weight>,
    /// Places in `weights` of tensors outside the layers.
    pub(super) global: BTreeMap<String, usize>,
    /// Whether there is no output matrix, so that the token embeddings are loaded as one.
    pub(super) tied_output: bool,
}

impl MemoryModel {
    /// Reads a header. Of a model split into several files this must be one that has all tensors.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let weights: Vec<Weight> =
            tensor_sizes(header).map(|(tensor, bytes)| Weight::of(tensor, bytes)).collect();
        let most = weights.iter().filter_map(|weight| weight.layer).max();
        let with_tensors = most.map_or(0, |layer| layer + 1);
        let count = header.arch_u64("block_count").and_then(|count| usize::try_from(count).ok());
        // A layer has at least one tensor, whatever the file says.
        let count = count.unwrap_or(with_tensors).min(weights.len()).min(MAX_LAYERS);
        let shape = Shape::of(header, count);
        let mut layers = layer::layers(header, &shape, count);
        let mut global = BTreeMap::new();
        for (at, weight) in weights.iter().enumerate() {
            match weight.layer {
                Some(layer) => {
                    // Of layers beyond those that the model says it has nothing is computed.
                    if let Some(layer) = layers.get_mut(layer) {
                        layer.add(&weight.name, at);
                    }
                }
                None => {
                    global.insert(weight.name.clone(), at);
                }
            }
        }
        let tied_output = global.contains_key("token_embd.weight")
            && !global.contains_key("output.weight")
            && loads_output(&shape.architecture);
        let mut model = Self { shape, layers, weights, global, tied_output };
        layer::mark_recurrent(&mut model);
        model
    }

    /// Layers of the model, without the output layer.
    #[must_use]
    pub fn layer_count(&self) -> usize {
        self.layers.len()
    }

    /// A weight of a layer, or one outside the layers.
    pub(super) fn weight(&self, layer: Option<usize>, name: &str) -> Option<usize> {
        match layer {
            Some(layer) => self.layers.get(layer)?.find(name),
            None => self.global.get(name).copied(),
        }
    }

    pub(super) fn is(&self, architectures: &[&str]) -> bool {
        architectures.contains(&self.shape.architecture.as_str())
    }
}

impl Shape {
    fn of(header: &Header, layers: usize) -> Self {
        let number = |path: &str| header.arch_u64(path).unwrap_or(0);
        let architecture = header.architecture().unwrap_or("").to_owned();
        let heads = header.arch_per_layer("attention.head_count").and_then(|heads| heads.get(0)).unwrap_or(0);
        let embedding = number("embedding_length");
        let head = header
            .arch_u64("attention.key_length")
            .unwrap_or_else(|| embedding.checked_div(heads).unwrap_or(0));
        let latent = number("attention.key_length_mla") > 0 && number("attention.value_length_mla") > 0;
        let or = |path: &str, other: u64| if latent { number(path) } else { other };
        let value = header
            .arch_u64("attention.value_length")
            .unwrap_or_else(|| embedding.checked_div(heads).unwrap_or(0));
        let vocabulary = header.metadata().get_array("tokenizer.ggml.tokens").map(crate::array::Array::count);
        let rows = |name: &str| header.tensor(name).and_then(|tensor| tensor.dims.get(1).copied());
        Self {
            embedding,
            trained_context: number("context_length"),
            vocabulary: vocabulary
                .or_else(|| header.arch_u64("vocab_size"))
                .or_else(|| rows("token_embd.weight"))
                .unwrap_or(0),
            experts: number("expert_count"),
            expert_groups: number("expert_group_count"),
            expert_groups_used: number("expert_group_used_count"),
            norm_expert_weights: norms_expert_weights(header, &architecture),
            expert_gating: expert_gating(header, &architecture),
            rotated: header.arch_u64("rope.dimension_count").unwrap_or(head),
            latent_rank: number("attention.kv_lora_rank"),
            latent,
            latent_key: or("attention.key_length_mla", head),
            latent_value: or("attention.value_length_mla", value),
            indexer_keys: number("attention.indexer.key_length"),
            indexer_heads: number("attention.indexer.head_count"),
            indexer_top: number("attention.indexer.top_k"),
            conv_kernel: number("ssm.conv_kernel"),
            inner: number("ssm.inner_size"),
            state: number("ssm.state_size"),
            groups: number("ssm.group_count"),
            time_step_rank: number("ssm.time_step_rank"),
            window: layer::window_length(header, &architecture),
            wkv_head: number("wkv.head_size"),
            token_shifts: header.arch_u64("token_shift_count").unwrap_or(2),
            rescale_every: number("rescale_every_n_layers"),
            deep_layers: number("n_deepstack_layers").min(layers as u64),
            layer_norm: header.arch("attention.layer_norm_rms_epsilon").is_none()
                && header.arch("attention.layer_norm_epsilon").is_some(),
            parallel_residual: header.arch_bool("use_parallel_residual").unwrap_or(false),
            positions_per_token: if header.arch("rope.dimension_sections").is_some() { 4 } else { 1 },
            extra_layers: number("nextn_predict_layers").min(layers as u64),
            extra_cache: !filters_extra_layers(&architecture),
            encoder: is_encoder(&architecture),
            logits: !(is_encoder(&architecture) || architecture == "t5encoder") || diffuses(&architecture),
            logit_cap: header.arch_f32("final_logit_softcapping").is_some_and(|cap| cap > 0.0),
            scales_residual: header.arch_f32("residual_scale").is_some_and(|scale| scale != 0.0),
            architecture,
        }
    }
}

/// Whether an output matrix is loaded, be it the token embeddings: not by most architectures that make
/// embeddings alone, nor by `BitNet`, which multiplies with the token embeddings where they are.
fn loads_output(architecture: &str) -> bool {
    const NONE: &[&str] = &[
        "bert",
        "jina-bert-v2",
        "jina-bert-v3",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "eurobert",
        "modern-bert",
        "wavtokenizer-dec",
        "bitnet",
    ];
    !NONE.contains(&architecture)
}

/// Architectures whose cache leaves out the layers that predict further tokens; all others have one for
/// them, too (`llama_model::create_memory` in llama-model.cpp).
fn filters_extra_layers(architecture: &str) -> bool {
    const FILTERED: &[&str] =
        &["mimo2", "step35", "deepseek32", "glm-dsa", "qwen3next", "qwen35", "qwen35moe", "nemotron_h_moe"];
    FILTERED.contains(&architecture)
}

/// Architectures that keep no cache but compute logits: those that write by diffusion.
fn diffuses(architecture: &str) -> bool {
    matches!(architecture, "dream" | "llada" | "llada-moe" | "rnd1")
}

/// Architectures without a cache (`llama_model::create_memory` in llama-model.cpp).
fn is_encoder(architecture: &str) -> bool {
    const ENCODERS: &[&str] = &[
        "bert",
        "jina-bert-v2",
        "jina-bert-v3",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "eurobert",
        "modern-bert",
        "gemma-embedding",
        "wavtokenizer-dec",
        "dream",
        "llada",
        "llada-moe",
        "rnd1",
    ];
    ENCODERS.contains(&architecture)
}

/// Whether weights of chosen experts are divided by their sum: a key for some architectures, a
/// constant in `build_moe_ffn`'s calls in src/models for the others.
fn norms_expert_weights(header: &Header, architecture: &str) -> bool {
    header.arch_bool("expert_weights_norm").unwrap_or(!matches!(
        architecture,
        "gpt-oss" | "qwen2moe" | "deepseek" | "deepseek2" | "olmoe" | "llama4" | "dots1" | "jamba"
    ))
}

/// `enum llama_expert_gating_func_type`; see [`norms_expert_weights`].
fn expert_gating(header: &Header, architecture: &str) -> u64 {
    header.arch_u64("expert_gating_func").filter(|&gating| gating > 0).unwrap_or(match architecture {
        "gpt-oss" => 3,
        "llama4" | "glm4moe" => 2,
        _ => 1,
    })
}
