//! What a GGUF file is for.

use std::fmt;

use crate::header::Header;

/// What a GGUF file is for, judged by its metadata and, without any, by its tensors' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// A language model that generates text.
    Text,
    /// A model that turns text into vectors.
    Embedding,
    /// A model that scores how well texts answer a query.
    Reranker,
    /// The text encoder of a diffusion model (T5).
    TextEncoder,
    /// A multimodal projector (mmproj), which belongs to a text model.
    Projector,
    /// A `LoRA` adapter, which belongs to a model.
    Adapter,
    /// A diffusion model or a part of one, for stable-diffusion.cpp.
    Diffusion,
    /// A vocabulary without a model.
    Vocabulary,
    /// An importance matrix, made for quantising.
    ImportanceMatrix,
    /// None of these.
    Other,
}

impl Kind {
    /// Judges a header.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let metadata = header.metadata();
        let kind = metadata.get_str("general.type");
        let architecture = header.architecture();
        match (kind, architecture) {
            (Some("adapter"), _) => return Self::Adapter,
            (Some("mmproj"), _) | (_, Some("clip")) => return Self::Projector,
            (Some("imatrix"), _) => return Self::ImportanceMatrix,
            (_, Some("t5encoder")) => return Self::TextEncoder,
            _ => {}
        }
        // The first file of a split model may hold metadata alone.
        let split = metadata.get_u64("split.count").is_some_and(|count| count > 1);
        if header.tensors().is_empty() && !split && metadata.get("tokenizer.ggml.model").is_some() {
            return Self::Vocabulary;
        }
        if header.arch("block_count").is_some() {
            return Self::of_language_model(header);
        }
        if header.tensors().iter().any(|tensor| is_diffusion(&tensor.name)) {
            return Self::Diffusion;
        }
        Self::Other
    }

    /// Tells by `enum llama_pooling_type` of `include/llama.h`: 0 none, 4 rank, others make vectors.
    fn of_language_model(header: &Header) -> Self {
        match header.arch_u64("pooling_type") {
            Some(4) => Self::Reranker,
            Some(1..) => Self::Embedding,
            Some(0) | None if header.arch_bool("attention.causal") == Some(false) => Self::Embedding,
            Some(0) | None => Self::Text,
        }
    }
}

/// Tensor names of the diffusion models that stable-diffusion.cpp loads.
fn is_diffusion(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "model.diffusion_model.",
        "first_stage_model.",
        "cond_stage_model.",
        "double_blocks.",
        "joint_blocks.",
        "transformer_blocks.",
        "input_blocks.",
        "patch_embedding.",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text model",
            Self::Embedding => "embedding model",
            Self::Reranker => "reranker",
            Self::TextEncoder => "text encoder",
            Self::Projector => "multimodal projector",
            Self::Adapter => "LoRA adapter",
            Self::Diffusion => "diffusion model",
            Self::Vocabulary => "vocabulary",
            Self::ImportanceMatrix => "importance matrix",
            Self::Other => "other",
        })
    }
}
