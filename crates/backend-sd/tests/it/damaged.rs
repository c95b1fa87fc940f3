//! Files that are damaged, foreign or not all there: before a plan, and after it. Each file is a real one, cut or replaced.

use std::path::{Path, PathBuf};

use loadmaster_core::{BackendError, FailureReason, LoadRequest, Remedy as _};
use loadmaster_images::ErrorCode;
use serde_json::json;

use crate::{
    left,
    place::{Place, cat, micro, model_file, of_file},
};

/// A copy of the smallest model that a test may damage, as it is asked for.
fn copy(place: &Place, mode: &str) -> (PathBuf, LoadRequest) {
    let file = place.home.path().join("copy.safetensors");
    std::fs::copy(model_file("micro.safetensors"), &file).unwrap();
    let tae = json!({"taesd": model_file("micro-tae.safetensors")});
    let request = of_file(&file, &tae).with("mode", mode);
    (file, request)
}

fn cut(file: &Path) {
    let whole = std::fs::metadata(file).unwrap().len();
    std::fs::File::options().write(true).open(file).unwrap().set_len(whole / 2).unwrap();
}

/// A language model where an image model was: written anew, so that nothing of the old one is left.
fn replace(file: &Path) {
    std::fs::remove_file(file).unwrap();
    std::fs::copy(model_file("flux-clip.safetensors"), file).unwrap();
}

/// The ways to spoil a file, and what we say of it before a start.
type Spoiled = (fn(&Path), &'static str);
const SPOILED: [Spoiled; 2] = [(cut, "incomplete"), (replace, "no known family")];

#[tokio::test]
async fn what_is_spoiled_is_told_at_planning_and_at_the_start() {
    for mode in ["resident", "one-shot"] {
        for (spoil, told) in SPOILED {
            let place = Place::new();
            let (file, request) = copy(&place, mode);
            let plan = place.plan(&request).await.unwrap();
            spoil(&file);
            let late = place.try_start(plan.clone()).await.unwrap_err();
            for error in [place.plan(&request).await.unwrap_err(), late] {
                assert!(matches!(error, BackendError::ModelUnreadable { .. }), "{error:?}");
                let said = format!("{error} {}", error.remedy());
                assert!(said.contains(told) && !error.remedy().is_empty(), "{said}");
            }
            left::nothing_of(&place).await;
            copy(&place, mode);
            let running = place.start_plan(&plan).await;
            running.paint(&cat()).await.unwrap();
            running.stop().await;
        }
    }
}

/// The instance lives, and only `sd-cli` sees what has become of its model.
#[tokio::test]
async fn what_is_spoiled_after_the_start_is_told_by_each_request() {
    let place = Place::new();
    let (file, request) = copy(&place, "one-shot");
    let running = place.start(&request).await;
    for (spoil, _) in SPOILED {
        spoil(&file);
        let error = running.paint(&cat()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::GenerationFailed, "{error}");
        assert!(error.remedy.contains("loadmaster inspect"), "{error} {}", error.remedy);
        left::nothing_of(&place).await;
        copy(&place, "one-shot");
        running.paint(&cat()).await.unwrap();
    }
    running.stop().await;
}

/// A resident server has read its model: that the file is cut does no harm until the next start.
#[tokio::test]
async fn a_server_that_runs_does_not_need_its_file() {
    let place = Place::new();
    let (file, request) = copy(&place, "resident");
    let running = place.start(&request).await;
    cut(&file);
    running.paint(&cat()).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn what_the_server_cannot_load_is_diagnosed() {
    let place = Place::new();
    let good = place.plan(&micro("resident")).await.unwrap();
    // Files that are good for us and not for the server: its decoder is missing there.
    let mut plan = good.clone();
    plan.settings["components"] = json!({"vae": model_file("flux-clip.safetensors")});
    let mut flags = good.clone();
    flags.settings["extra"] = json!({"--no-such-flag": null});
    for (plan, expected, remedy) in [
        (plan, FailureReason::BadModel, "loadmaster inspect"),
        (flags, FailureReason::BadFlag { flag: Some("--no-such-flag".to_owned()) }, "--help"),
    ] {
        let error = place.try_start(plan).await.unwrap_err();
        assert!(error.remedy().contains(remedy), "{error:?}");
        let BackendError::StartFailed { failure, .. } = error else { panic!("{error:?}") };
        assert_eq!(failure.reason, expected);
        left::nothing_of(&place).await;
    }
    let running = place.start_plan(&good).await;
    running.paint(&cat()).await.unwrap();
    running.stop().await;
}
