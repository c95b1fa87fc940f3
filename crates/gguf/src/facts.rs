//! What a person wants to know about a model file.

use crate::{
    chat_template::ChatTemplate, file_type::file_type_name, header::Header, kind::Kind, layers::PerLayer,
    shards::Shard, weights::WeightSizes,
};

/// What a model file says about itself. Whatever a file may lack is an `Option`.
///
/// Strings are as the file has them, control characters included: escape them before a terminal
/// shows them.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Facts {
    /// What the file is for.
    pub kind: Kind,
    /// Version of the GGUF format.
    pub gguf_version: u32,
    /// `general.architecture`, as in `llama`.
    pub architecture: Option<String>,
    /// `general.name`.
    pub name: Option<String>,
    /// `general.size_label`, as in `135M`.
    pub size_label: Option<String>,
    /// Elements of all tensors in this file; of a split model, those of this file alone.
    pub parameter_count: Option<u64>,
    /// Name of `general.file_type`, as in `Q4_K_M`, else the tensor type with most bytes.
    pub quantisation: Option<String>,
    /// Bits of tensor data for each parameter.
    pub bits_per_weight: Option<f64>,
    /// Tokens the model was trained to attend to.
    pub context_length: Option<u64>,
    /// Width of the hidden state.
    pub embedding_length: Option<u64>,
    /// Number of layers.
    pub block_count: Option<u64>,
    /// Attention heads.
    pub head_count: Option<PerLayer>,
    /// Attention heads that keys and values are kept for.
    pub head_count_kv: Option<PerLayer>,
    /// Experts of a mixture.
    pub expert_count: Option<u64>,
    /// Experts that each token uses.
    pub expert_used_count: Option<u64>,
    /// Tokens of the vocabulary.
    pub vocab_size: Option<u64>,
    /// Tensors in this file.
    pub tensor_count: u64,
    /// Bytes of these tensors, without padding; `None` if a type is unknown.
    pub tensor_bytes: Option<u64>,
    /// Length of the file in bytes.
    pub file_bytes: Option<u64>,
    /// `tokenizer.ggml.model`, as in `gpt2`.
    pub tokenizer: Option<String>,
    /// Whether the file has a chat template.
    pub has_chat_template: bool,
    /// Whether the chat template handles tools: those a model may call, or the calls it made.
    pub tool_use: bool,
    /// Whether the chat template tells the model's thoughts from its answer.
    pub reasoning: bool,
    /// Which part of a split model this file is.
    pub shard: Option<Shard>,
}

impl Facts {
    /// Gathers the facts of a header.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let metadata = header.metadata();
        let text = |key: &str| metadata.get_lossy(key).map(std::borrow::Cow::into_owned);
        let parameter_count = Some(header.element_count()).filter(|&count| count > 0);
        let tensor_bytes = header.tensor_bytes();
        let template = ChatTemplate::of(header);
        Self {
            kind: Kind::of(header),
            gguf_version: header.version(),
            architecture: text("general.architecture"),
            name: text("general.name"),
            size_label: text("general.size_label"),
            parameter_count,
            quantisation: quantisation(header),
            bits_per_weight: bits_per_weight(tensor_bytes, parameter_count),
            context_length: header.arch_u64("context_length"),
            embedding_length: header.arch_u64("embedding_length"),
            block_count: header.arch_u64("block_count"),
            head_count: header.arch_per_layer("attention.head_count"),
            head_count_kv: header.arch_per_layer("attention.head_count_kv"),
            expert_count: header.arch_u64("expert_count"),
            expert_used_count: header.arch_u64("expert_used_count"),
            vocab_size: vocab_size(header),
            tensor_count: header.tensors().len() as u64,
            tensor_bytes,
            file_bytes: header.file_len(),
            tokenizer: text("tokenizer.ggml.model"),
            has_chat_template: template.exists,
            tool_use: template.tool_use,
            reasoning: template.reasoning,
            shard: header.shard(),
        }
    }
}

fn quantisation(header: &Header) -> Option<String> {
    let named = header.metadata().get_u64("general.file_type").and_then(file_type_name);
    named
        .map(str::to_owned)
        .or_else(|| WeightSizes::of(header).by_type.first().map(|total| total.kind.to_string()))
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of which two digits matter")]
fn bits_per_weight(bytes: Option<u64>, parameters: Option<u64>) -> Option<f64> {
    Some(bytes? as f64 * 8.0 / parameters? as f64)
}

/// The vocabulary's size is a key of its own, the length of the token list, or the rows of the
/// embedding matrix.
fn vocab_size(header: &Header) -> Option<u64> {
    header
        .arch_u64("vocab_size")
        .or_else(|| Some(header.metadata().get_array("tokenizer.ggml.tokens")?.count()))
        .or_else(|| header.tensor("token_embd.weight")?.dims.get(1).copied())
}
