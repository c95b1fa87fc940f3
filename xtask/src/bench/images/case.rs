//! Which models are measured, how and at which sizes.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use loadmaster_checkpoint::memory::Ask;
use loadmaster_checkpoint::{Parts, Role};
use serde::{Deserialize, Serialize};

use super::Way;

/// A model of the fixtures.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    file: &'static str,
    components: &'static [(Role, &'static str)],
}

/// What the program is told beside the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Options {
    None,
    FlashAttention,
    Tiling,
    DirectConvolution,
}

/// A model, and what is painted with it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) model: &'static Model,
    pub(super) options: Options,
    /// Width and height in pixels: only their product counts.
    pub(super) sides: &'static [u32],
}

const TAE: (Role, &str) = (Role::Taesd, "micro-tae.safetensors");

const OVIS: Model = Model { name: "Ovis, tiny", file: "micro.safetensors", components: &[TAE] };
const OVIS_KL: Model = Model {
    name: "Ovis, tiny, large autoencoder",
    file: "micro.safetensors",
    components: &[(Role::Vae, "kl-vae.safetensors")],
};
const OVIS_BIG: Model = Model { name: "Ovis, 1172 MiB", file: "big-ovis.safetensors", components: &[TAE] };
const FLUX: Model = Model {
    name: "Flux.1, small",
    file: "flux-dit.safetensors",
    components: &[(Role::ClipL, "flux-clip.safetensors"), TAE],
};
const SD1: Model = Model { name: "Stable Diffusion 1.5", file: "sd1.safetensors", components: &[] };
const SD1_TINY: Model =
    Model { name: "Stable Diffusion 1, distilled", file: "sd1tiny.safetensors", components: &[] };

/// The large autoencoder takes 3.7 GiB for 768 x 768, and minutes.
const LARGE: &[u32] = &[256, 384, 512, 768];
const SMALL: &[u32] = &[256, 384, 512, 640];

pub(super) const CASES: &[Case] = &[
    Case { model: &SD1, options: Options::None, sides: SMALL },
    Case { model: &SD1_TINY, options: Options::None, sides: SMALL },
    Case { model: &OVIS, options: Options::None, sides: LARGE },
    Case { model: &OVIS_KL, options: Options::None, sides: &[256, 384, 512] },
    Case { model: &OVIS_BIG, options: Options::None, sides: LARGE },
    Case { model: &FLUX, options: Options::None, sides: LARGE },
    Case { model: &SD1, options: Options::FlashAttention, sides: &[512] },
    Case { model: &SD1, options: Options::Tiling, sides: &[512] },
    Case { model: &SD1, options: Options::DirectConvolution, sides: &[512] },
];

impl Options {
    /// As the programs are told.
    pub(super) fn argument(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::FlashAttention => Some("--diffusion-fa"),
            Self::Tiling => Some("--vae-tiling"),
            Self::DirectConvolution => Some("--vae-conv-direct"),
        }
    }
}

impl Case {
    /// Each image of it, both ways.
    pub(super) fn images(&self) -> impl Iterator<Item = (&Self, u32, Way)> {
        self.sides.iter().flat_map(move |side| [(self, *side, Way::OneShot), (self, *side, Way::Resident)])
    }

    /// The model and the options, as both programs are told.
    pub(super) fn arguments(&self, folder: &Path) -> Vec<OsString> {
        let main = self.model.file;
        // A transformer alone is a component like the others.
        let option = if main == FLUX.file { "--diffusion-model" } else { "-m" };
        let components =
            self.model.components.iter().filter_map(|(role, file)| Some((role.option()?, *file)));
        let files = std::iter::once((option, main)).chain(components);
        let mut arguments: Vec<OsString> =
            files.flat_map(|(option, file)| [option.into(), folder.join(file).into()]).collect();
        arguments.extend(self.options.argument().map(OsString::from));
        arguments
    }

    /// The same for who predicts.
    pub(super) fn parts(&self, folder: &Path) -> Result<Parts> {
        let main = Parts::open(folder.join(self.model.file))?;
        self.model
            .components
            .iter()
            .try_fold(main, |parts, (role, file)| Ok(parts.with(*role, folder.join(file))?))
    }

    /// What is predicted of an image of this size.
    pub(super) fn ask(&self, side: u32) -> Ask {
        let mut ask = Ask::of(side, side);
        match self.options {
            Options::None => {}
            Options::FlashAttention => ask.flash_attention = true,
            Options::Tiling => ask.vae_tiling = true,
            Options::DirectConvolution => ask.vae_conv_direct = true,
        }
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_of_every_file() {
        let case = Case { model: &FLUX, options: Options::Tiling, sides: &[64] };
        let shown: Vec<_> = case
            .arguments(Path::new("m"))
            .iter()
            .map(|word| word.to_string_lossy().replace('\\', "/"))
            .collect();
        let told = "--diffusion-model m/flux-dit.safetensors --clip_l m/flux-clip.safetensors \
                    --taesd m/micro-tae.safetensors --vae-tiling";
        assert_eq!(shown.join(" "), told);
    }

    #[test]
    fn three_families_are_measured_at_four_sizes_both_ways() {
        let four = |model: &Model| {
            CASES.iter().any(|case| case.model.name == model.name && case.images().count() == 8)
        };
        assert!(four(&SD1) && four(&OVIS) && four(&FLUX));
    }
}
