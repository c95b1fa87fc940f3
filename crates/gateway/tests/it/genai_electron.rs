//! The asynchronous image API of genai-electron, as a transcript of what its clients send and get.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Request},
};
use loadmaster_gateway::JobsOptions;
use loadmaster_images::{decode_base64, png};

use super::{
    painters::{Studio, until},
    *,
};

const BASE: &str = "/compat/genai-electron";
const BEGIN: &str = "/v1/images/generations";
const QUICK: Duration = Duration::from_millis(1);
const ENDLESS: Duration = Duration::from_hours(1);

/// One exchange; the answer allows every page, as each did.
async fn call(studio: &Studio, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("{BASE}{path}"));
    let answer = studio.send(request.body(Body::from(body.to_owned())).unwrap()).await;
    let status = answer.status().as_u16();
    let pages = answer.headers().get("access-control-allow-origin").map(HeaderValue::as_bytes);
    assert_eq!(pages, Some(b"*".as_slice()), "{method} {path}");
    assert_eq!(answer.headers()["access-control-allow-methods"], "GET, POST, OPTIONS, DELETE");
    assert_eq!(answer.headers()["access-control-allow-headers"], "Content-Type");
    let text = text(answer).await.unwrap();
    (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
}

async fn open(step: Duration, folder: &tempfile::TempDir) -> Studio {
    Studio::open(step, Some(JobsOptions::new(folder.path()))).await
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Begins a generation, and gives its path.
async fn begun(studio: &Studio, body: &Value) -> String {
    let (status, begun) = call(studio, "POST", BEGIN, &body.to_string()).await;
    assert_eq!((status, keys(&begun)), (201, vec!["id", "status", "createdAt"]), "{begun}");
    format!("{BEGIN}/{}", begun["id"].as_str().unwrap())
}

async fn reaches(studio: &Studio, path: &str, status: &str) -> Value {
    let waits = async {
        loop {
            let (_, state) = call(studio, "GET", path, "").await;
            if state["status"] == status {
                break state;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.unwrap_or_else(|_| panic!("never {status}"))
}

#[tokio::test]
async fn a_generation_from_its_begin_to_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(Duration::from_millis(20), &folder).await;
    assert_eq!(call(&studio, "GET", "/health", "").await, (200, json!({ "status": "ok", "busy": false })));
    let body = json!({
        "prompt": "a cat", "negativePrompt": "dogs", "width": 128, "height": 64, "steps": 8, "cfgScale": 7.5,
        "seed": 42, "sampler": "euler_a", "count": 2,
    });
    let (status, begun) = call(&studio, "POST", "/v1/images/generations", &body.to_string()).await;
    assert_eq!((status, keys(&begun)), (201, vec!["id", "status", "createdAt"]));
    assert_eq!(begun["status"], "pending");
    // Milliseconds since 1970.
    assert!(begun["createdAt"].as_u64().unwrap() > 1_700_000_000_000, "{begun}");
    assert_eq!(call(&studio, "GET", "/health", "").await.1["busy"], true);

    let path = format!("/v1/images/generations/{}", begun["id"].as_str().unwrap());
    let state = reaches(&studio, &path, "in_progress").await;
    assert_eq!(keys(&state), ["id", "status", "createdAt", "updatedAt", "progress"]);
    assert_eq!((&state["id"], &state["createdAt"]), (&begun["id"], &begun["createdAt"]));
    let progress = &state["progress"];
    assert_eq!(
        keys(progress),
        ["currentStep", "totalSteps", "stage", "percentage", "currentImage", "totalImages"]
    );
    assert_eq!((&progress["stage"], &progress["totalSteps"]), (&json!("diffusion"), &json!(8)));
    assert_eq!(progress["totalImages"], 2);
    assert!(
        progress["percentage"].as_u64().is_some_and(|percent| percent <= 100),
        "whole percent: {progress}"
    );
    assert!((1..=2).contains(&progress["currentImage"].as_u64().unwrap()), "{progress}");
    assert!(state["updatedAt"].as_u64() > state["createdAt"].as_u64(), "{state}");

    let state = reaches(&studio, &path, "complete").await;
    assert_eq!(keys(&state), ["id", "status", "createdAt", "updatedAt", "result"]);
    let result = &state["result"];
    assert_eq!(keys(result), ["images", "format", "timeTaken"]);
    assert_eq!(result["format"], "png");
    // As the painter of these tests says: a millisecond for each step, and one more.
    assert_eq!(result["timeTaken"], 9, "what the images took, and not how long they waited");
    let images = result["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for (image, seed) in images.iter().zip([42, 43]) {
        assert_eq!(keys(image), ["image", "seed", "width", "height"]);
        assert_eq!(
            (&image["seed"], &image["width"], &image["height"]),
            (&json!(seed), &json!(128), &json!(64))
        );
        let info = png::check(&decode_base64(image["image"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!((info.width, info.height), (128, 64));
    }

    let (status, told) = call(&studio, "DELETE", &path, "").await;
    let message = "Generation is already complete and cannot be cancelled";
    assert_eq!((status, told), (409, json!({ "error": { "message": message, "code": "ALREADY_TERMINAL" } })));
    assert_eq!(call(&studio, "GET", "/health", "").await.1["busy"], false);
}

#[tokio::test]
async fn one_image_has_no_count_in_its_progress_and_a_request_needs_no_more_than_a_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(Duration::from_millis(50), &folder).await;
    // What was falsy was left out there.
    let body =
        r#"{"prompt":"a","negativePrompt":"","steps":0,"cfgScale":0,"width":0,"seed":-1,"sampler":""}"#;
    let path = begun(&studio, &serde_json::from_str(body).unwrap()).await;
    let state = reaches(&studio, &path, "in_progress").await;
    assert_eq!(keys(&state["progress"]), ["currentStep", "totalSteps", "stage", "percentage"]);
    let state = reaches(&studio, &path, "complete").await;
    let images = state["result"]["images"].as_array().unwrap();
    assert_eq!((images.len(), &images[0]["width"], &images[0]["height"]), (1, &json!(512), &json!(512)));
}

#[tokio::test]
async fn a_count_with_a_fraction_is_counted_up_to_and_sides_are_rounded_up() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, &folder).await;
    let body = json!({ "prompt": "a", "count": 2.5, "width": 60, "height": 64.0, "seed": 5, "steps": 1 });
    let path = begun(&studio, &body).await;
    let state = reaches(&studio, &path, "complete").await;
    let images = state["result"]["images"].as_array().unwrap();
    let told: Vec<Value> =
        images.iter().map(|image| json!([image["seed"], image["width"], image["height"]])).collect();
    assert_eq!(told, [json!([5, 64, 64]), json!([6, 64, 64]), json!([7, 64, 64])]);
}

#[tokio::test]
async fn a_second_generation_waits_where_it_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(ENDLESS, &folder).await;
    let body = json!({ "prompt": "a" });
    let first = begun(&studio, &body).await;
    until(|| studio.painters.painting() == 1).await;
    let second = begun(&studio, &body).await;
    let (status, state) = call(&studio, "GET", &second, "").await;
    assert_eq!((status, keys(&state)), (200, vec!["id", "status", "createdAt", "updatedAt"]));
    assert_eq!(state["status"], "pending");
    assert_eq!(call(&studio, "GET", "/health", "").await.1, json!({ "status": "ok", "busy": true }));
    // One that waits is cancelled like one that is made.
    for path in [second, first] {
        assert_eq!(call(&studio, "DELETE", &path, "").await.1["status"], "cancelled");
    }
    until(|| studio.painters.painting() == 0).await;
    assert_eq!(call(&studio, "GET", "/health", "").await.1, json!({ "status": "ok", "busy": false }));
}

#[tokio::test]
async fn cancelling_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(ENDLESS, &folder).await;
    let (_, begun) = call(&studio, "POST", "/v1/images/generations", r#"{"prompt":"a"}"#).await;
    until(|| studio.painters.painting() == 1).await;
    let id = begun["id"].as_str().unwrap();
    let path = format!("/v1/images/generations/{id}");
    for _ in 0..2 {
        let told = call(&studio, "DELETE", &path, "").await;
        assert_eq!(told, (200, json!({ "id": id, "status": "cancelled" })));
    }
    until(|| studio.painters.painting() == 0).await;
    let (status, state) = call(&studio, "GET", &path, "").await;
    assert_eq!((status, keys(&state)), (200, vec!["id", "status", "createdAt", "updatedAt"]));
    assert_eq!(state["status"], "cancelled");
}

#[tokio::test]
async fn errors_are_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, &folder).await;
    let begin = "/v1/images/generations";
    let error = |message: &str, code: &str| json!({ "error": { "message": message, "code": code } });
    for (body, status, told) in [
        ("{}", 400, error("Missing required field: prompt", "INVALID_REQUEST")),
        (r#"{"prompt":""}"#, 400, error("Missing required field: prompt", "INVALID_REQUEST")),
        (r#"{"prompt":"a","count":0}"#, 400, error("count must be between 1 and 5", "INVALID_REQUEST")),
        (r#"{"prompt":"a","count":6}"#, 400, error("count must be between 1 and 5", "INVALID_REQUEST")),
        (r#"{"prompt":"a","count":5.5}"#, 400, error("count must be between 1 and 5", "INVALID_REQUEST")),
        (r#"{"prompt":"a","count":null}"#, 400, error("count must be between 1 and 5", "INVALID_REQUEST")),
        // The prompt is looked at first.
        (r#"{"count":9}"#, 400, error("Missing required field: prompt", "INVALID_REQUEST")),
    ] {
        assert_eq!(call(&studio, "POST", begin, body).await, (status, told), "{body}");
    }
    for body in ["{", "", "null", "prompt=a"] {
        let (status, told) = call(&studio, "POST", begin, body).await;
        assert_eq!((status, &told["error"]["code"]), (500, &json!("INTERNAL_ERROR")), "{body}");
        assert_eq!((keys(&told), keys(&told["error"])), (vec!["error"], vec!["message", "code"]), "{body}");
    }
    let nobody = (404, error("Generation not found", "NOT_FOUND"));
    assert_eq!(call(&studio, "GET", "/v1/images/generations/gen_1", "").await, nobody);
    assert_eq!(call(&studio, "DELETE", "/v1/images/generations/gen_1", "").await, nobody);
    assert_eq!(call(&studio, "GET", "/v1/images/generations/%ff", "").await, nobody, "no text at all");
    let nothing = (404, error("Not found", "NOT_FOUND"));
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/v1/images/generations"),
        ("GET", "/v1/images/generations/"),
        ("GET", "/v1/images/generations/gen_1/image"),
        ("DELETE", "/v1/images/generations"),
        ("PUT", "/v1/images/generations/gen_1"),
        ("PATCH", "/v1/images/generations"),
        ("POST", "/health"),
        ("GET", "/v1/models"),
    ] {
        assert_eq!(call(&studio, method, path, "").await, nothing, "{method} {path}");
    }
    assert_eq!(call(&studio, "OPTIONS", begin, "").await, (200, Value::Null));
    assert_eq!(call(&studio, "OPTIONS", "/anything", "").await, (200, Value::Null));
}

#[tokio::test]
async fn failed_generations_have_its_codes() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, &folder).await;
    for (body, code) in [
        (json!({ "prompt": "full of stars" }), "IO_ERROR"),
        (json!({ "prompt": "panic" }), "BACKEND_ERROR"),
        // As if sd-cli had exited with an error.
        (json!({ "prompt": "a", "sampler": "best" }), "BACKEND_ERROR"),
        (json!({ "prompt": "a", "width": 4096, "height": 4096 }), "BACKEND_ERROR"),
    ] {
        let path = begun(&studio, &body).await;
        let state = reaches(&studio, &path, "error").await;
        assert_eq!(keys(&state), ["id", "status", "createdAt", "updatedAt", "error"]);
        assert_eq!((keys(&state["error"]), &state["error"]["code"]), (vec!["message", "code"], &json!(code)));
        let (status, told) = call(&studio, "DELETE", &path, "").await;
        assert_eq!((status, &told["error"]["code"]), (409, &json!("ALREADY_TERMINAL")));
    }
}

#[tokio::test]
async fn a_model_that_cannot_be_used_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, &folder).await;
    for (query, body, word) in [
        ("", json!({ "prompt": "a", "model": "nobody" }), "nobody"),
        ("?model=nobody", json!({ "prompt": "a" }), "nobody"),
        // In the query or in the body; the query goes first.
        ("?model=words", json!({ "prompt": "a", "model": "colour" }), "words"),
        ("?model=a&model=b", json!({ "prompt": "a" }), "model"),
        // A field of which no image can come.
        ("", json!({ "prompt": "a", "steps": "many" }), "steps"),
        ("", json!({ "prompt": ["a"] }), "prompt"),
    ] {
        let (status, told) = call(&studio, "POST", &format!("{BEGIN}{query}"), &body.to_string()).await;
        assert_eq!((status, &told["error"]["code"]), (400, &json!("INVALID_REQUEST")), "{told}");
        assert!(told["error"]["message"].as_str().unwrap().contains(word), "{told}");
        assert!(told["error"].get("suggestion").is_none_or(|help| help.as_str() != Some("")), "{told}");
    }
    assert_eq!(studio.painters.starts(), 0);
    let path = begun(&studio, &json!({ "prompt": "a", "model": "colour" })).await;
    reaches(&studio, &path, "complete").await;
}

#[tokio::test]
async fn generations_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, &folder).await;
    let done = begun(&studio, &json!({ "prompt": "a", "width": 64, "height": 64 })).await;
    let before = reaches(&studio, &done, "complete").await;
    // The system gives back the lock of a program that died; this one lives, so its lock is taken away.
    let dies = || std::fs::remove_file(folder.path().join(".lock")).unwrap();
    dies();
    let studio = open(ENDLESS, &folder).await;
    assert_eq!(call(&studio, "GET", &done, "").await, (200, before));
    let running = begun(&studio, &json!({ "prompt": "a" })).await;
    until(|| studio.painters.painting() == 1).await;
    dies();
    let studio = open(QUICK, &folder).await;
    let (_, state) = call(&studio, "GET", &running, "").await;
    assert_eq!((&state["status"], &state["error"]["code"]), (&json!("error"), &json!("SERVER_NOT_RUNNING")));
}

#[tokio::test]
async fn generations_are_kept_for_five_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, &folder).await;
    let (_, begun) = call(&studio, "POST", "/v1/images/generations", r#"{"prompt":"a"}"#).await;
    let id = begun["id"].as_str().unwrap();
    reaches(&studio, &format!("/v1/images/generations/{id}"), "complete").await;
    let (_, job) = studio.json("GET", &format!("/api/v1/jobs/{id}"), &json!({})).await;
    let kept = job["expires_at"].as_u64().unwrap() - job["ended_at"].as_u64().unwrap();
    assert!((299..=301).contains(&kept), "{job}");
}

#[tokio::test]
async fn too_many_are_refused_as_busy() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = JobsOptions::new(folder.path());
    options.max_active = 1;
    let studio = Studio::open(ENDLESS, Some(options)).await;
    call(&studio, "POST", "/v1/images/generations", r#"{"prompt":"a"}"#).await;
    let (status, told) = call(&studio, "POST", "/v1/images/generations", r#"{"prompt":"a"}"#).await;
    assert_eq!((status, keys(&told["error"])), (503, vec!["message", "code", "suggestion"]));
    assert_eq!(told["error"]["code"], "SERVER_BUSY");
}
