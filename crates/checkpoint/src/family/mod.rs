//! Families of image models.

mod facts;
mod tell;

use std::fmt;

use serde::Serialize;

pub use self::facts::Defaults;
pub(crate) use self::tell::tell;

/// The family of a model: which engine code runs it, with which encoders and autoencoder.
///
/// What the tensors do not show is not told apart: a Stable Diffusion XL that was distilled for few steps
/// (Turbo, Lightning) has the tensors of the base model, and FLUX.1 Kontext those of FLUX.1 dev.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Family {
    /// Stable Diffusion 1.x.
    Sd1,
    /// Stable Diffusion 1.x with a small UNet (BK-SDM, Segmind's tiny).
    Sd1Tiny,
    /// SDXS-512-DreamShaper: Stable Diffusion 1.x with one step.
    Sdxs,
    /// Stable Diffusion 2.x.
    Sd2,
    /// Stable Diffusion 2.x with a small UNet (SDXS 0.9 among them).
    Sd2Tiny,
    /// Stable Diffusion XL.
    Sdxl,
    /// The refiner of Stable Diffusion XL, which stable-diffusion.cpp does not run.
    SdxlRefiner,
    /// Segmind SSD-1B.
    SdxlSsd1b,
    /// Segmind Vega.
    SdxlVega,
    /// Stable Video Diffusion.
    Svd,
    /// Stable Diffusion 3 and 3.5.
    Sd3,
    /// FLUX.1 with guidance: dev, Fill, Kontext, Krea.
    Flux1Dev,
    /// FLUX.1 without guidance: schnell.
    Flux1Schnell,
    /// Chroma.
    Chroma,
    /// Chroma1-Radiance, which works on pixels and has no autoencoder.
    ChromaRadiance,
    /// FLUX.2 dev.
    Flux2,
    /// FLUX.2 klein.
    Flux2Klein,
    /// `LongCat`-Image.
    LongCat,
    /// Qwen-Image and Qwen-Image-Edit.
    QwenImage,
    /// Z-Image.
    ZImage,
    /// Ovis-Image.
    OvisImage,
    /// ERNIE-Image.
    ErnieImage,
    /// Anima.
    Anima,
    /// Wan 2.1 and 2.2.
    Wan,
    /// PixArt-alpha and -sigma, which stable-diffusion.cpp does not run.
    PixArt,
}

/// What a model is made to do, as far as its tensors show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Task {
    /// Pictures from words.
    Image,
    /// Pictures with a masked part filled.
    Inpaint,
    /// Pictures changed as words say.
    Edit,
    /// Pictures led by another (depth, edges).
    Control,
    /// Videos.
    Video,
}

impl Family {
    /// All families.
    pub const ALL: &[Self] = &[
        Self::Sd1,
        Self::Sd1Tiny,
        Self::Sdxs,
        Self::Sd2,
        Self::Sd2Tiny,
        Self::Sdxl,
        Self::SdxlRefiner,
        Self::SdxlSsd1b,
        Self::SdxlVega,
        Self::Svd,
        Self::Sd3,
        Self::Flux1Dev,
        Self::Flux1Schnell,
        Self::Chroma,
        Self::ChromaRadiance,
        Self::Flux2,
        Self::Flux2Klein,
        Self::LongCat,
        Self::QwenImage,
        Self::ZImage,
        Self::OvisImage,
        Self::ErnieImage,
        Self::Anima,
        Self::Wan,
        Self::PixArt,
    ];

    /// Its name for people, as in `Stable Diffusion 1.x`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sd1 => "Stable Diffusion 1.x",
            Self::Sd1Tiny => "Stable Diffusion 1.x, tiny UNet",
            Self::Sdxs => "SDXS",
            Self::Sd2 => "Stable Diffusion 2.x",
            Self::Sd2Tiny => "Stable Diffusion 2.x, tiny UNet",
            Self::Sdxl => "Stable Diffusion XL",
            Self::SdxlRefiner => "Stable Diffusion XL refiner",
            Self::SdxlSsd1b => "SSD-1B",
            Self::SdxlVega => "Segmind Vega",
            Self::Svd => "Stable Video Diffusion",
            Self::Sd3 => "Stable Diffusion 3.x",
            Self::Flux1Dev => "FLUX.1 dev",
            Self::Flux1Schnell => "FLUX.1 schnell",
            Self::Chroma => "Chroma",
            Self::ChromaRadiance => "Chroma1-Radiance",
            Self::Flux2 => "FLUX.2 dev",
            Self::Flux2Klein => "FLUX.2 klein",
            Self::LongCat => "LongCat-Image",
            Self::QwenImage => "Qwen-Image",
            Self::ZImage => "Z-Image",
            Self::OvisImage => "Ovis-Image",
            Self::ErnieImage => "ERNIE-Image",
            Self::Anima => "Anima",
            Self::Wan => "Wan 2.x",
            Self::PixArt => "PixArt",
        }
    }

    /// Its name in JSON and settings, as in `sd1`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sd1 => "sd1",
            Self::Sd1Tiny => "sd1_tiny",
            Self::Sdxs => "sdxs",
            Self::Sd2 => "sd2",
            Self::Sd2Tiny => "sd2_tiny",
            Self::Sdxl => "sdxl",
            Self::SdxlRefiner => "sdxl_refiner",
            Self::SdxlSsd1b => "sdxl_ssd1b",
            Self::SdxlVega => "sdxl_vega",
            Self::Svd => "svd",
            Self::Sd3 => "sd3",
            Self::Flux1Dev => "flux1_dev",
            Self::Flux1Schnell => "flux1_schnell",
            Self::Chroma => "chroma",
            Self::ChromaRadiance => "chroma_radiance",
            Self::Flux2 => "flux2",
            Self::Flux2Klein => "flux2_klein",
            Self::LongCat => "long_cat",
            Self::QwenImage => "qwen_image",
            Self::ZImage => "z_image",
            Self::OvisImage => "ovis_image",
            Self::ErnieImage => "ernie_image",
            Self::Anima => "anima",
            Self::Wan => "wan",
            Self::PixArt => "pix_art",
        }
    }

    /// Whether its denoiser is a UNet (else it is a diffusion transformer).
    pub const fn is_unet(self) -> bool {
        matches!(
            self,
            Self::Sd1
                | Self::Sd1Tiny
                | Self::Sdxs
                | Self::Sd2
                | Self::Sd2Tiny
                | Self::Sdxl
                | Self::SdxlRefiner
                | Self::SdxlSsd1b
                | Self::SdxlVega
                | Self::Svd
        )
    }

    /// Whether stable-diffusion.cpp runs it, as far as its source of May 2026 says.
    pub const fn is_runnable(self) -> bool {
        !matches!(self, Self::SdxlRefiner | Self::Svd | Self::LongCat | Self::PixArt)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
