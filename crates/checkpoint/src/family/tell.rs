//! Tells the family by the tensors of the denoiser.
//!
//! The tensors that families are known by are those that stable-diffusion.cpp looks at (`get_sd_version`), and
//! for single UNets, which it cannot place without their encoder, the width of the text that they attend to.

use super::{Family, Task};
use crate::{
    parts::{Parts, Placed},
    role::Role,
};

/// The denoiser's tensors, asked by name.
struct Denoiser<'a>(Vec<&'a Placed>);

impl Denoiser<'_> {
    fn begins(&self, with: &str) -> bool {
        self.0.iter().any(|placed| placed.name.starts_with(with))
    }

    fn has(&self, part: &str) -> bool {
        self.0.iter().any(|placed| placed.name.contains(part))
    }

    fn shape(&self, name: &str) -> Option<&[u64]> {
        let placed = self.0.iter().find(|placed| placed.name == name)?;
        Some(&placed.tensor.shape)
    }

    /// The second dimension, which is what a matrix or convolution takes in.
    fn takes(&self, name: &str) -> Option<u64> {
        self.shape(name)?.get(1).copied()
    }

    /// The same of the first tensor whose name ends so.
    fn some_takes(&self, end: &str) -> Option<u64> {
        let placed = self.0.iter().find(|placed| placed.name.ends_with(end))?;
        placed.tensor.shape.get(1).copied()
    }
}

/// The family and task of a model; `None` if it has no denoiser that is known.
pub(crate) fn tell(parts: &Parts) -> Option<(Family, Task)> {
    let denoiser = Denoiser(parts.of_role(Role::DiffusionModel).collect());
    transformer(&denoiser).or_else(|| unet(&denoiser))
}

fn transformer(denoiser: &Denoiser<'_>) -> Option<(Family, Task)> {
    let image = |family| Some((family, Task::Image));
    if denoiser.begins("nerf_final_layer_conv.") || denoiser.begins("nerf_image_embedder.") {
        return image(Family::ChromaRadiance);
    }
    if denoiser.begins("joint_blocks.") || denoiser.has("pos_embed.pos_embed") && denoiser.has("add_k_proj") {
        return image(Family::Sd3);
    }
    if denoiser.begins("transformer_blocks.0.img_mod.1.") {
        return image(Family::QwenImage);
    }
    if denoiser.has("llm_adapter.blocks.0.") {
        return image(Family::Anima);
    }
    if denoiser.begins("cap_embedder.0.") {
        return image(Family::ZImage);
    }
    if denoiser.begins("layers.0.adaLN_sa_ln.") {
        return image(Family::ErnieImage);
    }
    if denoiser.begins("adaln_single.") && denoiser.begins("caption_projection.") {
        return image(Family::PixArt);
    }
    if denoiser.begins("blocks.0.cross_attn.norm_k.") {
        return Some((Family::Wan, Task::Video));
    }
    flux(denoiser)
}

/// FLUX and those that share its blocks, in Black Forest Labs' spelling or diffusers'.
fn flux(denoiser: &Denoiser<'_>) -> Option<(Family, Task)> {
    let own = denoiser.begins("double_blocks.");
    let diffusers = denoiser.begins("single_transformer_blocks.");
    if !own && !diffusers {
        return None;
    }
    let image = |family| Some((family, Task::Image));
    if denoiser.begins("double_stream_modulation_img.") {
        let big = denoiser.begins("single_blocks.47.") || denoiser.begins("single_transformer_blocks.47.");
        return image(if big { Family::Flux2 } else { Family::Flux2Klein });
    }
    if denoiser.begins("distilled_guidance_layer.") {
        return image(Family::Chroma);
    }
    if denoiser.begins("double_blocks.0.img_mlp.gate_proj.") {
        return image(Family::OvisImage);
    }
    let text = denoiser.takes("txt_in.weight").or_else(|| denoiser.takes("context_embedder.weight"));
    if text == Some(3584) {
        return image(Family::LongCat);
    }
    let guided = denoiser.begins("guidance_in.") || denoiser.begins("time_text_embed.guidance_embedder.");
    let family = if guided { Family::Flux1Dev } else { Family::Flux1Schnell };
    // A patch is 2x2 latents of 16 channels; more is a picture or a mask beside it.
    let task = match denoiser.takes("img_in.weight").or_else(|| denoiser.takes("x_embedder.weight")) {
        Some(384 | 196) => Task::Inpaint,
        Some(128) => Task::Control,
        _ => Task::Image,
    };
    Some((family, task))
}

/// Stable Diffusion 1, 2 and XL, by the width of the text that their UNet attends to.
fn unet(denoiser: &Denoiser<'_>) -> Option<(Family, Task)> {
    if !denoiser.begins("input_blocks.") && !denoiser.begins("down_blocks.") {
        return None;
    }
    if denoiser.has(".time_mixer.") || denoiser.has("temporal_transformer_blocks.") {
        return Some((Family::Svd, Task::Video));
    }
    let first = denoiser.takes("input_blocks.0.0.weight").or_else(|| denoiser.takes("conv_in.weight"));
    let task = match first {
        Some(9) => Task::Inpaint,
        Some(8) => Task::Edit,
        _ => Task::Image,
    };
    let has_middle = denoiser.begins("middle_block.1.") || denoiser.begins("mid_block.resnets.1.");
    let family = match denoiser.some_takes("attn2.to_k.weight")? {
        768 if has_middle => Family::Sd1,
        768 if denoiser.begins("output_blocks.7.1.") || denoiser.begins("up_blocks.2.attentions.1.") => {
            Family::Sd1Tiny
        }
        768 => Family::Sdxs,
        1024 if has_middle => Family::Sd2,
        1024 => Family::Sd2Tiny,
        1280 => Family::SdxlRefiner,
        2048 if has_middle => Family::Sdxl,
        2048 if denoiser.begins("output_blocks.3.1.transformer_blocks.1.")
            || denoiser.begins("up_blocks.1.attentions.0.transformer_blocks.1.") =>
        {
            Family::SdxlSsd1b
        }
        2048 => Family::SdxlVega,
        _ => return None,
    };
    Some((family, task))
}
