//! Starts that fail, each for a real reason.

use loadmaster_core::{BackendError, FailureReason, Remedy as _};
use loadmaster_supervise::{Spec, Supervisor};
use serde_json::json;

use crate::place::{Place, fixture, micro, model_file};

fn reason(error: BackendError) -> FailureReason {
    match error {
        BackendError::StartFailed { failure, .. } => failure.reason,
        other => panic!("{other:?}"),
    }
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
    let error = place.try_start(plan.clone()).await.unwrap_err();
    assert!(matches!(error, BackendError::NotOurs { .. }), "{error:?}");
    assert!(error.remedy().contains("Stop the other server"), "{error:?}");
    // Ours is gone, the other one is not touched, and when that has gone too there is nothing in the way.
    place.backend.settled().await;
    assert!(foreign.exit().now().is_none());
    #[cfg(target_os = "linux")]
    crate::left::nothing_of(&place).await;
    foreign.stop(std::time::Duration::ZERO).await;
    let running = place.start_plan(&plan).await;
    running.paint(&crate::place::cat()).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_is_good_once_it_is_free() {
    // A listener that shares with nobody makes the server end with 0.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::with(&json!({"port": listener.local_addr().unwrap().port()}), None);
    let plan = place.plan(&micro("resident")).await.unwrap();
    let error = place.try_start(plan.clone()).await.unwrap_err();
    assert!(error.remedy().contains("stop the program that listens there"), "{error:?}");
    assert_eq!(reason(error), FailureReason::AddressInUse);
    #[cfg(target_os = "linux")]
    crate::left::nothing_of(&place).await;
    drop(listener);
    let running = place.start_plan(&plan).await;
    running.paint(&crate::place::cat()).await.unwrap();
    running.stop().await;
}
