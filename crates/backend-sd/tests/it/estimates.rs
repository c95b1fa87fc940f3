//! What was predicted beside what the programs really had at their peak.

use serde_json::{Value, json};

use crate::place::{Place, asked, cat_with, model_file};

/// Bytes that were predicted and measured for an image of that side.
async fn both(file: &str, components: &Value, mode: &str, side: u64) -> (u64, u64) {
    let place = Place::new();
    let request = asked(file, components).with("mode", mode).with("pixels", side * side);
    let plan = place.plan(&request).await.unwrap();
    let predicted = place.backend.estimate_resources(&plan).await.unwrap();
    let running = place.start(&request).await;
    running.paint(&cat_with(&json!({"size": format!("{side}x{side}"), "steps": 1}))).await.unwrap();
    running.stop().await;
    let measured = place.backend.estimate_resources(&plan).await.unwrap();
    (predicted.devices[0].total(), measured.devices[0].total())
}

/// Beginning with a picture takes the encoder: its weights, which sd-cli else leaves out, and what it computes.
async fn the_peak_of_an_edit_is_predicted(mode: &str, side: u64) {
    let place = Place::new();
    let request = asked("sd1tiny.safetensors", &json!({})).with("mode", mode).with("pixels", side * side);
    let words = place.plan(&request).await.unwrap();
    let plan = place.plan(&request.with("edits", true)).await.unwrap();
    let bytes = async |plan| place.backend.estimate_resources(plan).await.unwrap().devices[0].total();
    let (words, predicted) = (bytes(&words).await, bytes(&plan).await);
    let running = place.start_plan(&plan).await;
    let wish = json!({"size": format!("{side}x{side}"), "steps": 1});
    let image = running.paint(&cat_with(&wish)).await.unwrap().data[0].b64_json.clone();
    running.stop().await;
    assert_eq!(bytes(&plan).await, predicted, "an image of words alone tells nothing of the encoder");
    let running = place.start_plan(&plan).await;
    let edit = json!({"image": image, "size": format!("{side}x{side}"), "steps": 2, "strength": 0.5});
    running.paint(&cat_with(&edit)).await.unwrap();
    running.stop().await;
    let measured = bytes(&plan).await;
    let told = format!("{mode} {side}: {words} for words, {predicted} predicted, {measured} taken");
    assert!(predicted >= words, "{told}");
    assert!(predicted.abs_diff(measured) <= predicted / 50 + (4 << 20), "{told}");
}

#[tokio::test]
async fn peaks_of_edits_by_a_resident_model_are_predicted() {
    for side in [192, 128] {
        the_peak_of_an_edit_is_predicted("resident", side).await;
    }
}

#[tokio::test]
async fn peaks_of_edits_by_a_process_each_are_predicted() {
    for side in [192, 128] {
        the_peak_of_an_edit_is_predicted("one-shot", side).await;
    }
}

/// Never short by more than its margin, and not far over: the smallest model is mostly the program itself.
#[tokio::test]
async fn peaks_are_predicted() {
    let tae = json!({"taesd": model_file("micro-tae.safetensors")});
    for (file, components, mode, side) in [
        ("micro.safetensors", &tae, "resident", 256),
        ("micro.safetensors", &tae, "one-shot", 256),
        ("sd1tiny.safetensors", &json!({}), "one-shot", 64),
    ] {
        let (predicted, measured) = both(file, components, mode, side).await;
        let told = format!("{file} {mode} {side}: {predicted} predicted, {measured} taken");
        // The margin of the reservation, and what glibc keeps at times.
        assert!(measured <= predicted + predicted / 50 + (4 << 20), "{told}");
        assert!(predicted <= measured + measured / 10 + (16 << 20), "{told}");
    }
}
