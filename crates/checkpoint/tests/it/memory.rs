//! How settings change what is predicted.

use loadmaster_checkpoint::{
    CheckpointError, Parts, Role, Runs,
    memory::{self, Ask, Basis, Gpu, PhaseMemory, Source},
};
use loadmaster_gguf::TensorType;
use proptest::prelude::*;

use crate::{
    models::{Model, autoencoder, clip_l, flux, taesd},
    unet,
};

const MIB: u64 = 1 << 20;

fn sd1() -> Parts {
    let whole = Model::new()
        .and("cond_stage_model.transformer.text_model.", clip_l())
        .and("model.diffusion_model.", unet::sd1(false))
        .and("first_stage_model.", autoencoder(4, true));
    Parts::of(whole.checkpoint())
}

fn asked(ask: &Ask) -> PhaseMemory {
    memory::peak(&sd1(), ask).unwrap()
}

#[test]
fn only_the_number_of_pixels_matters() {
    assert_eq!(asked(&Ask::of(512, 512)), asked(&Ask::of(1024, 256)));
    assert_eq!(asked(&Ask::of(512, 512)), asked(&Ask::of_pixels(512 * 512)));
    // Sides are rounded up as the engine rounds them.
    assert_eq!(asked(&Ask::of(505, 512)), asked(&Ask::of(512, 512)));
}

/// Rows of the documentation of stable-diffusion.cpp's options, measured on Stable Diffusion 1 (MiB).
#[test]
fn options_save_what_was_measured() {
    let plain = Ask::of(512, 512);
    let buffer = |bytes: u64| bytes / MIB;
    let flash = asked(&Ask { flash_attention: true, ..plain.clone() });
    assert_eq!(buffer(flash.denoiser.compute.host), 123);
    let tiled = asked(&Ask { vae_tiling: true, ..plain.clone() });
    assert_eq!(buffer(tiled.decoder.compute.host), 416);
    let direct = asked(&Ask { vae_conv_direct: true, ..plain.clone() });
    assert_eq!(buffer(direct.decoder.compute.host), 704);
    // 1654 MiB of weights with 8 bits, and 62 MiB more than them and the program while they are converted.
    let converted = asked(&Ask { weight_type: Some(TensorType::Q8_0), ..Ask::of(256, 256) });
    let weights =
        converted.text.weights.host + converted.denoiser.weights.host + converted.decoder.weights.host;
    assert!((1644..=1664).contains(&(weights / MIB)), "{}", weights / MIB);
    let measured = 1752.1;
    let peak = converted.one_shot.host / MIB;
    assert!((measured * 0.97..=measured * 1.05).contains(&f64::from(u32::try_from(peak).unwrap())), "{peak}");
}

#[test]
fn a_mapped_file_counts_while_it_is_loaded() {
    let mut file = Model::new()
        .and("cond_stage_model.transformer.text_model.", clip_l())
        .and("model.diffusion_model.", unet::sd1(false))
        .and("first_stage_model.", autoencoder(4, true))
        .checkpoint();
    file.file_bytes = 76_089_928;
    let parts = Parts::of(file);
    let peak = memory::peak(&parts, &Ask { mmap: true, ..Ask::of(256, 256) }).unwrap().one_shot.host / MIB;
    // 2079 were measured.
    assert!((2060..=2100).contains(&peak), "{peak}");
}

#[test]
fn a_picture_to_begin_with_is_encoded() {
    let text = asked(&Ask::of(512, 512));
    let picture = asked(&Ask { source: Source::Picture, ..Ask::of(512, 512) });
    assert_eq!(text.encoder.compute.host, 0);
    // 265.16 MiB are printed for 320 x 256.
    assert_eq!(picture.encoder.compute.host, (128 * 26 + 3 * 22) * 512 * 512);
    // The encoder's weights are loaded by sd-cli then only, and by sd-server always.
    assert!(picture.one_shot.host > text.one_shot.host + picture.encoder.weights.host / 2);
    assert_eq!(picture.resident.host, text.resident.host);
    assert_eq!(picture.basis, Basis::Counted);
}

#[test]
fn a_card_holds_what_is_not_kept_from_it() {
    let gpu = |gpu: Gpu| asked(&Ask { gpu: Some(gpu), ..Ask::of(512, 512) });
    let all = gpu(Gpu::default());
    assert_eq!((all.denoiser.weights.host, all.decoder.compute.host), (0, 0));
    assert!(all.one_shot.device > all.denoiser.weights.device && all.one_shot.host < 500 * MIB);
    assert_ne!(all.basis, Basis::Measured);

    let kept = gpu(Gpu { clip_on_cpu: true, vae_on_cpu: true, ..Gpu::default() });
    assert_eq!((kept.text.weights.device, kept.decoder.weights.device), (0, 0));
    assert_eq!(kept.denoiser, all.denoiser);
    assert!(kept.resident.device < all.resident.device && kept.resident.host > all.resident.host);

    // Weights wait in main memory, and only those of the phase at work are on the card.
    let offloaded = gpu(Gpu { offload_to_cpu: true, ..Gpu::default() });
    let weights = all.denoiser.weights.device + all.text.weights.device + all.decoder.weights.device;
    assert!(offloaded.one_shot.host > weights);
    assert!(offloaded.resident.device < all.resident.device);
    assert!(offloaded.idle.device < 500 * MIB && offloaded.idle.host > weights);
}

#[test]
fn adapters_and_control_are_added() {
    let plain = asked(&Ask::of(512, 512));
    let adapted = asked(&Ask { loras: 100 * MIB, ..Ask::of(512, 512) });
    assert!(adapted.one_shot.host > plain.one_shot.host && adapted.basis != Basis::Measured);
    let control = Model::new().with("input_blocks.0.0.weight", &[320, 4096, 64, 64]).checkpoint();
    let parts = sd1().with_checkpoint(Role::ControlNet, control);
    let controlled = memory::peak(&parts, &Ask::of(512, 512)).unwrap();
    assert!(controlled.denoiser.weights.host > plain.denoiser.weights.host);
    assert!(controlled.resident.host > plain.resident.host);
}

#[test]
fn what_is_no_family_has_no_prediction() {
    let parts = Parts::of(taesd(4).checkpoint());
    let error = memory::peak(&parts, &Ask::of(512, 512)).unwrap_err();
    assert!(matches!(error, CheckpointError::UnknownFamily { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// More pixels never take less, flash attention and tiling never more, and a resident model never less than
    /// what it holds.
    #[test]
    fn predictions_are_monotone(width in 1_u32..3000, height in 1_u32..3000, more in 0_u32..500) {
        let parts = Parts::of(flux(256, 1, 1, true).checkpoint())
            .with_checkpoint(Role::ClipL, clip_l().checkpoint())
            .with_checkpoint(Role::Vae, autoencoder(16, false).checkpoint());
        let of = |ask: &Ask| memory::peak(&parts, ask).unwrap();
        let small = of(&Ask::of(width, height));
        let large = of(&Ask::of(width + more, height));
        for runs in [Runs::OneShot, Runs::Resident] {
            prop_assert!(large.peak(runs).host >= small.peak(runs).host);
            let tiled = of(&Ask { vae_tiling: true, ..Ask::of(width, height) });
            prop_assert!(tiled.peak(runs).host <= small.peak(runs).host);
        }
        prop_assert!(small.resident.host > small.idle.host);
        prop_assert!(small.one_shot.host <= small.resident.host);
    }
}
