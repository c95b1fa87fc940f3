//! Images of both ways of painting.

use std::time::Duration;

use loadmaster_core::{EstimateSource, Health};
use loadmaster_images::{Answer, ErrorCode, ImageFormat, Picture, Size, Stage, StreamEvent, png};
use loadmaster_upstream::Method;
use serde_json::{Value, json};

use crate::place::{Place, cat, cat_with, micro};

fn files(answer: &Answer) -> Vec<Vec<u8>> {
    answer.data.iter().map(|image| image.bytes().unwrap()).collect()
}

#[tokio::test]
async fn both_ways_paint_the_same_bytes() {
    let place = Place::new();
    let mut all = Vec::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        let two = running.paint(&cat_with(&json!({"n": 2}))).await.unwrap();
        assert_eq!((two.data[0].seed, two.data[1].seed), (42, 43));
        assert_eq!(two.timings.load_ms > 0, mode == "one-shot");
        let second = running.paint(&cat_with(&json!({"seed": 43}))).await.unwrap();
        let again = running.paint(&cat()).await.unwrap();
        assert_eq!(files(&two), [files(&again), files(&second)].concat());
        let (bytes, info) = (&files(&two)[1], png::check(&files(&two)[1]).unwrap());
        assert_eq!((info.width, info.height), (64, 64));
        let texts = png::texts(bytes).unwrap();
        let told: Value = serde_json::from_str(&texts[0].1).unwrap();
        assert_eq!((&texts[0].0[..], &told["seed"], &told["steps"]), ("parameters", &json!(43), &json!(2)));
        all.push(files(&two));
        let pid = running.instance.pid;
        running.stop().await;
        #[cfg(target_os = "linux")]
        assert!(pid.is_none_or(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()));
        assert_eq!(pid.is_some(), mode == "resident");
    }
    assert_eq!(all[0], all[1]);
    let left = std::fs::read_dir(place.home.path().join("s/sd/work")).unwrap().count();
    assert_eq!(left, 0, "working folders are deleted");
}

#[tokio::test]
async fn formats_edits_and_random_seeds() {
    let place = Place::new();
    let (mut edits, mut all) = (Vec::new(), Vec::new());
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        for format in ImageFormat::ALL {
            let answer = running.paint(&cat_with(&json!({"output_format": format.name()}))).await.unwrap();
            assert_eq!(answer.output_format, format);
            let file = &files(&answer)[0];
            assert!(format.is_whole(file), "{format}");
            assert_eq!(Picture::of(file).unwrap().size, Size::new(64, 64));
            let told: Value = serde_json::from_str(&format.parameters(file).unwrap()).unwrap();
            assert_eq!(told, Value::Object(answer.parameters.clone()));
            edits.push(vec![file.clone()]);
        }
        let anyhow = running.paint(&cat_with(&json!({"seed": -1}))).await.unwrap();
        let again = running.paint(&cat_with(&json!({"seed": anyhow.data[0].seed}))).await.unwrap();
        assert_eq!(files(&anyhow), files(&again));
        let first = running.paint(&cat()).await.unwrap().data[0].b64_json.clone().unwrap();
        let edit =
            cat_with(&json!({"image": first, "mask": first, "strength": 0.5, "steps": 4, "size": "auto"}));
        let edited = running.paint(&edit).await.unwrap();
        assert_eq!(edited.size.unwrap().to_string(), "64x64");
        edits.push(files(&edited));
        all.push(std::mem::take(&mut edits));
        running.stop().await;
    }
    assert_eq!(all[0], all[1]);
}

#[tokio::test]
async fn progress_goes_up_and_previews_come() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        let wish =
            cat_with(&json!({"stream": true, "n": 2, "steps": 20, "size": "128x128", "partial_images": 2}));
        let events = running.stream(&wish).await;
        let (mut fraction, mut stages, mut completed) = (0.0, Vec::new(), 0);
        let mut shown = std::collections::BTreeMap::new();
        for event in &events {
            match event {
                StreamEvent::Progress(progress) => {
                    assert!(progress.fraction >= fraction && progress.fraction < 1.0, "{progress:?}");
                    fraction = progress.fraction;
                    if stages.last() != Some(&progress.stage) {
                        stages.push(progress.stage);
                    }
                }
                StreamEvent::Partial(partial) => {
                    // One that is written over just now is left out, and the next step's is taken.
                    let expected = shown.entry(partial.image).or_insert(0);
                    assert!(partial.image < 2 && partial.index == *expected && *expected < 2, "{partial:?}");
                    *expected += 1;
                    assert!(png::check(&partial.bytes).is_ok());
                }
                StreamEvent::Completed(image) => {
                    assert!(png::check(&image.bytes).is_ok());
                    completed += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        let all = [Stage::Loading, Stage::Text, Stage::Sampling, Stage::Decoding];
        assert_eq!(stages, if mode == "one-shot" { &all[..] } else { &all[1..] });
        assert_eq!((completed, shown.is_empty()), (2, mode == "resident"), "{mode}");
        // Now that this machine has painted one, it knows how long another takes.
        let events = running.stream(&wish).await;
        let first = events.iter().find_map(|event| match event {
            StreamEvent::Progress(progress) => Some(progress.clone()),
            _ => None,
        });
        assert!(first.unwrap().eta_ms.is_some());
        running.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_runs() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode)).await;
        for (more, code, said) in [
            (json!({"size": "20000x20000"}), ErrorCode::ImageTooLarge, "at most 262144"),
            (json!({"size": "65x64"}), ErrorCode::InvalidRequest, "multiples"),
            (json!({"steps": 1001}), ErrorCode::InvalidRequest, "steps"),
            (json!({"sampler": "best"}), ErrorCode::InvalidRequest, "best"),
            (json!({"scheduler": "best"}), ErrorCode::InvalidRequest, "best"),
            (json!({"loras": [{"name": "style"}]}), ErrorCode::InvalidRequest, "style"),
            (json!({"prompt": "a <lora:../x:1>"}), ErrorCode::InvalidRequest, "../x"),
        ] {
            let error = running.paint(&cat_with(&more)).await.unwrap_err();
            assert_eq!(error.code, code);
            assert!(error.message.contains(said), "{error}");
        }
        // sd-server would make them 100 without a word.
        let most = if mode == "resident" { 100 } else { 1000 };
        let error = running.paint(&cat_with(&json!({"steps": most + 1}))).await.unwrap_err();
        assert!(error.message.contains(&most.to_string()), "{error}");
        let told: Value = running
            .upstream
            .request(Method::GET, "/v1/images/capabilities")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!((&told["mode"], &told["limits"]["max_pixels"]), (&json!(mode), &json!(512 * 512)));
        assert!(told["samplers"].as_array().unwrap().iter().any(|name| name == "dpm++2m"));
        running.paint(&cat_with(&json!({"sampler": "dpm++2m", "scheduler": "karras"}))).await.unwrap();
        running.stop().await;
    }
}

#[tokio::test]
async fn work_is_seen_and_peaks_are_remembered() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let request = micro(mode).with("pixels", 128 * 128);
        let plan = place.plan(&request).await.unwrap();
        let before = place.backend.estimate_resources(&plan).await.unwrap();
        assert_eq!(before.source, EstimateSource::Computed);
        let running = place.start(&request).await;
        let wish = cat_with(&json!({"size": "128x128", "steps": 60}));
        let (answer, seen) = tokio::join!(running.paint(&wish), async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if let Health::Working { .. } = place.backend.health(&running.instance).await {
                    return true;
                }
            }
        });
        answer.unwrap();
        assert!(seen);
        running.stop().await;
        if cfg!(target_os = "linux") {
            let after = place.backend.estimate_resources(&plan).await.unwrap();
            assert_eq!(after.source, EstimateSource::Measured);
            let (before, after) = (before.devices[0].total(), after.devices[0].total());
            assert!(
                after > 60 << 20 && after <= before * 11 / 10,
                "{mode}: {before} predicted, {after} taken"
            );
        }
    }
}
