//! Jobs: images that are made while their client is away.

mod kept;

use std::{path::Path, time::Duration};

use axum::{body::Body, http::Request};
use loadmaster_gateway::JobsOptions;
use loadmaster_images::{Size, encode_base64, png};

use super::{
    painters::{Studio, until},
    plain_colour, *,
};

const JOBS: &str = "/api/v1/jobs";
const QUICK: Duration = Duration::from_millis(1);
/// Longer than any test takes.
const ENDLESS: Duration = Duration::from_hours(1);

async fn open(step: Duration, folder: &Path) -> Studio {
    Studio::open(step, Some(JobsOptions::new(folder.join("jobs")))).await
}

/// Submits a job, and gives its path.
async fn submit(studio: &Studio, body: &Value) -> String {
    let (status, job) = studio.json("POST", JOBS, body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    assert_eq!((&job["state"], &job["kind"]), (&json!("queued"), &json!("image")));
    job["poll_url"].as_str().unwrap().to_owned()
}

async fn get(studio: &Studio, path: &str) -> Value {
    let (status, job) = studio.json("GET", path, &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{job}");
    job
}

/// Waits until the job is in that state.
async fn reaches(studio: &Studio, path: &str, state: &str) -> Value {
    let waits = async {
        loop {
            let job = get(studio, path).await;
            if job["state"] == state {
                break job;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.unwrap_or_else(|_| panic!("never {state}"))
}

async fn bytes(studio: &Studio, path: &str) -> (StatusCode, String, Vec<u8>) {
    let answer = studio.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let (status, kind) = (answer.status(), answer.headers()["content-type"].to_str().unwrap().to_owned());
    (status, kind, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn a_job_is_done_without_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, folder.path()).await;
    let body = json!({ "kind": "image", "prompt": "a", "n": 2, "size": "64x128", "seed": 9 });
    let answer = studio.post(JOBS, &body).await;
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    drop(answer);
    let job = reaches(&studio, &path, "completed").await;
    assert_eq!((&job["fraction"], &job["model"], &job["n"]), (&json!(1.0), &json!("colour"), &json!(2)));
    assert!(job["expires_at"].as_u64().unwrap() >= job["ended_at"].as_u64().unwrap() + 86_399, "{job}");

    let result = get(&studio, job["result_url"].as_str().unwrap()).await;
    assert_eq!((&result["data"][1]["seed"], &result["size"]), (&json!(10), &json!("64x128")));
    let url = result["data"][1]["url"].as_str().unwrap();
    assert_eq!(url, format!("{path}/images/1.png"));
    let (status, kind, file) = bytes(&studio, url).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "image/png"));
    assert_eq!(json!(encode_base64(&file)), result["data"][1]["b64_json"]);
    png::check(&file).unwrap();
    for name in ["2.png", "..%2Fjob.json", "job.json", "0.png.part"] {
        assert_eq!(bytes(&studio, &format!("{path}/images/{name}")).await.0, StatusCode::NOT_FOUND, "{name}");
    }
    let listed = get(&studio, JOBS).await;
    assert_eq!(listed["data"][0]["id"], job["id"]);
}

#[tokio::test]
async fn an_edit_is_a_job_that_brings_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, folder.path()).await;
    let image = encode_base64(&plain_colour::png(Size::new(8, 8), [0; 3]));
    let path = submit(&studio, &json!({ "prompt": "a", "image": image, "partial_images": 1 })).await;
    let job = reaches(&studio, &path, "completed").await;
    assert_eq!(job["request"]["image"], Value::Null, "images are not told again: {job}");
    let result = get(&studio, &format!("{path}/result")).await;
    assert_eq!(result["parameters"]["inputs"], 1);
    let (status, _, preview) = bytes(&studio, &format!("{path}/preview")).await;
    assert_eq!((status, png::check(&preview).is_ok()), (StatusCode::OK, true));
}

#[tokio::test]
async fn events_begin_with_a_snapshot_and_end_with_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(Duration::from_millis(20), folder.path()).await;
    let path = submit(&studio, &json!({ "prompt": "a", "steps": 5 })).await;
    let listen = async |last: &str| {
        let request = Request::get(format!("{path}/events")).header("last-event-id", last);
        text(studio.send(request.body(Body::empty()).unwrap()).await).await.unwrap()
    };
    let told = listen("").await;
    let events: Vec<(&str, u64, Value)> = told
        .split_terminator("\n\n")
        .filter(|event| !event.starts_with(':'))
        .map(|event| {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let data = serde_json::from_str(field("data: ")).unwrap();
            (field("event: "), field("id: ").parse().unwrap(), data)
        })
        .collect();
    assert_eq!(events[0].0, "snapshot");
    assert!(events.is_sorted_by(|one, next| one.1 < next.1), "{told}");
    let fractions: Vec<f64> = events.iter().map(|(.., job)| job["fraction"].as_f64().unwrap()).collect();
    assert!(fractions.is_sorted() && fractions.len() > 3, "{fractions:?}");
    assert!(events.iter().any(|(name, _, job)| *name == "progress" && job["stage"] == "sampling"), "{told}");
    let (name, last, job) = events.last().unwrap();
    assert_eq!((*name, &job["state"]), ("completed", &json!("completed")));
    // Who has heard all hears nothing more, who has missed something hears what is now.
    assert_eq!(listen(&last.to_string()).await, "");
    assert!(listen(&events[1].1.to_string()).await.contains("\"state\":\"completed\""));
}

#[tokio::test]
async fn a_job_is_cancelled_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(ENDLESS, folder.path()).await;
    let running = submit(&studio, &json!({ "prompt": "a" })).await;
    until(|| studio.painters.painting() == 1).await;
    let queued = submit(&studio, &json!({ "prompt": "b" })).await;
    let waiting = async || studio.orchestrator.status().await.unwrap().models[0].waiting;
    while waiting().await == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let told = get(&studio, &queued).await;
    assert_eq!(told["state"], "queued");

    let (status, told) = studio.json("DELETE", &queued, &json!({})).await;
    assert_eq!((status, &told["state"]), (StatusCode::OK, &json!("cancelled")));
    while waiting().await > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(studio.painters.painting(), 1);
    let (status, told) = studio.json("POST", &format!("{running}/cancel"), &json!({})).await;
    assert_eq!((status, &told["state"]), (StatusCode::OK, &json!("cancelled")));
    until(|| studio.painters.painting() == 0).await;
    assert_eq!(studio.painters.painted(), 0);

    let (status, told) = studio.json("GET", &format!("{running}/result"), &json!({})).await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::CONFLICT, &json!("cancelled")));
    // Cancelling again changes nothing, and deleting what has ended forgets it.
    assert_eq!(studio.json("POST", &format!("{running}/cancel"), &json!({})).await.1["state"], "cancelled");
    assert_eq!(studio.json("DELETE", &running, &json!({})).await.0, StatusCode::OK);
    let (status, told) = studio.json("GET", &running, &json!({})).await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::NOT_FOUND, &json!("job_not_found")));
}

#[tokio::test]
async fn who_waits_is_told_its_place_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(ENDLESS, folder.path()).await;
    let _running = submit(&studio, &json!({ "prompt": "a" })).await;
    until(|| studio.painters.painting() == 1).await;
    let queued = submit(&studio, &json!({ "prompt": "b" })).await;
    let placed = async {
        loop {
            let job = get(&studio, &queued).await;
            if job["place"] == 1 {
                break job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let job = tokio::time::timeout(Duration::from_secs(10), placed).await.expect("it has a place");
    assert_eq!((&job["places"], &job["why"]), (&json!(1), &json!("colour is painting")), "{job}");
    let (status, told) = studio.json("GET", &format!("{queued}/result"), &json!({})).await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::CONFLICT, &json!("not_finished")));
}

#[tokio::test]
async fn failures_are_typed() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(Duration::from_millis(10), folder.path()).await;
    for (body, code) in [
        (json!({ "prompt": "full of stars" }), "disk_full"),
        (json!({ "prompt": "panic" }), "generation_failed"),
        (json!({ "prompt": "a", "sampler": "best" }), "invalid_request"),
        (json!({ "prompt": "a", "size": "1536x1536" }), "image_too_large"),
        (json!({ "prompt": "a", "model": "nobody" }), "model_not_found"),
    ] {
        let path = submit(&studio, &body).await;
        let job = reaches(&studio, &path, "failed").await;
        assert_eq!(job["error"]["code"], code, "{job}");
        let (status, told) = studio.json("GET", &format!("{path}/result"), &json!({})).await;
        assert!(status.as_u16() >= 400 && told["error"]["code"] == code, "{status} {told}");
    }
    let path = submit(&studio, &json!({ "prompt": "a", "steps": 1000 })).await;
    reaches(&studio, &path, "running").await;
    studio.painters.crash();
    assert_eq!(reaches(&studio, &path, "failed").await["error"]["code"], "server_crashed");
}

#[tokio::test]
async fn wrong_submissions_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, folder.path()).await;
    for (body, param) in [
        (json!({ "kind": "video", "prompt": "a" }), "kind"),
        (json!({ "kind": "image" }), "prompt"),
        (json!({ "prompt": "a", "n": 99 }), "n"),
        (json!([]), "body"),
    ] {
        let (status, told) = studio.json("POST", JOBS, &body).await;
        assert_eq!((status.as_u16(), &told["error"]["param"]), (400, &json!(param)), "{told}");
    }
    let none = Studio::open(QUICK, None).await;
    let (status, told) = none.json("POST", JOBS, &json!({ "prompt": "a" })).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (501, &json!("not_implemented")));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, folder.path()).await;
    // Taken away while the program runs, and a file in its place: nobody can write there, whoever it is.
    std::fs::remove_dir_all(folder.path().join("jobs")).unwrap();
    std::fs::write(folder.path().join("jobs"), "").unwrap();
    let (status, told) = studio.json("POST", JOBS, &json!({ "prompt": "a" })).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (500, &json!("jobs_unwritable")), "{told}");
    assert_eq!(get(&studio, JOBS).await["data"], json!([]));
    let options =
        loadmaster_gateway::Options::default().with_jobs(JobsOptions::new(folder.path().join("jobs")));
    let error = loadmaster_gateway::router_with(studio.orchestrator.clone(), options).unwrap_err();
    assert!(error.to_string().contains("jobs"), "{error}");
}

#[tokio::test]
async fn urls_are_under_our_own_server() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(QUICK, folder.path()).await;
    let body = json!({ "prompt": "a", "response_format": "url" }).to_string();
    let request = Request::post("/v1/images/generations").header("host", "127.0.0.1:11611");
    let answer = studio.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = serde_json::from_str(&text(answer).await.unwrap()).unwrap();
    assert_eq!(answer["data"][0].get("b64_json"), None);
    let url = answer["data"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:11611").unwrap();
    let (status, _, file) = bytes(&studio, path).await;
    assert_eq!((status, png::check(&file).is_ok()), (StatusCode::OK, true));
}

#[tokio::test]
async fn who_waits_for_urls_and_leaves_cancels() {
    let folder = tempfile::tempdir().unwrap();
    let studio = open(ENDLESS, folder.path()).await;
    let body = json!({ "prompt": "a", "response_format": "url" });
    tokio::select! {
        _ = studio.post("/v1/images/generations", &body) => panic!("it never ends"),
        () = until(|| studio.painters.painting() == 1) => {}
    }
    until(|| studio.painters.painting() == 0).await;
    assert_eq!(get(&studio, JOBS).await["data"][0]["state"], "cancelled");
}
