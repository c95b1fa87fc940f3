//! What a manifest keeps of a model's header: what people ask for, no tokenizer.

use serde::{Deserialize, Serialize};

/// The format of a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// llama.cpp's and stable-diffusion.cpp's.
    Gguf,
    /// Hugging Face's.
    Safetensors,
    /// A `PyTorch` checkpoint: a pickle, which is a program, so that it is never opened here.
    Checkpoint,
    /// Not known.
    #[default]
    Unknown,
}

/// What a model's header says. Whatever it does not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The format of the weights.
    #[serde(default)]
    pub format: Format,
    /// As in `llama`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The name that its makers gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// As in `135M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_label: Option<String>,
    /// As in `Q4_K_M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<String>,
    /// Number of weights, over all files of a split model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_count: Option<u64>,
    /// Tokens that the model was trained to attend to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// Width of the hidden state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding_length: Option<u64>,
    /// Number of layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_count: Option<u64>,
    /// Experts of a mixture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expert_count: Option<u64>,
    /// Whether the chat template handles tools.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tool_use: bool,
    /// Whether the chat template tells thoughts from answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
}

impl From<&loadmaster_gguf::Facts> for Facts {
    fn from(facts: &loadmaster_gguf::Facts) -> Self {
        Self {
            format: Format::Gguf,
            architecture: facts.architecture.as_deref().map(short),
            title: facts.name.as_deref().map(short),
            size_label: facts.size_label.as_deref().map(short),
            quantisation: facts.quantisation.as_deref().map(short),
            parameter_count: facts.parameter_count,
            context_length: facts.context_length,
            embedding_length: facts.embedding_length,
            block_count: facts.block_count,
            expert_count: facts.expert_count,
            tool_use: facts.tool_use,
            reasoning: facts.reasoning,
        }
    }
}

/// A file's own words, fit to be kept and shown.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
