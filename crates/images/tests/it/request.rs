//! Requests: what is read, what is refused, and with which field's name.

use loadmaster_images::{
    Capabilities, ErrorCode, ImageError, ImageFormat, ImageRequest, Limits, Lora, Size, Task, encode_base64,
    form_field,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::plain_colour;

fn read(value: Value) -> Result<ImageRequest, ImageError> {
    ImageRequest::of_json(Task::Generate, value)
}

#[test]
fn what_openai_sends_is_read() {
    let request = read(json!({
        "model": "m", "prompt": "a cat", "n": 2, "size": "512x768", "quality": "high", "background": "auto",
        "moderation": "low", "output_format": "jpeg", "output_compression": 80, "stream": true,
        "partial_images": 2, "user": "u", "style": null, "response_format": "b64_json",
    }))
    .unwrap();
    let expected = ImageRequest {
        n: 2,
        size: Some(Size::new(512, 768)),
        format: ImageFormat::Jpeg,
        output_compression: Some(80),
        stream: true,
        partial_images: 2,
        ..ImageRequest::new("a cat")
    };
    assert_eq!(request, expected);
    assert_eq!(read(json!({ "prompt": "a", "size": "auto" })).unwrap(), ImageRequest::new("a"));
}

#[test]
fn what_is_ours_is_read() {
    let request = read(json!({
        "prompt": "a", "negative_prompt": "b", "steps": 20.0, "cfg_scale": 7.5, "guidance": 3, "sampler": "euler",
        "scheduler": "karras", "seed": 42, "clip_skip": 2, "strength": 0.5, "progress": false,
        "loras": [{ "name": "x" }, { "name": "y", "scale": -0.5 }],
    }))
    .unwrap();
    assert_eq!((request.steps, request.cfg_scale, request.guidance), (Some(20), Some(7.5), Some(3.0)));
    assert_eq!((request.seed, request.clip_skip, request.strength), (Some(42), Some(2), Some(0.5)));
    assert_eq!((request.sampler.as_deref(), request.scheduler.as_deref()), (Some("euler"), Some("karras")));
    let lora = |name: &str, scale| Lora { name: name.to_owned(), scale };
    assert_eq!(request.loras, [lora("x", 1.0), lora("y", -0.5)]);
    assert!(!request.progress);
    assert_eq!(read(json!({ "prompt": "a", "seed": -1 })).unwrap().seed, None);
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (field, value) in [
        ("prompt", json!("")),
        ("prompt", json!(5)),
        ("prompt", json!("x".repeat(32_001))),
        ("negative_prompt", json!(["a"])),
        ("n", json!(0)),
        ("n", json!(9)),
        ("n", json!(1.5)),
        ("n", json!("two")),
        ("size", json!("big")),
        ("size", json!([512, 512])),
        ("output_format", json!("gif")),
        ("output_compression", json!(101)),
        ("stream", json!("yes")),
        ("partial_images", json!(4)),
        ("steps", json!(0)),
        ("steps", json!(1e300)),
        ("cfg_scale", json!("high")),
        ("guidance", json!(-1)),
        ("sampler", json!(1)),
        ("seed", json!(0.5)),
        ("seed", json!(u64::MAX)),
        ("clip_skip", json!(-1)),
        ("strength", json!(1.5)),
        ("loras", json!("x")),
        ("loras", json!([{ "scale": 1 }])),
        ("loras", json!([{ "name": "../x" }])),
        ("image", json!("not base64")),
        ("image", json!(encode_base64(b"no image"))),
        ("mask", json!(5)),
    ] {
        let mut body = json!({ "prompt": "a" });
        body[field] = value;
        let error = read(body.clone()).expect_err(field);
        assert_eq!(error.field.as_deref(), Some(field), "{body}");
        assert_eq!((error.code.clone(), error.status()), (ErrorCode::InvalidRequest, 400));
        assert!(!error.remedy.is_empty() && error.message.len() < 200, "{error:?}");
    }
    for body in [json!(null), json!("a"), json!([])] {
        assert_eq!(read(body).unwrap_err().field.as_deref(), Some("body"));
    }
    assert_eq!(ImageRequest::read(Task::Generate, b"{").unwrap_err().field.as_deref(), Some("body"));
}

#[test]
fn an_edit_needs_a_whole_image() {
    let png = plain_colour::png(Size::new(8, 8), [0; 3]);
    let edit = |value| ImageRequest::of_json(Task::Edit, value);
    let whole = encode_base64(&png);
    let request = edit(json!({ "prompt": "a", "image": [whole, whole], "mask": whole })).unwrap();
    assert_eq!((request.images.len(), request.mask.as_ref()), (2, Some(&png)));
    let half = encode_base64(&png[..png.len() - 4]);
    for (body, field) in [
        (json!({ "prompt": "a" }), "image"),
        (json!({ "prompt": "a", "image": [] }), "image"),
        (json!({ "prompt": "a", "image": half }), "image"),
        (json!({ "prompt": "a", "image": whole, "mask": half }), "mask"),
    ] {
        assert_eq!(edit(body).unwrap_err().field.as_deref(), Some(field));
    }
    assert_eq!(read(json!({ "prompt": "a", "mask": whole })).unwrap_err().field.as_deref(), Some("mask"));
}

#[test]
fn forms_become_json() {
    let png = plain_colour::png(Size::new(8, 8), [0; 3]);
    let mut body = Map::new();
    for (name, content) in [
        ("prompt", b"12".as_slice()),
        ("model", b"m"),
        ("n", b"2"),
        ("size", b"64x64"),
        ("stream", b"true"),
        ("strength", b"0.5"),
        ("image[]", &png),
        ("image[]", &png),
        ("mask", &png),
    ] {
        form_field(&mut body, name, content);
    }
    assert_eq!(body["model"], "m");
    let request = ImageRequest::of_json(Task::Edit, Value::Object(body.clone())).unwrap();
    assert_eq!((request.prompt.as_str(), request.n, request.stream), ("12", 2, true));
    assert_eq!((request.images.len(), request.strength), (2, Some(0.5)));
    form_field(&mut body, "n", b"two");
    let error = ImageRequest::of_json(Task::Edit, Value::Object(body)).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("n"));
}

#[test]
fn limits_are_kept() {
    let limits =
        Limits { max_pixels: 512 * 512, max_side: 1024, max_steps: 50, max_batch: 4, ..Limits::default() };
    let check = |change: fn(&mut ImageRequest)| {
        let mut request = ImageRequest::new("a");
        change(&mut request);
        request.check(&limits).map_err(|error| (error.code.name().to_owned(), error.field.unwrap()))
    };
    let refused = |code: &str, field: &str| Err((code.to_owned(), field.to_owned()));
    assert_eq!(check(|_| ()), Ok(()));
    assert_eq!(check(|request| request.size = Some(Size::new(1024, 256))), Ok(()));
    assert_eq!(check(|request| request.size = Some(Size::new(513, 512))), refused("image_too_large", "size"));
    assert_eq!(check(|request| request.size = Some(Size::new(1032, 64))), refused("image_too_large", "size"));
    assert_eq!(
        check(|request| request.size = Some(Size::new(u32::MAX, u32::MAX))),
        refused("image_too_large", "size")
    );
    assert_eq!(check(|request| request.size = Some(Size::new(500, 512))), refused("invalid_request", "size"));
    assert_eq!(check(|request| request.size = Some(Size::new(56, 512))), refused("invalid_request", "size"));
    assert_eq!(check(|request| request.n = 5), refused("invalid_request", "n"));
    assert_eq!(check(|request| request.steps = Some(51)), refused("invalid_request", "steps"));
    let error = limits.check_size(Size::new(20_000, 20_000)).unwrap_err();
    assert!(error.message.contains("400000000") && error.message.contains("262144"), "{error}");
    assert_eq!(error.status(), 413);
}

#[test]
fn names_that_an_instance_does_not_know_are_refused() {
    let known = |name: &str| vec![name.to_owned()];
    let capabilities =
        Capabilities { samplers: known("euler"), loras: known("style"), ..Capabilities::default() };
    let check = |body: Value| capabilities.check(&read(body).unwrap()).map_err(|error| error.field.unwrap());
    assert_eq!(check(json!({ "prompt": "a", "sampler": "euler", "scheduler": "any" })), Ok(()));
    assert_eq!(check(json!({ "prompt": "a", "loras": [{ "name": "style" }] })), Ok(()));
    assert_eq!(check(json!({ "prompt": "a", "sampler": "eular" })), Err("sampler".to_owned()));
    assert_eq!(check(json!({ "prompt": "a", "loras": [{ "name": "x" }] })), Err("loras".to_owned()));
}

proptest! {
    #[test]
    fn a_request_comes_back_from_its_json(
        prompt in "\\PC{0,20}a",
        n in 1..=8u32,
        side in proptest::option::of(1..=u32::MAX),
        steps in proptest::option::of(1..=10_000u32),
        seed in proptest::option::of(0..=u64::MAX / 2),
        strength in proptest::option::of(0.0..=1.0f32),
        stream: bool,
        progress: bool,
        inputs in 0..3usize,
    ) {
        let png = plain_colour::png(Size::new(8, 8), [0; 3]);
        let request = ImageRequest {
            task: if inputs > 0 { Task::Edit } else { Task::Generate },
            n,
            size: side.map(|side| Size::new(side, 1)),
            steps,
            seed,
            strength,
            stream,
            progress,
            mask: (inputs > 1).then(|| png.clone()),
            images: vec![png; inputs],
            ..ImageRequest::new(prompt)
        };
        prop_assert_eq!(ImageRequest::of_json(request.task, request.to_json()).unwrap(), request.clone());
        let text = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(serde_json::from_str::<ImageRequest>(&text).unwrap(), request);
    }
}
