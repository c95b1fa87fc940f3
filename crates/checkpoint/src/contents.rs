//! What a file is, by the names of its tensors. Roughly: [`crate::Family`] tells more.

use serde::Serialize;

use crate::safetensors::SafetensorsHeader;

/// What a file of an image model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Contents {
    /// A diffusion model, alone or with its encoders.
    Diffusion,
    /// Changes to another model.
    Lora,
    /// An autoencoder.
    Vae,
    /// A text encoder.
    TextEncoder,
    /// Nothing that is known.
    Unknown,
}

/// Parts of names of adapters: kohya's, diffusers' and PEFT's.
const LORA: &[&str] =
    &[".lora_down.", ".lora_up.", ".lora_A.", ".lora_B.", "lora_unet_", ".lora.down.", ".hada_w1_a"];

/// How names of diffusion models begin: those of whole checkpoints, and those of single models that
/// stable-diffusion.cpp loads with `--diffusion-model`, in its own and in diffusers' spelling.
const DIFFUSION: &[&str] = &[
    "model.diffusion_model.",
    "double_blocks.",
    "joint_blocks.",
    "transformer_blocks.",
    "single_transformer_blocks.",
    "input_blocks.",
    "down_blocks.",
    "patch_embedding.",
    "noise_refiner.",
    "net.blocks.",
];

/// How names of autoencoders begin, TAESD's included (`decoder.layers.` in diffusers' spelling).
const VAE: &[&str] = &[
    "first_stage_model.",
    "decoder.conv_in.",
    "decoder.up.",
    "decoder.up_blocks.",
    "decoder.mid.",
    "decoder.layers.",
    "encoder.down.",
    "encoder.down_blocks.",
    "vae.",
];

/// How names of text encoders begin: CLIP, `OpenCLIP`, T5, and language models.
const TEXT_ENCODER: &[&str] = &[
    "text_model.encoder.",
    "cond_stage_model.",
    "conditioner.embedders.",
    "text_encoders.",
    "transformer.resblocks.",
    "encoder.block.",
    "model.layers.",
    "model.language_model.layers.",
];

impl Contents {
    /// Judges a header.
    pub fn of(header: &SafetensorsHeader) -> Self {
        Self::of_names(header.tensors.iter().map(|tensor| tensor.name.as_str()))
    }

    /// Judges the names of all tensors of a file.
    pub fn of_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let begins = |with: &[&str]| names.clone().any(|name| with.iter().any(|with| name.starts_with(with)));
        let has = |parts: &[&str]| names.clone().any(|name| parts.iter().any(|part| name.contains(part)));
        // A checkpoint has several of these: the diffusion model is what it is for.
        if has(LORA) {
            Self::Lora
        } else if begins(DIFFUSION) {
            Self::Diffusion
        } else if begins(VAE) {
            Self::Vae
        } else if begins(TEXT_ENCODER) {
            Self::TextEncoder
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::safetensors::SafeTensor;

    #[test]
    fn contents_are_told_by_names() {
        let of = |names: &[&str]| {
            let tensor = |name: &&str| SafeTensor {
                name: (*name).to_owned(),
                dtype: "F16".into(),
                shape: vec![],
                range: (0, 2),
            };
            let tensors = names.iter().map(tensor).collect();
            Contents::of(&SafetensorsHeader { tensors, metadata: BTreeMap::new(), data_offset: 0 })
        };
        let checkpoint =
            &["first_stage_model.decoder.conv_in.weight", "cond_stage_model.x", "model.diffusion_model.y"];
        assert_eq!(of(checkpoint), Contents::Diffusion);
        assert_eq!(of(&["double_blocks.0.img_attn.qkv.weight"]), Contents::Diffusion);
        assert_eq!(of(&["lora_unet_down_blocks_0.lora_down.weight"]), Contents::Lora);
        assert_eq!(of(&["down_blocks.0.attn.to_q.lora_A.weight"]), Contents::Lora);
        assert_eq!(of(&["decoder.conv_in.weight", "encoder.down.0.block.0.conv1.weight"]), Contents::Vae);
        assert_eq!(of(&["text_model.encoder.layers.0.x"]), Contents::TextEncoder);
        assert_eq!(of(&["encoder.block.0.layer.0.x"]), Contents::TextEncoder);
        assert_eq!(of(&["something"]), Contents::Unknown);
    }
}
