//! What a component is for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::CheckpointError;

/// What a file, or a part of one, is for. The names are those of stable-diffusion.cpp's options, with `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The denoiser: UNet or diffusion transformer.
    DiffusionModel,
    /// The denoiser of the first, noisy steps of Wan 2.2.
    HighNoiseDiffusionModel,
    /// CLIP ViT-L; of Stable Diffusion 2 its only encoder, `OpenCLIP` ViT-H.
    ClipL,
    /// `OpenCLIP` ViT-bigG.
    ClipG,
    /// The image encoder of video models that begin with a picture.
    ClipVision,
    /// T5-XXL or UMT5-XXL.
    T5xxl,
    /// A language model as text encoder.
    Llm,
    /// The vision part of such a language model.
    LlmVision,
    /// The autoencoder.
    Vae,
    /// A tiny autoencoder in its place.
    Taesd,
    /// Low-rank changes to another model.
    Lora,
    /// A second model that steers the denoiser by a picture.
    ControlNet,
}

impl Role {
    /// All roles.
    pub const ALL: &[Self] = &[
        Self::DiffusionModel,
        Self::HighNoiseDiffusionModel,
        Self::ClipL,
        Self::ClipG,
        Self::ClipVision,
        Self::T5xxl,
        Self::Llm,
        Self::LlmVision,
        Self::Vae,
        Self::Taesd,
        Self::Lora,
        Self::ControlNet,
    ];

    /// Its name in settings, as in `diffusion_model`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiffusionModel => "diffusion_model",
            Self::HighNoiseDiffusionModel => "high_noise_diffusion_model",
            Self::ClipL => "clip_l",
            Self::ClipG => "clip_g",
            Self::ClipVision => "clip_vision",
            Self::T5xxl => "t5xxl",
            Self::Llm => "llm",
            Self::LlmVision => "llm_vision",
            Self::Vae => "vae",
            Self::Taesd => "taesd",
            Self::Lora => "lora",
            Self::ControlNet => "control_net",
        }
    }

    /// The option of `sd-cli` and `sd-server` that takes its file; `None` for what has none (a LoRA is named
    /// by each request).
    pub const fn option(self) -> Option<&'static str> {
        Some(match self {
            Self::DiffusionModel => "--diffusion-model",
            Self::HighNoiseDiffusionModel => "--high-noise-diffusion-model",
            Self::ClipL => "--clip_l",
            Self::ClipG => "--clip_g",
            Self::ClipVision => "--clip_vision",
            Self::T5xxl => "--t5xxl",
            Self::Llm => "--llm",
            Self::LlmVision => "--llm_vision",
            Self::Vae => "--vae",
            Self::Taesd => "--taesd",
            Self::ControlNet => "--control-net",
            Self::Lora => return None,
        })
    }

    /// Whether it turns a prompt, or a picture beside it, into what the denoiser is guided by.
    pub const fn is_encoder(self) -> bool {
        matches!(
            self,
            Self::ClipL | Self::ClipG | Self::ClipVision | Self::T5xxl | Self::Llm | Self::LlmVision
        )
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = CheckpointError;

    fn from_str(name: &str) -> Result<Self, CheckpointError> {
        let known = Self::ALL.iter().copied().find(|role| role.as_str() == name);
        known.ok_or_else(|| CheckpointError::UnknownRole { name: name.to_owned() })
    }
}
