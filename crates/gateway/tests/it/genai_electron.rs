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
    assert!((0.0..=100.0).contains(&progress["percentage"].as_f64().unwrap()), "{progress}");

    let state = reaches(&studio, &path, "complete").await;
    assert_eq!(keys(&state), ["id", "status", "createdAt", "updatedAt", "result"]);
    let result = &state["result"];
    assert_eq!(keys(result), ["images", "format", "timeTaken"]);
    assert_eq!(result["format"], "png");
    assert!(result["timeTaken"].as_u64().unwrap() > 0, "{state}");
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
    let (status, begun) = call(&studio, "POST", "/v1/images/generations", body).await;
    assert_eq!(status, 201, "{begun}");
    let path = format!("/v1/images/generations/{}", begun["id"].as_str().unwrap());
    let state = reaches(&studio, &path, "in_progress").await;
    assert_eq!(keys(&state["progress"]), ["currentStep", "totalSteps", "stage", "percentage"]);
    let state = reaches(&studio, &path, "complete").await;
    assert_eq!(state["result"]["images"].as_array().unwrap().len(), 1);
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
    ] {
        assert_eq!(call(&studio, "POST", begin, body).await, (status, told), "{body}");
    }
    let (status, told) = call(&studio, "POST", begin, "{").await;
    assert_eq!((status, &told["error"]["code"]), (500, &json!("INTERNAL_ERROR")));
    assert_eq!(keys(&told["error"]), ["message", "code"]);
    let nobody = (404, error("Generation not found", "NOT_FOUND"));
    assert_eq!(call(&studio, "GET", "/v1/images/generations/gen_1", "").await, nobody);
    assert_eq!(call(&studio, "DELETE", "/v1/images/generations/gen_1", "").await, nobody);
    let nothing = (404, error("Not found", "NOT_FOUND"));
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/v1/images/generations"),
        ("PUT", "/v1/images/generations/gen_1"),
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
    for (prompt, code) in [("full of stars", "IO_ERROR"), ("panic", "BACKEND_ERROR")] {
        let body = json!({ "prompt": prompt }).to_string();
        let (_, begun) = call(&studio, "POST", "/v1/images/generations", &body).await;
        let path = format!("/v1/images/generations/{}", begun["id"].as_str().unwrap());
        let state = reaches(&studio, &path, "error").await;
        assert_eq!(keys(&state), ["id", "status", "createdAt", "updatedAt", "error"]);
        assert_eq!((keys(&state["error"]), &state["error"]["code"]), (vec!["message", "code"], &json!(code)));
        let (status, told) = call(&studio, "DELETE", &path, "").await;
        assert_eq!((status, &told["error"]["code"]), (409, &json!("ALREADY_TERMINAL")));
    }
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
