//! `LoRAs` that are applied for real.

use loadmaster_core::EstimateSource;
use loadmaster_images::{Answer, ErrorCode};
use serde_json::{Value, json};

use crate::place::{Place, asked, cat_with, fixture, micro};

fn lora(name: &str) -> std::path::PathBuf {
    fixture("LOADMASTER_TEST_SD_LORAS").join(name)
}

fn file(answer: &Answer) -> Vec<u8> {
    // What it was made with is in it, and differs.
    loadmaster_images::png::without_texts(&answer.data[0].bytes().unwrap()).unwrap()
}

fn with(name: &str, scale: f64) -> Value {
    cat_with(&json!({"loras": [{"name": name, "scale": scale}]}))
}

#[tokio::test]
async fn a_lora_changes_the_image_as_far_as_it_is_asked_to_and_in_both_ways_alike() {
    let place = Place::new();
    let mut all = Vec::new();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode).with("loras", json!([lora("micro-style.safetensors")]))).await;
        let plain = file(&running.paint(&cat_with(&json!({}))).await.unwrap());
        let whole = running.paint(&with("micro-style", 1.0)).await.unwrap();
        assert_eq!(whole.parameters["loras"], json!([{"name": "micro-style", "scale": 1.0}]));
        let half = file(&running.paint(&with("micro-style", 0.5)).await.unwrap());
        let none = file(&running.paint(&with("micro-style", 0.0)).await.unwrap());
        let tagged = cat_with(&json!({"prompt": "a <lora:micro-style:0.5>cat"}));
        let tagged = file(&running.paint(&tagged).await.unwrap());
        // Nothing of it stays behind.
        let after = file(&running.paint(&cat_with(&json!({}))).await.unwrap());
        let whole = file(&whole);
        assert!(plain != whole && plain != half && whole != half, "{mode}");
        assert_eq!((&plain, &plain, &half), (&none, &after, &tagged), "{mode}");
        all.push([plain, whole, half]);
        running.stop().await;
    }
    assert_eq!(all[0], all[1]);
}

/// Files beside the folder of `LoRAs`, which no prompt may reach.
#[tokio::test]
async fn a_prompt_reaches_no_file_but_those_that_may_be_named() {
    let place = Place::new();
    let folder = place.home.path().join("adapters/public");
    std::fs::create_dir_all(&folder).unwrap();
    let secret = place.home.path().join("adapters/secret.safetensors");
    std::fs::copy(lora("micro-style.safetensors"), &secret).unwrap();
    std::fs::copy(lora("micro-style.safetensors"), folder.join("open.safetensors")).unwrap();
    let secret = secret.with_extension("").display().to_string();
    for mode in ["resident", "one-shot"] {
        let running = place.start(&micro(mode).with("lora_dir", json!(folder))).await;
        let prompt = |prompt: String| cat_with(&json!({ "prompt": prompt }));
        for tag in ["../secret", secret.as_str(), "secret", "|high_noise|../secret", "loras/../../secret"] {
            let error = running.paint(&prompt(format!("a cat <lora:{tag}:1>"))).await.unwrap_err();
            assert_eq!((&error.code, error.field.as_deref()), (&ErrorCode::InvalidRequest, Some("loras")));
            assert!(error.remedy.contains("open"), "it lists what there is: {}", error.remedy);
            let named = cat_with(&json!({"loras": [{"name": tag}]}));
            assert_eq!(running.paint(&named).await.unwrap_err().code, ErrorCode::InvalidRequest);
        }
        for nested in ["<lo<lora:open:1>ra:../secret:1>", "<lora:open", "<lora:open:1", "<lora:open:1e9>"] {
            let error = running.paint(&prompt(nested.to_owned())).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{nested}");
        }
        // Neither program looks for tags there.
        let plain = file(&running.paint(&cat_with(&json!({}))).await.unwrap());
        let negative = cat_with(&json!({"negative_prompt": format!("<lora:{secret}:1>"), "cfg_scale": 1}));
        let without = cat_with(&json!({"cfg_scale": 1}));
        let negative = file(&running.paint(&negative).await.unwrap());
        assert_eq!(negative, file(&running.paint(&without).await.unwrap()), "{mode}");
        assert_ne!(plain, file(&running.paint(&with("open", 1.0)).await.unwrap()));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_lora_of_another_model_is_an_error_and_not_an_image() {
    let place = Place::new();
    let noise = place.home.path().join("noise.safetensors");
    std::fs::write(&noise, b"no header at all").unwrap();
    for mode in ["resident", "one-shot"] {
        // Flux has blocks of the same names, and Stable Diffusion has none of them.
        let loras = json!([lora("micro-style.safetensors"), noise]);
        let running = place
            .start(&asked("sd1tiny.safetensors", &json!({})).with("mode", mode).with("loras", loras))
            .await;
        for name in ["micro-style", "noise"] {
            let error = running.paint(&with(name, 1.0)).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{error}");
            assert!(error.message.contains(&format!("'{name}' does not fit")), "{error}");
        }
        running.stop().await;
    }
}

#[tokio::test]
async fn memory_is_reserved_for_as_many_as_the_plan_says() {
    let place = Place::new();
    let folder = fixture("LOADMASTER_TEST_SD_LORAS");
    let size = |name: &str| std::fs::metadata(lora(name)).unwrap().len();
    let (small, large) = (size("micro-style.safetensors"), size("big-style.safetensors"));
    let total = async |more: Value| {
        let mut request = micro("one-shot").with("pixels", 64 * 64);
        for (name, value) in more.as_object().unwrap() {
            request = request.with(name, value.clone());
        }
        let plan = place.plan(&request).await.unwrap();
        let estimate = place.backend.estimate_resources(&plan).await.unwrap();
        assert_eq!(estimate.source, EstimateSource::Computed);
        (plan.settings["lora_bytes"].as_u64().unwrap(), estimate.devices[0].total())
    };
    let plain = total(json!({})).await;
    assert_eq!(plain.0, 0);
    let named = total(json!({"loras": [lora("micro-style.safetensors")]})).await;
    assert_eq!(named.0, small);
    // The text encoder's phase is the peak of so small an image, and a LoRA is there all the time.
    let all = total(json!({"lora_dir": folder})).await;
    assert_eq!(all.0, large);
    assert!(all.1 > plain.1 && all.1 <= plain.1 + 2 * large, "{all:?} {plain:?}");
    let request = micro("one-shot").with("lora_dir", json!(folder)).with("lora_bytes", json!(small));
    let running = place.start(&request).await;
    let error = running.paint(&with("big-style", 1.0)).await.unwrap_err();
    assert!(error.remedy.contains("lora_bytes"), "{error}");
    running.paint(&with("micro-style", 1.0)).await.unwrap();
    running.stop().await;
}

/// The shapes are those of a larger model of the same family: the programs die of it, and it is said why.
#[tokio::test]
async fn a_lora_of_another_size_is_blamed_for_the_crash() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        let request = micro(mode).with("loras", json!([lora("big-style.safetensors")]));
        let running = place.start(&request).await;
        let error = running.paint(&with("big-style", 1.0)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::ServerCrashed);
        assert!(error.message.contains("big-style") && error.remedy.contains("family and size"), "{error}");
        if mode == "one-shot" {
            running.paint(&cat_with(&json!({}))).await.unwrap();
            running.stop().await;
        }
    }
}

/// A model of a gigabyte with 31 MB added: what it really takes, beside what is reserved for it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_lora_takes_is_within_what_is_reserved_for_it() {
    let place = Place::new();
    let components = json!({"taesd": crate::place::model_file("micro-tae.safetensors")});
    let model = asked("big-ovis.safetensors", &components).with("mode", "resident").with("pixels", 128 * 128);
    let bytes = std::fs::metadata(lora("big-style.safetensors")).unwrap().len();
    let running = place.start(&model.with("loras", json!([lora("big-style.safetensors")]))).await;
    let pid = running.instance.pid.unwrap();
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    let wish = |more: Value| {
        let mut wish = more;
        wish.as_object_mut()
            .unwrap()
            .extend(json!({"size": "128x128", "steps": 1}).as_object().unwrap().clone());
        cat_with(&wish)
    };
    running.paint(&wish(json!({}))).await.unwrap();
    let before = peak();
    running.paint(&wish(json!({"loras": [{"name": "big-style"}]}))).await.unwrap();
    let taken = peak() - before;
    println!("a LoRA of {bytes} bytes took {taken}");
    assert!(taken > bytes / 2 && taken <= 2 * bytes, "{bytes} bytes took {taken}");
    running.stop().await;
}
