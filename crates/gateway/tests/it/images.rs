//! Images on the road of every request.

use std::time::Duration;

use axum::{body::Body, http::Request};
use loadmaster_images::{Answer, Size, StreamEvent, StreamReader, encode_base64, png};

use super::{
    painters::{Studio, until},
    plain_colour, *,
};

const GENERATIONS: &str = "/v1/images/generations";
const QUICK: Duration = Duration::from_millis(1);
/// Longer than any test takes.
const ENDLESS: Duration = Duration::from_hours(1);

async fn generate(studio: &Studio, body: &Value) -> (StatusCode, Value) {
    studio.json("POST", GENERATIONS, body).await
}

async fn events(answer: Response<Body>) -> Vec<StreamEvent> {
    StreamReader::default().feed(text(answer).await.unwrap().as_bytes())
}

#[tokio::test]
async fn images_are_made_and_whole() {
    let studio = Studio::open(QUICK, None).await;
    let body = json!({ "model": "colour", "prompt": "a", "n": 2, "size": "128x64", "seed": 3, "user": "x" });
    let (status, answer) = generate(&studio, &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let answer: Answer = serde_json::from_value(answer).unwrap();
    assert_eq!(answer.data.iter().map(|image| image.seed).collect::<Vec<_>>(), [3, 4]);
    let info = png::check(&answer.data[1].bytes().unwrap()).unwrap();
    assert_eq!((info.width, info.height), (128, 64));
}

#[tokio::test]
async fn the_only_model_of_images_needs_no_name() {
    let studio = Studio::open(QUICK, None).await;
    assert_eq!(generate(&studio, &json!({ "prompt": "a" })).await.0, StatusCode::OK);
}

#[tokio::test]
async fn wrong_requests_start_nothing() {
    let studio = Studio::open(QUICK, None).await;
    for (body, status, code, param) in [
        (json!({ "prompt": "" }), 400, "invalid_request", "prompt"),
        (json!({ "prompt": "a", "n": 0 }), 400, "invalid_request", "n"),
        (json!({ "prompt": "a", "size": "huge" }), 400, "invalid_request", "size"),
        (json!({ "prompt": "a", "size": "20000x20000" }), 413, "image_too_large", "size"),
        (json!({ "prompt": "a", "size": "2048x2048" }), 413, "image_too_large", "size"),
        (json!({ "prompt": "a", "model": 5 }), 400, "invalid_request", "model"),
        (json!({ "prompt": "a", "model": "words" }), 400, "not_an_image_model", "model"),
        (json!({ "prompt": "a", "response_format": "file" }), 400, "invalid_request", "response_format"),
        (json!(["a"]), 400, "invalid_request", "body"),
    ] {
        let (answered, told) = generate(&studio, &body).await;
        let error = &told["error"];
        assert_eq!(answered.as_u16(), status, "{body}: {told}");
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{body}");
        assert!(error["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{told}");
    }
    let (status, told) = generate(&studio, &json!({ "prompt": "a", "model": "other" })).await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::NOT_FOUND, &json!("model_not_found")));
    assert_eq!(studio.painters.starts(), 0);
}

#[tokio::test]
async fn a_model_of_images_is_not_loaded_for_a_chat() {
    let studio = Studio::open(QUICK, None).await;
    let body = json!({ "model": "colour", "messages": [], "stream": true });
    let (status, told) = studio.json("POST", "/v1/chat/completions", &body).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (400, &json!("wrong_kind_of_model")), "{told}");
    assert!(told["error"]["remedy"].as_str().unwrap().contains("/v1/images/generations"), "{told}");
    assert_eq!(studio.painters.starts(), 0);
}

#[tokio::test]
async fn what_only_the_instance_knows_is_refused_by_it() {
    let studio = Studio::open(QUICK, None).await;
    for body in [
        json!({ "prompt": "a", "sampler": "best" }),
        json!({ "prompt": "a", "sampler": "best", "stream": true }),
    ] {
        let (status, told) = generate(&studio, &body).await;
        assert_eq!((status, &told["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("sampler")), "{told}");
    }
    let (status, told) = generate(&studio, &json!({ "prompt": "full of stars" })).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (500, &json!("disk_full")));
}

/// A part of a form.
fn part(name: &str, file: bool, content: &[u8]) -> Vec<u8> {
    let file = if file { "; filename=\"a.png\"\r\nContent-Type: image/png" } else { "" };
    let head = format!("--the-boundary\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

#[tokio::test]
async fn edits_come_as_forms_or_as_json() {
    let studio = Studio::open(QUICK, None).await;
    let file = plain_colour::png(Size::new(64, 64), [1, 2, 3]);
    for name in ["image", "image[]"] {
        let parts = [
            part("model", false, b"colour"),
            part("prompt", false, b"a hat"),
            part(name, true, &file),
            part(name, true, &file),
            part("mask", true, &file),
            part("n", false, b"2"),
            part("size", false, b"64x64"),
            b"--the-boundary--\r\n".to_vec(),
        ];
        let request = Request::post("/v1/images/edits")
            .header("content-type", "multipart/form-data; boundary=the-boundary")
            .body(Body::from(parts.concat()))
            .unwrap();
        let answer = studio.send(request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Answer = serde_json::from_str(&text(answer).await.unwrap()).unwrap();
        let told = (answer.data.len(), &answer.parameters["inputs"], &answer.parameters["masked"]);
        assert_eq!(told, (2, &json!(2), &json!(true)));
    }
    let body = json!({ "prompt": "a", "image": encode_base64(&file) });
    assert_eq!(studio.json("POST", "/v1/images/edits", &body).await.0, StatusCode::OK);
    let (status, told) = studio.json("POST", "/v1/images/edits", &json!({ "prompt": "a" })).await;
    assert_eq!((status.as_u16(), &told["error"]["param"]), (400, &json!("image")));
}

#[tokio::test]
async fn forms_that_are_not_whole_are_refused() {
    let studio = Studio::open(QUICK, None).await;
    for (kind, body) in [
        ("multipart/form-data", Vec::new()),
        ("multipart/form-data; boundary=the-boundary", part("prompt", false, b"a")),
    ] {
        let request = Request::post("/v1/images/edits").header("content-type", kind);
        let answer = studio.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(error_in(&text(answer).await.unwrap())["code"], "unreadable_body");
    }
}

#[tokio::test]
async fn a_stream_has_openais_events() {
    let studio = Studio::open(QUICK, None).await;
    let body = json!({ "prompt": "a", "stream": true, "partial_images": 2, "steps": 3 });
    let answer = studio.post(GENERATIONS, &body).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let events = events(answer).await;
    let partial = events.iter().filter_map(|event| match event {
        StreamEvent::Partial(partial) => Some((partial.index, png::check(&partial.bytes).is_ok())),
        _ => None,
    });
    assert_eq!(partial.collect::<Vec<_>>(), [(0, true), (1, true)]);
    let Some(StreamEvent::Completed(completed)) = events.last() else { panic!("{events:?}") };
    png::check(&completed.bytes).unwrap();
}

#[tokio::test]
async fn a_stream_that_waits_is_told_its_place() {
    let studio = Studio::open(ENDLESS, None).await;
    let busy = studio.post(GENERATIONS, &json!({ "prompt": "a", "stream": true })).await;
    until(|| studio.painters.painting() == 1).await;
    let mut waits = studio.post(GENERATIONS, &json!({ "prompt": "a", "stream": true })).await;
    let first = waits.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, ": waiting, place 1 of 1: colour is painting\n\n");
    drop(busy);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_painting() {
    let studio = Studio::open(ENDLESS, None).await;
    let streamed = studio.post(GENERATIONS, &json!({ "prompt": "a", "stream": true })).await;
    until(|| studio.painters.painting() == 1).await;
    drop(streamed);
    until(|| studio.painters.painting() == 0).await;
    let body = json!({ "prompt": "a" });
    let plain = generate(&studio, &body);
    let leaves = async { until(|| studio.painters.painting() == 1).await };
    tokio::select! {
        _ = plain => panic!("it never ends"),
        () = leaves => {}
    }
    until(|| studio.painters.painting() == 0).await;
    assert_eq!((studio.painters.painted(), studio.painters.starts()), (0, 1));
}

#[tokio::test]
async fn a_death_in_the_middle_is_told() {
    let studio = Studio::open(Duration::from_millis(10), None).await;
    let mut answer = studio.post(GENERATIONS, &json!({ "prompt": "a", "stream": true, "steps": 1000 })).await;
    assert!(answer.body_mut().frame().await.unwrap().is_ok());
    studio.painters.crash();
    let told = text(answer).await.unwrap();
    let error = error_in(&told);
    assert_eq!(
        (&error["code"], &error["reason"]["name"]),
        (&json!("server_crashed"), &json!("SIGSEGV")),
        "{told}"
    );
    assert_eq!(generate(&studio, &json!({ "prompt": "a" })).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_larger_image_has_more_memory_reserved() {
    let studio = Studio::open(QUICK, None).await;
    let size = |size: &str| json!({ "prompt": "a", "size": size });
    let pixels = async || {
        let plan = studio.orchestrator.configured("colour").await.unwrap().plan.unwrap();
        plan.settings["pixels"].as_u64().unwrap()
    };
    assert_eq!(generate(&studio, &size("256x256")).await.0, StatusCode::OK);
    assert_eq!((studio.painters.starts(), pixels().await), (1, 256 * 256));
    // Of two at once, the larger one decides, whoever comes first.
    let (larger, large) = (size("512x512"), size("384x512"));
    let both = tokio::join!(generate(&studio, &larger), generate(&studio, &large));
    assert_eq!((both.0.0, both.1.0), (StatusCode::OK, StatusCode::OK), "{both:?}");
    assert_eq!((studio.painters.starts(), pixels().await), (2, 512 * 512));
    // It stays, and what cannot fit changes nothing.
    assert_eq!(generate(&studio, &size("64x64")).await.0, StatusCode::OK);
    let (status, told) = generate(&studio, &size("1536x1536")).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (413, &json!("image_too_large")));
    assert!(told["error"]["message"].as_str().unwrap().contains("2359296"), "{told}");
    assert_eq!((studio.painters.starts(), pixels().await), (2, 512 * 512));
}

#[tokio::test]
async fn an_edit_has_memory_reserved_and_what_was_raised_is_forgotten_with_the_instance() {
    let studio = Studio::open(QUICK, None).await;
    let reserved = async || {
        let plan = studio.orchestrator.configured("colour").await.unwrap().plan.unwrap();
        (plan.settings["pixels"].as_u64().unwrap(), plan.settings["edits"] == true, studio.painters.starts())
    };
    let (native, large) = (256 * 256, 512 * 512);
    let answer = generate(&studio, &json!({ "prompt": "a" })).await;
    assert_eq!((answer.0, reserved().await), (StatusCode::OK, (native, false, 1)));
    let picture = &answer.1["data"][0]["b64_json"];
    let edit = json!({ "prompt": "a", "image": picture, "size": "512x512" });
    let (status, told) = studio.json("POST", "/v1/images/edits", &edit).await;
    assert_eq!((status, reserved().await), (StatusCode::OK, (large, true, 2)), "{told}");
    // It runs, and keeps what it has.
    assert_eq!(generate(&studio, &json!({ "prompt": "a" })).await.0, StatusCode::OK);
    assert_eq!(reserved().await, (large, true, 2));
    studio.orchestrator.stop("colour").await.unwrap();
    assert_eq!(generate(&studio, &json!({ "prompt": "a" })).await.0, StatusCode::OK);
    assert_eq!(reserved().await, (native, false, 3));
    // Whoever is on the way counts, whoever of them is the last to come.
    studio.orchestrator.stop("colour").await.unwrap();
    let (small, large_again) = (json!({ "prompt": "a" }), json!({ "prompt": "a", "size": "512x512" }));
    let all =
        tokio::join!(generate(&studio, &small), generate(&studio, &large_again), generate(&studio, &small));
    assert_eq!([all.0.0, all.1.0, all.2.0], [StatusCode::OK; 3], "{all:?}");
    assert_eq!((reserved().await.0, reserved().await.1), (large, false));
}

#[tokio::test]
async fn what_somebody_else_changed_is_kept() {
    let studio = Studio::open(QUICK, None).await;
    assert_eq!(generate(&studio, &json!({ "prompt": "a", "size": "512x512" })).await.0, StatusCode::OK);
    studio.orchestrator.stop("colour").await.unwrap();
    let now = studio.orchestrator.configured("colour").await.unwrap();
    let own = now.request.with("pixels", 384 * 384);
    studio.orchestrator.update(own.clone(), now.rules).await.unwrap();
    assert_eq!(generate(&studio, &json!({ "prompt": "a" })).await.0, StatusCode::OK);
    assert_eq!(studio.orchestrator.configured("colour").await.unwrap().request, own);
}

#[tokio::test]
async fn a_model_that_is_not_loaded_is_loaded_for_the_size_at_once() {
    let studio = Studio::open(QUICK, None).await;
    assert_eq!(generate(&studio, &json!({ "prompt": "a", "size": "512x512" })).await.0, StatusCode::OK);
    assert_eq!(studio.painters.starts(), 1);
}

#[tokio::test]
async fn capabilities_are_told() {
    let studio = Studio::open(QUICK, None).await;
    let (status, told) = studio.json("GET", "/api/v1/images/capabilities", &json!({})).await;
    assert_eq!((status, &told["family"]), (StatusCode::OK, &json!("plain colour")));
    let (status, _) = studio.json("GET", "/api/v1/images/capabilities?model=words", &json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn urls_need_a_place_for_files() {
    let studio = Studio::open(QUICK, None).await;
    let (status, told) = generate(&studio, &json!({ "prompt": "a", "response_format": "url" })).await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::NOT_IMPLEMENTED, &json!("not_implemented")));
}
