//! Predictions against peaks that were measured with the real programs.

use loadmaster_checkpoint::{
    Parts, Role, Runs,
    memory::{self, Ask, Basis},
};

use crate::{
    models::{Model, autoencoder, clip_l, flux, ovis, qwen3, taesd},
    unet,
};

/// Models that were measured: random numbers in true shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Built {
    OvisMicro,
    OvisBig,
    Flux,
    Sd1,
    Sd1Tiny,
    /// Shapes that nothing was fitted on.
    OvisOther,
    FluxOther,
}

impl Built {
    fn parts(self) -> Parts {
        let with_encoder = |transformer: Model, text: Model| {
            let whole =
                Model::new().and("model.diffusion_model.", transformer).and("text_encoders.llm.", text);
            Parts::of(whole.checkpoint()).with_checkpoint(Role::Taesd, taesd(16).checkpoint())
        };
        let with_clip = |transformer: Model| {
            let clip = Model::new().and("text_model.", clip_l()).typed("F8_E4M3");
            Parts::of(transformer.checkpoint())
                .with_checkpoint(Role::ClipL, clip.checkpoint())
                .with_checkpoint(Role::Taesd, taesd(16).checkpoint())
        };
        let sd1 = |tiny: bool| {
            Model::new()
                .and("cond_stage_model.transformer.text_model.", clip_l())
                .and("model.diffusion_model.", unet::sd1(tiny))
                .and("first_stage_model.", autoencoder(4, true))
        };
        match self {
            Self::OvisMicro => with_encoder(ovis(128, 1, 0, 8), qwen3(8, 8)),
            Self::OvisBig => with_encoder(ovis(1536, 4, 4, 64), qwen3(64, 64)),
            Self::OvisOther => with_encoder(ovis(640, 2, 3, 48), qwen3(48, 96)),
            Self::Flux => with_clip(flux(128, 1, 1, false)),
            Self::FluxOther => with_clip(flux(384, 2, 2, false)),
            Self::Sd1 => Parts::of(sd1(false).checkpoint()),
            Self::Sd1Tiny => Parts::of(sd1(true).typed("F8_E4M3").checkpoint()),
        }
    }
}

/// Peaks in MiB on a machine of two cores: of `sd-cli` the most resident memory of the process, of `sd-server` the
/// most during one image, both with the environment that `memory`'s documentation names.
const MEASURED: &[(Built, Runs, u32, u32, f64)] = &[
    (Built::OvisMicro, Runs::OneShot, 256, 256, 207.1),
    (Built::OvisMicro, Runs::OneShot, 384, 384, 357.3),
    (Built::OvisMicro, Runs::OneShot, 512, 512, 571.8),
    (Built::OvisMicro, Runs::OneShot, 768, 768, 1175.3),
    (Built::OvisMicro, Runs::Resident, 256, 256, 210.0),
    (Built::OvisMicro, Runs::Resident, 384, 384, 361.8),
    (Built::OvisMicro, Runs::Resident, 512, 512, 574.6),
    (Built::OvisMicro, Runs::Resident, 768, 768, 1180.1),
    (Built::Flux, Runs::OneShot, 256, 256, 288.0),
    (Built::Flux, Runs::OneShot, 384, 384, 326.5),
    (Built::Flux, Runs::OneShot, 512, 512, 537.2),
    (Built::Flux, Runs::OneShot, 768, 768, 1148.2),
    (Built::Flux, Runs::Resident, 256, 256, 412.2),
    (Built::Flux, Runs::Resident, 384, 384, 564.9),
    (Built::Flux, Runs::Resident, 512, 512, 776.7),
    (Built::Flux, Runs::Resident, 768, 768, 1383.1),
    (Built::OvisBig, Runs::OneShot, 256, 256, 1304.2),
    (Built::OvisBig, Runs::OneShot, 384, 384, 1360.6),
    (Built::OvisBig, Runs::OneShot, 512, 512, 1454.3),
    (Built::OvisBig, Runs::OneShot, 768, 768, 1825.7),
    (Built::OvisBig, Runs::Resident, 256, 256, 1386.0),
    (Built::OvisBig, Runs::Resident, 384, 384, 1540.9),
    (Built::OvisBig, Runs::Resident, 512, 512, 1760.7),
    (Built::OvisBig, Runs::Resident, 768, 768, 2386.2),
    (Built::Sd1Tiny, Runs::OneShot, 256, 256, 984.0),
    (Built::Sd1Tiny, Runs::OneShot, 384, 384, 1075.3),
    (Built::Sd1Tiny, Runs::OneShot, 512, 512, 1807.7),
    (Built::Sd1Tiny, Runs::Resident, 256, 256, 1467.7),
    (Built::Sd1Tiny, Runs::Resident, 384, 384, 1993.4),
    (Built::Sd1Tiny, Runs::Resident, 512, 512, 2728.8),
    (Built::Sd1, Runs::OneShot, 256, 256, 2007.4),
    (Built::Sd1, Runs::OneShot, 384, 384, 2007.6),
    (Built::Sd1, Runs::OneShot, 512, 512, 2344.6),
    (Built::Sd1, Runs::Resident, 256, 256, 2491.9),
    (Built::Sd1, Runs::Resident, 384, 384, 3017.6),
    (Built::Sd1, Runs::Resident, 512, 512, 3753.0),
];

/// The same of numbers of pixels, ratios and shapes that no constant was fitted on: rows of `cargo xtask bench images`.
const HOLD_OUT: &[(Built, Runs, u32, u32, f64)] = &[
    (Built::OvisOther, Runs::OneShot, 384, 320, 312.5),
    (Built::OvisOther, Runs::OneShot, 640, 384, 543.4),
    (Built::OvisOther, Runs::OneShot, 448, 576, 566.3),
    (Built::OvisOther, Runs::OneShot, 896, 512, 943.8),
    (Built::OvisOther, Runs::Resident, 384, 320, 449.2),
    (Built::OvisOther, Runs::Resident, 640, 384, 677.3),
    (Built::OvisOther, Runs::Resident, 448, 576, 703.1),
    (Built::OvisOther, Runs::Resident, 896, 512, 1078.3),
    (Built::FluxOther, Runs::OneShot, 384, 320, 317.8),
    (Built::FluxOther, Runs::OneShot, 640, 384, 508.8),
    (Built::FluxOther, Runs::OneShot, 448, 576, 531.5),
    (Built::FluxOther, Runs::OneShot, 896, 512, 906.3),
    (Built::FluxOther, Runs::Resident, 384, 320, 553.1),
    (Built::FluxOther, Runs::Resident, 640, 384, 785.4),
    (Built::FluxOther, Runs::Resident, 448, 576, 805.4),
    (Built::FluxOther, Runs::Resident, 896, 512, 1181.7),
    (Built::Sd1, Runs::OneShot, 320, 256, 2007.3),
    (Built::Sd1, Runs::OneShot, 384, 320, 2007.7),
    (Built::Sd1, Runs::OneShot, 576, 192, 2007.5),
];

#[expect(clippy::cast_precision_loss, reason = "some gigabytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[test]
fn predictions_are_near_what_was_measured() {
    check(MEASURED);
}

#[test]
fn predictions_hold_for_what_they_were_not_fitted_on() {
    check(HOLD_OUT);
}

/// The promise: a median error of at most 1 %, never more than 5 % over, never more than 3 % short.
fn check(rows: &[(Built, Runs, u32, u32, f64)]) {
    let mut errors = Vec::new();
    for &(built, runs, width, height, measured) in rows {
        let memory = memory::peak(&built.parts(), &Ask::of(width, height)).unwrap();
        let predicted = mib(memory.peak(runs).host);
        assert_eq!((memory.basis, memory.peak(runs).device), (Basis::Measured, 0));
        let error = (predicted - measured) / measured;
        assert!(
            (-0.03..=0.05).contains(&error),
            "{built:?} {runs:?} {width}x{height}: {predicted:.0} MiB predicted, {measured} measured"
        );
        errors.push(error.abs());
    }
    errors.sort_by(f64::total_cmp);
    let median = errors[errors.len() / 2];
    assert!(median <= 0.01, "the median error is {median}");
}

#[test]
fn weights_are_what_the_engine_prints() {
    let weights = |built: Built| {
        let memory = memory::peak(&built.parts(), &Ask::of(512, 512)).unwrap();
        let of = |phase: memory::Phase| mib(phase.weights.host);
        [of(memory.text), of(memory.denoiser), of(memory.decoder)]
    };
    // `total params memory size` of sd-cli, in MiB.
    for (built, printed) in [
        (Built::Sd1, [235.06, 1640.25, 94.47]),
        (Built::Sd1Tiny, [235.06, 617.2, 94.47]),
        (Built::Flux, [235.06, 3.03, 2.35]),
        (Built::OvisMicro, [2.47, 1.59, 2.35]),
    ] {
        for (ours, printed) in weights(built).into_iter().zip(printed) {
            assert!((ours - printed).abs() < 0.06, "{built:?}: {ours} MiB, and {printed} are printed");
        }
    }
}

/// With flash attention, in MiB: less for the denoiser, and no less where the decoder is the largest.
#[test]
fn flash_attention_is_predicted() {
    for (built, runs, measured) in [
        (Built::Sd1, Runs::OneShot, 2007.7),
        (Built::Sd1, Runs::Resident, 3749.6),
        (Built::OvisBig, Runs::OneShot, 1427.2),
    ] {
        let ask = Ask { flash_attention: true, ..Ask::of(512, 512) };
        let predicted = mib(memory::peak(&built.parts(), &ask).unwrap().peak(runs).host);
        let error = (predicted - measured) / measured;
        assert!(
            (-0.03..=0.05).contains(&error),
            "{built:?} {runs:?}: {predicted:.0} MiB, and {measured} measured"
        );
    }
}

/// `compute buffer size` that the engine prints with `-v`, in MiB: the denoiser's and the decoder's.
#[test]
fn buffers_are_what_the_engine_prints() {
    for (built, side, denoiser, decoder) in [
        (Built::Sd1, 256, 49.6, 416.0),
        (Built::Sd1, 512, 559.9, 1664.1),
        (Built::Sd1, 640, 1320.6, 2600.1),
        (Built::Sd1Tiny, 384, 185.99, 936.04),
        (Built::OvisBig, 512, 201.1, 480.25),
        (Built::OvisBig, 768, 547.66, 1080.56),
    ] {
        let memory = memory::peak(&built.parts(), &Ask::of(side, side)).unwrap();
        let ours = [mib(memory.denoiser.compute.host), mib(memory.decoder.compute.host)];
        for (ours, printed) in ours.into_iter().zip([denoiser, decoder]) {
            assert!(
                (ours / printed - 1.0).abs() < 0.01,
                "{built:?} {side}: {ours} MiB, and {printed} are printed"
            );
        }
    }
}
