//! A model, what it is told, and how the programs and the prediction are asked for the same image.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use loadmaster_checkpoint::memory::{Ask, Source};
use loadmaster_checkpoint::{Parts, Role};
use loadmaster_gguf::TensorType;
use serde::{Deserialize, Serialize};

use super::Way;

/// A model of random weights.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    /// Whether the file holds the denoiser alone.
    pub(super) alone: bool,
    pub(super) components: &'static [(Role, &'static str)],
}

/// Whether the constants of the formulas come from these rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// They were fitted on these, or on rows like these.
    Fit,
    /// Neither this number of pixels nor, where there is another shape, this model was seen when they were.
    HoldOut,
}

/// What the program is told beside the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Options {
    None,
    FlashAttention,
    Tiling,
    DirectConvolution,
    /// Matrices are converted to 8 bits while they are loaded.
    Converted,
    Mapped,
    /// Two images in one request.
    TwoImages,
    /// It begins with a picture.
    Picture,
}

/// A model, and what is painted with it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) set: Set,
    pub(super) model: &'static Model,
    pub(super) options: Options,
    /// Width and height in pixels.
    pub(super) sizes: &'static [(u32, u32)],
}

/// Where the models' files lie.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) fixtures: PathBuf,
    pub(super) hold_out: PathBuf,
}

impl Folders {
    fn find(&self, file: &str) -> PathBuf {
        let own = self.hold_out.join(file);
        if own.exists() { own } else { self.fixtures.join(file) }
    }
}

impl Options {
    /// As both programs are told when they start.
    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::None | Self::TwoImages | Self::Picture => &[],
            Self::FlashAttention => &["--diffusion-fa"],
            Self::Tiling => &["--vae-tiling"],
            Self::DirectConvolution => &["--vae-conv-direct"],
            Self::Converted => &["--type", "q8_0"],
            Self::Mapped => &["--mmap"],
        }
    }

    /// As a reader is told.
    pub(super) fn name(self) -> String {
        match self {
            Self::TwoImages => "two images".to_owned(),
            Self::Picture => "image to image".to_owned(),
            _ if self.arguments().is_empty() => String::new(),
            _ => format!("`{}`", self.arguments().join(" ")),
        }
    }

    /// How many images one request is for.
    pub(super) fn batch(self) -> u32 {
        if self == Self::TwoImages { 2 } else { 1 }
    }
}

impl Case {
    /// Each image of it, both ways.
    pub(super) fn images(&self) -> impl Iterator<Item = (&Self, (u32, u32), Way)> {
        self.sizes.iter().flat_map(move |size| [(self, *size, Way::OneShot), (self, *size, Way::Resident)])
    }

    /// The model and the options, as both programs are told.
    pub(super) fn arguments(&self, folders: &Folders) -> Vec<OsString> {
        // A transformer alone is a component like the others.
        let option = if self.model.alone { "--diffusion-model" } else { "-m" };
        let components =
            self.model.components.iter().filter_map(|(role, file)| Some((role.option()?, *file)));
        let files = std::iter::once((option, self.model.file)).chain(components);
        let mut arguments: Vec<OsString> =
            files.flat_map(|(option, file)| [option.into(), folders.find(file).into()]).collect();
        arguments.extend(self.options.arguments().iter().map(OsString::from));
        arguments
    }

    /// The same for who predicts: it reads the headers of these files, and nothing else.
    pub(super) fn parts(&self, folders: &Folders) -> Result<Parts> {
        let main = Parts::open(folders.find(self.model.file))?;
        self.model
            .components
            .iter()
            .try_fold(main, |parts, (role, file)| Ok(parts.with(*role, folders.find(file))?))
    }

    /// What is predicted of an image of this size.
    pub(super) fn ask(&self, (width, height): (u32, u32)) -> Ask {
        let mut ask = Ask::of(width, height);
        match self.options {
            Options::None | Options::TwoImages => {}
            Options::FlashAttention => ask.flash_attention = true,
            Options::Tiling => ask.vae_tiling = true,
            Options::DirectConvolution => ask.vae_conv_direct = true,
            Options::Converted => ask.weight_type = Some(TensorType::Q8_0),
            Options::Mapped => ask.mmap = true,
            Options::Picture => ask.source = Source::Picture,
        }
        ask
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn programs_are_told_of_every_file() {
        const MODEL: Model = Model {
            name: "a transformer",
            file: "dit.safetensors",
            alone: true,
            components: &[(Role::ClipL, "clip.safetensors"), (Role::Taesd, "tae.safetensors")],
        };
        let case = Case { set: Set::Fit, model: &MODEL, options: Options::Tiling, sizes: &[(64, 64)] };
        let folders = Folders { fixtures: Path::new("m").into(), hold_out: Path::new("nowhere").into() };
        let shown: Vec<_> =
            case.arguments(&folders).iter().map(|word| word.to_string_lossy().replace('\\', "/")).collect();
        let told = "--diffusion-model m/dit.safetensors --clip_l m/clip.safetensors \
                    --taesd m/tae.safetensors --vae-tiling";
        assert_eq!(shown.join(" "), told);
    }
}
