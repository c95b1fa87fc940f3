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

#[test]
fn clients_of_genai_electron_get_what_they_know() {
    let daemon = studio("one-shot", &[]);
    let base = "/compat/genai-electron/v1/images/generations";
    let body =
        json!({ "prompt": "a lighthouse", "width": 64, "height": 64, "steps": 2, "seed": 7, "count": 2 });
    let begun = post(&daemon, base, &body);
    assert_eq!((begun.status, &begun.body["status"]), (201, &json!("pending")), "{begun:?}");
    let path = format!("{base}/{}", begun.body["id"].as_str().unwrap());
    let state = reaches(&daemon, &path, "status", "complete");
    let images = state["result"]["images"].as_array().unwrap_or_else(|| panic!("{state}"));
    let seeds: Vec<&Value> = images.iter().map(|image| &image["seed"]).collect();
    assert_eq!((seeds, &images[1]["width"]), (vec![&json!(7), &json!(8)], &json!(64)));
    let again = client::client().delete(format!("{}{path}", daemon.url)).send().unwrap();
    assert_eq!(again.status().as_u16(), 409);
}
