//! Which images are measured: those whose rows the formulas were fitted on, and those that they had never seen.

use loadmaster_checkpoint::Role;

use super::case::{Case, Model, Options, Set};
use crate::fixtures::hold_out;

const TAE: (Role, &str) = (Role::Taesd, "micro-tae.safetensors");
const CLIP: (Role, &str) = (Role::ClipL, "flux-clip.safetensors");

const OVIS: Model = Model { name: "Ovis, tiny", file: "micro.safetensors", alone: false, components: &[TAE] };
const OVIS_KL: Model = Model {
    name: "Ovis, tiny, large autoencoder",
    file: "micro.safetensors",
    alone: false,
    components: &[(Role::Vae, "kl-vae.safetensors")],
};
const OVIS_BIG: Model =
    Model { name: "Ovis, 1172 MiB", file: "big-ovis.safetensors", alone: false, components: &[TAE] };
const OVIS_OTHER: Model =
    Model { name: "Ovis, 640 wide, 2 + 3 blocks", file: hold_out::OVIS, alone: false, components: &[TAE] };
const FLUX: Model =
    Model { name: "Flux.1, small", file: "flux-dit.safetensors", alone: true, components: &[CLIP, TAE] };
const FLUX_OTHER: Model = Model {
    name: "Flux.1, 384 wide, 2 + 2 blocks",
    file: hold_out::FLUX,
    alone: true,
    components: &[CLIP, TAE],
};
const SD1: Model =
    Model { name: "Stable Diffusion 1.5", file: "sd1.safetensors", alone: false, components: &[] };
const SD1_TINY: Model = Model {
    name: "Stable Diffusion 1, distilled",
    file: "sd1tiny.safetensors",
    alone: false,
    components: &[],
};
const SD1_TINY_TAE: Model = Model {
    name: "Stable Diffusion 1, distilled, tiny autoencoder",
    file: "sd1tiny.safetensors",
    alone: false,
    components: &[(Role::Taesd, hold_out::TAE)],
};

/// With the large autoencoder an image of 768 x 768 takes 3.7 GiB and minutes, so that it is measured at smaller ones.
const LARGE: &[(u32, u32)] = &[(256, 256), (384, 384), (512, 512), (768, 768)];
const SMALL: &[(u32, u32)] = &[(192, 192), (256, 256), (384, 384), (512, 512)];
/// Pixels and ratios that are in neither of the above.
const UNSEEN: &[(u32, u32)] = &[(384, 320), (640, 384), (448, 576), (896, 512)];
const UNSEEN_SMALL: &[(u32, u32)] = &[(320, 256), (384, 320), (576, 192), (512, 448)];

const fn fitted(model: &'static Model, options: Options, sizes: &'static [(u32, u32)]) -> Case {
    Case { set: Set::Fit, model, options, sizes }
}

const fn unseen(model: &'static Model, options: Options, sizes: &'static [(u32, u32)]) -> Case {
    Case { set: Set::HoldOut, model, options, sizes }
}

pub(super) const CASES: &[Case] = &[
    unseen(&OVIS_OTHER, Options::None, UNSEEN),
    unseen(&FLUX_OTHER, Options::None, UNSEEN),
    unseen(&SD1, Options::None, UNSEEN_SMALL),
    unseen(&OVIS_OTHER, Options::FlashAttention, &[(640, 384)]),
    unseen(&OVIS_OTHER, Options::TwoImages, &[(640, 384)]),
    unseen(&OVIS_OTHER, Options::Mapped, &[(384, 320)]),
    unseen(&SD1_TINY_TAE, Options::None, &[(320, 256)]),
    unseen(&SD1_TINY, Options::Converted, &[(320, 256)]),
    unseen(&SD1_TINY, Options::Mapped, &[(320, 256)]),
    unseen(&SD1_TINY, Options::Picture, &[(448, 320)]),
    unseen(&SD1_TINY, Options::Tiling, &[(448, 320)]),
    unseen(&SD1_TINY, Options::DirectConvolution, &[(320, 256)]),
    unseen(&SD1_TINY, Options::FlashAttention, &[(320, 256)]),
    fitted(&SD1, Options::None, SMALL),
    fitted(&SD1_TINY, Options::None, SMALL),
    fitted(&OVIS, Options::None, LARGE),
    fitted(&OVIS_KL, Options::None, SMALL),
    fitted(&OVIS_BIG, Options::None, LARGE),
    fitted(&FLUX, Options::None, LARGE),
    fitted(&SD1, Options::FlashAttention, &[(384, 384), (512, 512)]),
    fitted(&SD1, Options::Tiling, &[(384, 384)]),
    fitted(&SD1, Options::DirectConvolution, &[(384, 384)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_families_are_measured_at_four_unseen_sizes_both_ways() {
        for model in [&SD1, &OVIS_OTHER, &FLUX_OTHER] {
            let is_whole = |case: &Case| {
                (case.set, case.model.name, case.images().count()) == (Set::HoldOut, model.name, 8)
            };
            assert!(CASES.iter().any(is_whole), "{}", model.name);
        }
    }

    #[test]
    fn no_unseen_image_has_as_many_pixels_as_one_of_the_fit() {
        let pixels = |set: Set| {
            CASES.iter().filter(move |case| case.set == set).flat_map(|case| case.sizes).map(|(w, h)| w * h)
        };
        assert!(pixels(Set::HoldOut).all(|unseen| pixels(Set::Fit).all(|fitted| fitted != unseen)));
    }
}
