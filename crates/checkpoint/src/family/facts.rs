//! What each family is usually asked for.

use serde::Serialize;

use super::Family;

/// Usual settings of a family, each from the model's card or from stable-diffusion.cpp's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Defaults {
    /// Side of the square picture that the family was trained on, in pixels.
    pub side: u32,
    /// Sides must be multiples of this many pixels.
    pub multiple: u32,
    /// Denoising steps.
    pub steps: u32,
    /// Classifier-free guidance; 1 is none, and takes half the time of more.
    pub cfg_scale: f32,
    /// Guidance that the model was distilled with, for those that take it.
    pub guidance: Option<f32>,
    /// Sampler, as stable-diffusion.cpp calls it.
    pub sampler: &'static str,
    /// Where the figures are from.
    pub source: &'static str,
}

impl Family {
    /// What the family is usually asked for.
    pub const fn defaults(self) -> Defaults {
        let (side, steps, cfg_scale, guidance, sampler, source) = self.row();
        Defaults { side, multiple: self.multiple(), steps, cfg_scale, guidance, sampler, source }
    }

    /// Pixels of a latent by pixels that the denoiser takes together (stable-diffusion.cpp rounds sizes up to
    /// it: the autoencoder's factor by the patch of the transformer; `get_vae_scale_factor` and
    /// `get_diffusion_model_down_factor`).
    const fn multiple(self) -> u32 {
        match self {
            Self::Sd3
            | Self::Flux1Dev
            | Self::Flux1Schnell
            | Self::Chroma
            | Self::ChromaRadiance
            | Self::Flux2
            | Self::Flux2Klein
            | Self::LongCat
            | Self::QwenImage
            | Self::ZImage
            | Self::OvisImage
            | Self::ErnieImage
            | Self::Anima
            | Self::Wan
            | Self::PixArt => 16,
            Self::Sdxl | Self::SdxlRefiner | Self::SdxlSsd1b | Self::SdxlVega => 8,
            _ => 8,
        }
    }

    #[expect(clippy::type_complexity, reason = "one row of a table, taken apart where it is used")]
    const fn row(self) -> (u32, u32, f32, Option<f32>, &'static str, &'static str) {
        match self {
            Self::Sd1 => (512, 20, 7.0, None, "euler_a", "defaults of sd-cli; model card of v1-5"),
            Self::Sd1Tiny | Self::Sd2Tiny => (512, 20, 7.0, None, "euler_a", "docs/distilled_sd.md"),
            Self::Sdxs => (512, 1, 1.0, None, "euler", "docs/distilled_sd.md"),
            Self::Sd2 => (768, 20, 7.0, None, "euler_a", "model card of stable-diffusion-2-1"),
            Self::Sdxl | Self::SdxlSsd1b | Self::SdxlVega | Self::SdxlRefiner => {
                (1024, 20, 7.0, None, "euler_a", "docs/sd.md; model card of stable-diffusion-xl-base-1.0")
            }
            Self::Svd => (1024, 25, 2.5, None, "euler", "model card of stable-video-diffusion"),
            Self::Sd3 => (1024, 20, 4.5, None, "euler", "docs/sd3.md"),
            Self::Flux1Dev => (1024, 20, 1.0, Some(3.5), "euler", "docs/flux.md"),
            Self::Flux1Schnell => (1024, 4, 1.0, None, "euler", "docs/flux.md"),
            Self::Chroma => (1024, 20, 4.0, None, "euler", "docs/chroma.md"),
            Self::ChromaRadiance => (1024, 20, 4.0, None, "euler", "docs/chroma_radiance.md"),
            Self::Flux2 => (1024, 20, 1.0, Some(3.5), "euler", "docs/flux2.md"),
            Self::Flux2Klein => (1024, 4, 1.0, None, "euler", "docs/flux2.md"),
            Self::LongCat => (1024, 50, 4.5, None, "euler", "model card of LongCat-Image"),
            Self::QwenImage => (1024, 20, 2.5, None, "euler", "docs/qwen_image.md"),
            Self::ZImage => (1024, 8, 1.0, None, "euler", "docs/z_image.md"),
            Self::OvisImage => (1024, 20, 5.0, None, "euler", "docs/ovis_image.md"),
            Self::ErnieImage => (1024, 20, 5.0, None, "euler", "docs/ernie_image.md"),
            Self::Anima => (1024, 20, 6.0, None, "euler", "docs/anima.md"),
            Self::Wan => (832, 20, 6.0, None, "euler", "docs/wan.md"),
            Self::PixArt => (1024, 20, 4.5, None, "euler", "model card of PixArt-Sigma-XL-2-1024-MS"),
        }
    }
}
