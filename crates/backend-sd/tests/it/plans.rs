//! Plans, and what is refused before a start.

use loadmaster_core::{BackendError, Remedy};
use serde_json::json;

use crate::place::{Place, asked, fixture, machine, micro, model_file};

#[tokio::test]
async fn auto_is_resident_where_it_fits() {
    let place = Place::new();
    let request = asked("sd1.safetensors", &json!({})).with("mode", "auto");
    for (free, mode, program) in
        [(1 << 34, "resident", "LOADMASTER_TEST_SD_SERVER"), (3 << 30, "one-shot", "LOADMASTER_TEST_SD_CLI")]
    {
        let plan = place.backend.plan(&request, &machine(free)).await.unwrap();
        assert_eq!(plan.settings["mode"], mode);
        assert_eq!(plan.server, Some(fixture(program)));
        assert_eq!(plan.settings["model_role"], "model");
    }
}

#[tokio::test]
async fn nothing_is_left_open_in_a_plan() {
    let place = Place::new();
    let plan = place.plan(&micro("auto")).await.unwrap();
    for setting in
        ["mode", "pixels", "threads", "steps", "cfg_scale", "sampler", "vae_tiling", "start_timeout"]
    {
        assert!(!plan.settings[setting].is_null(), "{setting}");
    }
    let again: loadmaster_core::LaunchPlan =
        serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(again, plan);
}

#[tokio::test]
async fn what_is_missing_is_told_before_a_start() {
    let place = Place::new();
    let tae = json!({"taesd": model_file("micro-tae.safetensors")});
    for (request, role) in
        [(asked("micro.safetensors", &json!({})), "vae"), (asked("flux-dit.safetensors", &tae), "clip_l")]
    {
        for error in
            [place.backend.check(&request).await.unwrap_err(), place.plan(&request).await.unwrap_err()]
        {
            assert!(matches!(error, BackendError::ModelUnreadable { .. }), "{error:?}");
            assert!(error.to_string().contains(role) && error.remedy().contains(role), "{error}");
        }
    }
    let error = place.plan(&asked("nothing.safetensors", &json!({}))).await.unwrap_err();
    assert!(matches!(error, BackendError::ModelMissing { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bare_diffusion_model_and_its_encoder_paint() {
    let place = Place::new();
    let files = json!({
        "taesd": model_file("micro-tae.safetensors"), "clip_l": model_file("flux-clip.safetensors"),
    });
    let request = asked("flux-dit.safetensors", &files).with("mode", "resident");
    assert_eq!(place.plan(&request).await.unwrap().settings["model_role"], "diffusion_model");
    let running = place.start(&request).await;
    running.paint(&crate::place::cat()).await.unwrap();
    running.stop().await;
}
