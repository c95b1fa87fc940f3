//! Clients that others have written: the official `OpenAI` one, and genai-electron's. And jobs, whose client is away.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::{PAINTER, PATIENCE, SIZE, image, studio};
use crate::{
    serve::{
        client::{self, Answer},
        openai_client::Script,
    },
    support::Daemon,
};

#[test]
fn the_openai_client_generates() {
    let daemon = studio("resident", &[]);
    let mut script = Script::start_for(PAINTER, "generate", &daemon);
    let told = script.told();
    let images = told["images"].as_array().unwrap_or_else(|| panic!("{told}"));
    assert_eq!(images.len(), 2, "{told}");
    for image in images {
        assert_eq!((&image["width"], &image["height"]), (&json!(64), &json!(64)), "{told}");
    }
    assert_ne!(images[0]["sha256"], images[1]["sha256"], "{told}");
    assert_eq!(told["seeds"], json!([7, 8]), "{told}");
    assert_eq!((&told["format"], &told["size"]), (&json!("png"), &json!(SIZE)), "{told}");
    let by_url = script.told();
    assert_eq!(by_url["url"]["width"], 64, "{by_url}");
    script.end();
}

#[test]
fn the_openai_client_edits() {
    let daemon = studio("resident", &[]);
    let mut script = Script::start_for(PAINTER, "edit", &daemon);
    let told = script.told();
    assert_eq!(told["after"]["width"], 64, "{told}");
    assert_ne!(told["before"]["sha256"], told["after"]["sha256"], "{told}");
    assert_eq!(script.told()["masked"]["height"], 64);
    script.end();
}

#[test]
fn the_openai_client_streams() {
    let daemon = studio("resident", &[]);
    let mut script = Script::start_for(PAINTER, "generate_stream", &daemon);
    let told = script.told();
    let kinds: Vec<&str> = told["kinds"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(kinds.last(), Some(&"image_generation.completed"), "{told}");
    assert_eq!((&told["completed"]["width"], &told["size"]), (&json!(64), &json!(SIZE)), "{told}");
    script.end();
}

#[test]
fn the_openai_client_raises_where_an_image_is_too_large() {
    let daemon = studio("one-shot", &[]);
    let mut script = Script::start_for(PAINTER, "refused_image", &daemon);
    assert_eq!(script.told(), json!({ "status": 413, "code": "image_too_large", "param": "size" }));
    script.end();
}

fn get(daemon: &Daemon, path: &str) -> Answer {
    Answer::to(client::client().get(format!("{}{path}", daemon.url)).timeout(PATIENCE))
}

fn post(daemon: &Daemon, path: &str, body: &Value) -> Answer {
    Answer::to(client::client().post(format!("{}{path}", daemon.url)).timeout(PATIENCE).json(body))
}

/// Asks until `field` is `value`.
fn reaches(daemon: &Daemon, path: &str, field: &str, value: &str) -> Value {
    let patience = std::time::Instant::now() + PATIENCE;
    loop {
        let answer = get(daemon, path);
        if answer.body[field] == value {
            return answer.body;
        }
        assert!(std::time::Instant::now() < patience, "never {value}: {answer:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_job_is_done_while_its_client_is_away_and_is_the_same_image() {
    let daemon = studio("one-shot", &[]);
    let path = post(&daemon, "/api/v1/jobs", &image(2)).body["poll_url"].as_str().unwrap().to_owned();
    reaches(&daemon, &path, "state", "completed");
    let result = get(&daemon, &format!("{path}/result")).body;
    let alone = post(&daemon, "/v1/images/generations", &image(2)).body;
    assert_eq!(result["data"][0]["b64_json"], alone["data"][0]["b64_json"], "the seed makes the image");
    let events = client::client().get(format!("{}{path}/events", daemon.url)).send().unwrap().text().unwrap();
    assert!(events.contains("event: snapshot") && events.contains("\"state\":\"completed\""), "{events}");
}

#[test]
fn a_job_that_runs_is_cancelled_and_the_next_one_is_fine() {
    for mode in ["resident", "one-shot"] {
        let daemon = studio(mode, &[]);
        // As many steps as a resident model takes, and as many images: longer than anybody waits here.
        let mut endless = image(100);
        endless["n"] = 8.into();
        let path = post(&daemon, "/api/v1/jobs", &endless).body["poll_url"].as_str().unwrap().to_owned();
        reaches(&daemon, &path, "stage", "sampling");
        let told = post(&daemon, &format!("{path}/cancel"), &json!({})).body;
        assert_eq!(told["state"], "cancelled", "{told}");
        assert_eq!(post(&daemon, "/v1/images/generations", &image(2)).status, 200, "{mode}");
    }
}

/// What genai-electron's server is put behind here.
const GENAI_ELECTRON: &str = "/compat/genai-electron";

fn delete(daemon: &Daemon, path: &str) -> Answer {
    Answer::to(client::client().delete(format!("{}{path}", daemon.url)).timeout(PATIENCE))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

#[test]
fn clients_of_genai_electron_get_what_they_know() {
    let daemon = studio("one-shot", &[]);
    let health = || get(&daemon, &format!("{GENAI_ELECTRON}/health")).body;
    assert_eq!(health(), json!({ "status": "ok", "busy": false }));
    let base = format!("{GENAI_ELECTRON}/v1/images/generations");
    let body = json!({
        "prompt": "a lighthouse", "negativePrompt": "dogs", "width": 64, "height": 60, "steps": 4, "cfgScale": 7.5,
        "seed": 7, "sampler": "euler_a", "count": 1.5,
    });
    let begun = post(&daemon, &base, &body);
    assert_eq!((begun.status, keys(&begun.body)), (201, vec!["id", "status", "createdAt"]), "{begun:?}");
    assert_eq!(begun.body["status"], "pending");
    assert_eq!(health()["busy"], true);
    let path = format!("{base}/{}", begun.body["id"].as_str().unwrap());

    let state = reaches(&daemon, &path, "status", "in_progress");
    assert_eq!(keys(&state), ["id", "status", "createdAt", "updatedAt", "progress"], "{state}");
    let progress = &state["progress"];
    let named = ["currentStep", "totalSteps", "stage", "percentage", "currentImage", "totalImages"];
    assert_eq!((keys(progress), &progress["totalImages"]), (named.to_vec(), &json!(2)), "{state}");
    assert!(["loading", "diffusion", "decoding"].iter().any(|stage| progress["stage"] == *stage), "{state}");
    assert!(progress["percentage"].as_u64().is_some_and(|percent| percent <= 100), "{state}");

    let state = reaches(&daemon, &path, "status", "complete");
    let result = &state["result"];
    assert_eq!(
        (keys(result), &result["format"]),
        (vec!["images", "format", "timeTaken"], &json!("png")),
        "{state}"
    );
    let took = state["updatedAt"].as_u64().unwrap() - state["createdAt"].as_u64().unwrap();
    assert!(
        (1..=took).contains(&result["timeTaken"].as_u64().unwrap()),
        "{} of {took} ms",
        result["timeTaken"]
    );
    let images = result["images"].as_array().unwrap_or_else(|| panic!("{state}"));
    assert_eq!(images.len(), 2, "{state}");
    for (image, seed) in images.iter().zip([7, 8]) {
        assert_eq!(keys(image), ["image", "seed", "width", "height"]);
        assert_eq!(
            [&image["seed"], &image["width"], &image["height"]],
            [&json!(seed), &json!(64), &json!(64)]
        );
        assert!(
            image["image"].as_str().is_some_and(|file| file.starts_with("iVBORw0KGgo")),
            "a PNG in base64"
        );
    }
    let again = delete(&daemon, &path);
    assert_eq!((again.status, &again.body["error"]["code"]), (409, &json!("ALREADY_TERMINAL")));
    assert_eq!(health()["busy"], false);
}

#[test]
fn clients_of_genai_electron_cancel_and_hear_of_errors() {
    let daemon = studio("one-shot", &[]);
    let base = format!("{GENAI_ELECTRON}/v1/images/generations");
    let small = |steps: u32| json!({ "prompt": "a", "width": 64, "height": 64, "steps": steps });
    let begun = |body: &Value| {
        let begun = post(&daemon, &base, body);
        assert_eq!(begun.status, 201, "{begun:?}");
        format!("{base}/{}", begun.body["id"].as_str().unwrap())
    };
    let running = begun(&small(900));
    reaches(&daemon, &running, "status", "in_progress");
    let waiting = begun(&small(900));
    for path in [&waiting, &running, &running] {
        let told = delete(&daemon, path);
        assert_eq!((told.status, keys(&told.body)), (200, vec!["id", "status"]), "{told:?}");
        assert_eq!(get(&daemon, path).body["status"], "cancelled");
    }
    let mut wrong = small(2);
    wrong["sampler"] = "nonsense".into();
    let path = begun(&wrong);
    let state = reaches(&daemon, &path, "status", "error");
    let error = &state["error"];
    assert_eq!((keys(error), &error["code"]), (vec!["message", "code"], &json!("BACKEND_ERROR")), "{state}");
    assert_eq!(delete(&daemon, &path).status, 409);
    let refused = post(&daemon, &base, &json!({ "prompt": "a", "count": 6 }));
    assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!("INVALID_REQUEST")));
    assert_eq!(get(&daemon, &format!("{base}/gen_1")).body["error"]["code"], "NOT_FOUND");
    // What comes after all that is fine.
    reaches(&daemon, &begun(&small(2)), "status", "complete");
}
