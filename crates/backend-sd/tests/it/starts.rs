//! Starts that fail, each for a real reason.

use std::path::Path;

use loadmaster_core::{BackendError, FailureReason, LaunchPlan};
use loadmaster_supervise::{Spec, Supervisor};
use serde_json::json;

use crate::place::{Place, fixture, micro, model_file};

/// A plan for `file` that was made for another one: what a file turned into after it was planned.
async fn plan_for(place: &Place, file: &Path) -> LaunchPlan {
    let mut plan = place.plan(&micro("resident")).await.unwrap();
    file.clone_into(&mut plan.model.path);
    plan
}

fn reason(error: BackendError) -> FailureReason {
    match error {
        BackendError::StartFailed { failure, .. } => failure.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn damaged_and_foreign_files_are_told() {
    let place = Place::new();
    let whole = std::fs::read(model_file("micro.safetensors")).unwrap();
    let cut = place.home.path().join("cut.safetensors");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    for (file, told) in [(cut, "incomplete"), (model_file("flux-clip.safetensors"), "no known family")] {
        let request = crate::place::of_file(&file, &json!({"taesd": model_file("micro-tae.safetensors")}));
        let error = place.plan(&request).await.unwrap_err();
        let BackendError::ModelUnreadable { cause, remedy, .. } = &error else { panic!("{error:?}") };
        assert!(cause.contains(told) || remedy.contains(told), "{cause} {remedy}");
    }
}

#[tokio::test]
async fn what_the_server_cannot_load_is_diagnosed() {
    let place = Place::new();
    // The plan's file is good for us and not for the server: its decoder is missing there.
    let mut plan = plan_for(&place, &model_file("micro.safetensors")).await;
    plan.settings["components"] = json!({"vae": model_file("flux-clip.safetensors")});
    let error = place.try_start(plan).await.unwrap_err();
    assert_eq!(reason(error), FailureReason::BadModel);
    let mut plan = place.plan(&micro("resident")).await.unwrap();
    plan.settings["extra"] = json!({"--no-such-flag": null});
    assert!(matches!(reason(place.try_start(plan).await.unwrap_err()), FailureReason::BadFlag { .. }));
}

#[tokio::test]
async fn a_port_that_another_server_has_is_not_ours() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = Place::with(&json!({"port": port}), None);
    let supervisor = Supervisor::new(None);
    let foreign = Spec::new(fixture("LOADMASTER_TEST_SD_SERVER"))
        .arg("-m")
        .arg(model_file("micro.safetensors"))
        .arg("--tae")
        .arg(model_file("micro-tae.safetensors"))
        .args(["--listen-port", &port.to_string(), "--lora-model-dir"])
        .arg(place.home.path());
    let foreign = supervisor.spawn(foreign).await.unwrap();
    let probe = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
    foreign
        .ready(probe, std::time::Duration::from_millis(20), std::time::Duration::from_mins(1))
        .await
        .unwrap();
    let plan = place.plan(&micro("resident")).await.unwrap();
    let error = place.try_start(plan).await.unwrap_err();
    assert!(matches!(error, BackendError::NotOurs { .. }), "{error:?}");
    foreign.stop(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_is_good_once_it_is_free() {
    // A listener that shares with nobody makes the server end with 0.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::with(&json!({"port": listener.local_addr().unwrap().port()}), None);
    let plan = place.plan(&micro("resident")).await.unwrap();
    assert_eq!(reason(place.try_start(plan.clone()).await.unwrap_err()), FailureReason::AddressInUse);
    drop(listener);
    let instance = place.try_start(plan).await.unwrap();
    place.backend.stop(&instance, std::time::Duration::ZERO).await.unwrap();
}
