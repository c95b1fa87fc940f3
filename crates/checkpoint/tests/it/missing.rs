//! What is said to be missing before a start.

use loadmaster_checkpoint::{Otherwise, Parts, Role, Runs};

use crate::{
    models::{Model, autoencoder, clip_l, flux, ovis, qwen3, taesd},
    unet,
};

fn missing(parts: &Parts, runs: Runs) -> Vec<(Role, Otherwise)> {
    parts.missing(runs).into_iter().map(|missing| (missing.role, missing.otherwise)).collect()
}

#[test]
fn a_whole_checkpoint_lacks_nothing() {
    let whole = Model::new()
        .and("cond_stage_model.transformer.text_model.", clip_l())
        .and("model.diffusion_model.", unet::sd1(false))
        .and("first_stage_model.", autoencoder(4, true));
    let parts = Parts::of(whole.checkpoint());
    assert_eq!(parts.main_role(), None);
    assert_eq!(parts.roles(), [Role::DiffusionModel, Role::ClipL, Role::Vae]);
    assert!(missing(&parts, Runs::Resident).is_empty() && missing(&parts, Runs::OneShot).is_empty());
    assert!(parts.weaker_without().is_empty());
}

#[test]
fn a_model_without_encoder_is_known_to_crash() {
    let parts =
        Parts::of(flux(128, 1, 1, false).checkpoint()).with_checkpoint(Role::Taesd, taesd(16).checkpoint());
    assert_eq!(parts.main_role(), Some(Role::DiffusionModel));
    assert_eq!(missing(&parts, Runs::OneShot), [(Role::ClipL, Otherwise::CrashesAtFirstImage)]);
    let text = parts.missing(Runs::OneShot)[0].to_string();
    assert_eq!(
        text,
        "clip_l or t5xxl is missing: the model loads without it, and crashes at the first image"
    );

    let parts = parts.with_checkpoint(Role::ClipL, Model::new().and("text_model.", clip_l()).checkpoint());
    assert!(missing(&parts, Runs::Resident).is_empty());
    assert_eq!(parts.weaker_without(), [Role::T5xxl]);
}

#[test]
fn what_does_not_load_is_named() {
    let parts = Parts::of(ovis(128, 1, 0, 8).checkpoint());
    let does_not_start = |role| (role, Otherwise::DoesNotStart);
    assert_eq!(missing(&parts, Runs::OneShot), [does_not_start(Role::Llm), does_not_start(Role::Vae)]);
    let parts = parts
        .with_checkpoint(Role::Llm, qwen3(8, 8).checkpoint())
        .with_checkpoint(Role::Vae, autoencoder(16, false).checkpoint());
    assert!(missing(&parts, Runs::Resident).is_empty());
}

#[test]
fn a_server_needs_both_halves_of_the_autoencoder() {
    let halves = |vae: Model| {
        Parts::of(ovis(128, 1, 0, 8).checkpoint())
            .with_checkpoint(Role::Llm, qwen3(8, 8).checkpoint())
            .with_checkpoint(Role::Vae, vae.checkpoint())
    };
    let only_decoder = Model::new().with("decoder.conv_in.weight", &[512, 16, 3, 3]);
    let parts = halves(only_decoder);
    assert!(missing(&parts, Runs::OneShot).is_empty());
    assert_eq!(missing(&parts, Runs::Resident), [(Role::Vae, Otherwise::LacksEncoder)]);
}

#[test]
fn a_component_takes_the_place_of_what_the_checkpoint_has() {
    let whole = Model::new()
        .and("model.diffusion_model.", unet::sd1(false))
        .and("first_stage_model.", autoencoder(4, true));
    let parts = Parts::of(whole.checkpoint());
    let decoder = Model::new().with("decoder.conv_in.weight", &[512, 4, 3, 3]);
    let parts = parts.with_checkpoint(Role::Vae, decoder.checkpoint());
    assert_eq!(
        missing(&parts, Runs::Resident),
        [(Role::ClipL, Otherwise::DoesNotStart), (Role::Vae, Otherwise::LacksEncoder)]
    );
    // A whole checkpoint that is named for one part gives that part alone.
    let clip = Model::new()
        .and("cond_stage_model.transformer.text_model.", clip_l())
        .and("first_stage_model.", autoencoder(4, true));
    let parts = parts.with_checkpoint(Role::ClipL, clip.checkpoint());
    assert_eq!(missing(&parts, Runs::Resident), [(Role::Vae, Otherwise::LacksEncoder)]);
}
