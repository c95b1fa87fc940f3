//! What changes from one start to the next: the build, what is known of memory, and the way of running.

use loadmaster_core::Estimate;
use loadmaster_upstream::Method;
use serde_json::{Value, json};

use crate::place::{Place, Running, cat, cat_with, machine, micro};

async fn samplers(running: &Running<'_>) -> Vec<String> {
    let request = running.upstream.request(Method::GET, "/v1/images/capabilities");
    let told: Value = request.send().await.unwrap().json().await.unwrap();
    serde_json::from_value(told["samplers"].clone()).unwrap()
}

/// An update puts another program where the old one was.
#[cfg(unix)]
#[tokio::test]
async fn a_build_that_was_replaced_is_asked_again() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sd-cli");
    let install = |line: &str| {
        let real = crate::place::fixture("LOADMASTER_TEST_SD_CLI");
        std::fs::write(&program, format!("#!/bin/sh\n'{}' \"$@\"{line}\n", real.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    };
    let place = Place::with(&json!({ "cli": program }), None);
    for (line, knows) in [("", false), (" | sed 's/\\[euler,/[newest,euler,/'", true)] {
        install(line);
        let running = place.start(&micro("one-shot")).await;
        let samplers = samplers(&running).await;
        assert!(samplers.iter().any(|name| name == "euler"), "{samplers:?}");
        assert_eq!(samplers.iter().any(|name| name == "newest"), knows, "{samplers:?}");
        running.stop().await;
    }
}

/// What the way that keeps the model took here before decides, and not what was predicted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_way_is_chosen_by_what_was_measured() {
    let place = Place::new();
    let resident = place.plan(&micro("resident").with("pixels", 64 * 64)).await.unwrap();
    let reserved = |estimate: &Estimate| estimate.reservation(&estimate.devices[0].device);
    let predicted = reserved(&place.backend.estimate_resources(&resident).await.unwrap());
    let running = place.start_plan(&resident).await;
    running.paint(&cat()).await.unwrap();
    running.stop().await;
    let measured = reserved(&place.backend.estimate_resources(&resident).await.unwrap());
    assert!(predicted.abs_diff(measured) > 1 << 20, "{predicted} predicted, {measured} taken");
    // One of the two fits into this, and it is the one that was measured that counts.
    let between = machine(predicted.midpoint(measured));
    let plan = place.backend.plan(&micro("auto").with("pixels", 64 * 64), &between).await.unwrap();
    assert_eq!(plan.settings["mode"], if measured < predicted { "resident" } else { "one-shot" });
}

/// As memory comes and goes, the same request is run one way or the other, and makes the same image.
#[tokio::test]
async fn auto_goes_there_and_back() {
    let place = Place::new();
    let wish = cat_with(&json!({"n": 2}));
    let mut images = Vec::new();
    for (free, mode) in [(1 << 34, "resident"), (300 << 20, "one-shot"), (1 << 34, "resident")] {
        let plan = place.backend.plan(&micro("auto"), &machine(free)).await.unwrap();
        assert_eq!(plan.settings["mode"], mode);
        let running = place.start_plan(&plan).await;
        assert_eq!(running.instance.pid.is_some(), mode == "resident");
        let answer = running.paint(&wish).await.unwrap();
        images.push(answer.data.into_iter().map(|image| image.b64_json).collect::<Vec<_>>());
        running.stop().await;
        #[cfg(target_os = "linux")]
        crate::left::nothing_of(&place).await;
    }
    assert!(images.iter().all(|same| *same == images[0]));
}
