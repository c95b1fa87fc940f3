//! What a model is for, and what its parts are.

use std::{fmt, str::FromStr};

use loadmaster_checkpoint::Contents;
use serde::{Deserialize, Serialize};

use crate::error::ModelsError;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// It generates text.
    Llm,
    /// It generates images: a checkpoint that has everything, or a diffusion model with its parts.
    Diffusion,
    /// It turns text into vectors.
    Embedding,
    /// It scores how well texts answer a query.
    Reranker,
    /// It shows images or sound to a language model (mmproj).
    VisionProjector,
    /// It changes another model.
    Lora,
    /// It turns text into what a diffusion model understands.
    TextEncoder,
    /// It turns what a diffusion model makes into an image.
    Vae,
    /// None of these, or not to be told.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Llm => "llm",
            Self::Diffusion => "diffusion",
            Self::Embedding => "embedding",
            Self::Reranker => "reranker",
            Self::VisionProjector => "vision projector",
            Self::Lora => "LoRA",
            Self::TextEncoder => "text encoder",
            Self::Vae => "VAE",
            Self::Other => "other",
        })
    }
}

impl From<loadmaster_gguf::Kind> for Kind {
    fn from(kind: loadmaster_gguf::Kind) -> Self {
        use loadmaster_gguf::Kind as Gguf;
        match kind {
            Gguf::Text => Self::Llm,
            Gguf::Embedding => Self::Embedding,
            Gguf::Reranker => Self::Reranker,
            Gguf::TextEncoder => Self::TextEncoder,
            Gguf::Projector => Self::VisionProjector,
            Gguf::Adapter => Self::Lora,
            Gguf::Diffusion => Self::Diffusion,
            _ => Self::Other,
        }
    }
}

impl From<Contents> for Kind {
    fn from(contents: Contents) -> Self {
        match contents {
            Contents::Diffusion => Self::Diffusion,
            Contents::Lora => Self::Lora,
            Contents::Vae => Self::Vae,
            Contents::TextEncoder => Self::TextEncoder,
            _ => Self::Other,
        }
    }
}

/// What a file is to the model that it is a part of. The names are those of stable-diffusion.cpp's flags
/// (`--diffusion-model`, `--clip_l`, ...) and, for `mmproj`, of llama.cpp's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The diffusion model itself, without encoders.
    DiffusionModel,
    /// CLIP ViT-L.
    ClipL,
    /// `OpenCLIP` ViT-G.
    ClipG,
    /// T5-XXL.
    T5xxl,
    /// A language model as text encoder.
    Llm,
    /// The vision part of such a language model.
    LlmVision,
    /// The autoencoder.
    Vae,
    /// A small autoencoder in its place (TAESD).
    Taesd,
    /// A multimodal projector of a language model.
    Mmproj,
    /// An adapter.
    Lora,
    /// `ControlNet`.
    ControlNet,
    /// A draft model for speculative decoding.
    Draft,
}

impl Role {
    /// All roles, in the order in which servers are given them.
    pub const ALL: &[Self] = &[
        Self::DiffusionModel,
        Self::ClipL,
        Self::ClipG,
        Self::T5xxl,
        Self::Llm,
        Self::LlmVision,
        Self::Vae,
        Self::Taesd,
        Self::Mmproj,
        Self::Lora,
        Self::ControlNet,
        Self::Draft,
    ];

    /// Its name in manifests and catalogs.
    pub fn name(self) -> &'static str {
        match self {
            Self::DiffusionModel => "diffusion_model",
            Self::ClipL => "clip_l",
            Self::ClipG => "clip_g",
            Self::T5xxl => "t5xxl",
            Self::Llm => "llm",
            Self::LlmVision => "llm_vision",
            Self::Vae => "vae",
            Self::Taesd => "taesd",
            Self::Mmproj => "mmproj",
            Self::Lora => "lora",
            Self::ControlNet => "control_net",
            Self::Draft => "draft",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        let found = Self::ALL.iter().find(|role| role.name() == text);
        found.copied().ok_or_else(|| ModelsError::UnknownRole { role: text.chars().take(80).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_one_name_everywhere() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
            assert_eq!(role.name().parse::<Role>().unwrap(), *role);
        }
        assert!("unet".parse::<Role>().is_err());
    }
}
