//! What models would take that are here, on a hub, or only a file; and presets.

use std::sync::Arc;

use axum::{body::Body, http::Method};
use loadmaster_core::{Model, ModelKind, Registry};
use loadmaster_fetch::{Client, Options};
use loadmaster_models::{Catalog, Hub, Import, Job, Library, ModelName, Puller};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    api::{Api, Small},
    headers::{Headers, cache},
    hub::TestHub,
    maker,
};

const MIB: u64 = 1 << 20;

/// A hub, and a program beside it whose backend knows headers.
struct World {
    hub: TestHub,
    api: Api,
}

impl World {
    async fn new() -> Self {
        let home = Arc::new(tempfile::tempdir().unwrap());
        let hub = TestHub::start().await;
        let client = Client::new(Options { retries: 0, ..Options::default() }).unwrap();
        let library = Library::open(home.path().join("models")).unwrap();
        let puller = Puller::new(
            library,
            Hub::new(client, &hub.endpoint(), false),
            Catalog::embedded().unwrap(),
            Vec::new(),
        );
        let program = Small { puller: Some(puller.retries(1)), ..Small::default() };
        let registry = Registry::empty().with(Arc::new(Headers)).unwrap();
        Self { hub, api: Api::with(home, program, registry).await }
    }

    async fn estimate(&self, body: Value) -> Value {
        let (status, answer) = self.api.post("/api/v1/estimate", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The status and the error's object.
    async fn refused(&self, body: Value) -> (u16, Value) {
        let (status, answer) = self.api.post("/api/v1/estimate", &body).await;
        let error = answer["error"].clone();
        assert!(error["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{body}: {answer}");
        (status, error)
    }
}

fn write(home: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = home.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn of_a_model_on_a_hub_the_header_is_all_that_is_fetched() {
    let world = World::new().await;
    let whole = maker::llm(8 * MIB, 3);
    let bytes = whole.len() as u64;
    world.hub.add("someone/tiny", &[("tiny-Q4_K_M.gguf".to_owned(), whole)]);
    let told =
        world.estimate(json!({ "model": "someone/tiny", "settings": { "context_length": 1024 } })).await;
    assert!(world.hub.sent() < bytes / 4, "only its beginning was sent");
    assert_eq!((&told["model"], &told["source"]), (&json!("tiny-Q4_K_M"), &json!("computed")));
    assert_eq!(told["plan"], json!({ "context_length": 1024 }));
    assert_eq!(told["download"]["bytes"], bytes);
    assert_eq!((&told["fit"]["verdict"], &told["fit"]["leaves"]), (&json!("fits"), &json!([])));
    assert_eq!(told["fit"]["devices"][0]["total"], told["devices"][0]["total"]);
    assert_eq!(told["fits"]["longest_context"], 2048);

    let url = format!("{}/someone/tiny/resolve/main/tiny-Q4_K_M.gguf", world.hub.endpoint());
    let twice = world.estimate(json!({ "url": url, "settings": { "context_length": 2048 } })).await;
    assert_eq!((cache(&twice), cache(&twice) > 0), (2 * cache(&told), true));
    // One with several files is read whole.
    world.hub.add("someone/parts", &maker::split_llm("parts", 3, MIB));
    let parts = world.estimate(json!({ "model": "someone/parts" })).await;
    assert!(parts["devices"][0]["weights"].as_u64() > Some(3 * MIB / 2), "{parts}");
}

#[tokio::test]
async fn where_there_is_no_plan_the_size_decides() {
    let world = World::new().await;
    world.hub.add("someone/paints", &[("paints.safetensors".to_owned(), maker::diffusion(1 << 16, 5))]);
    let told = world.estimate(json!({ "model": "someone/paints" })).await;
    assert_eq!(
        (&told["source"], &told["backend"], &told["fits"]),
        (&json!("size"), &Value::Null, &Value::Null)
    );
    assert_eq!(told["fit"]["verdict"], "fits", "{told}");
    // Its list of files says that it is larger than any machine.
    world.hub.change("someone/paints", |repository| repository.claims = Some(1 << 50));
    let told = world.estimate(json!({ "model": "someone/paints" })).await;
    assert_eq!(
        (&told["fit"]["verdict"], &told["download"]["bytes"]),
        (&json!("too_large"), &json!(1_u64 << 50))
    );
    assert!(told["fit"]["why"].as_str().is_some_and(|why| why.contains("host needs")), "{told}");
}

#[tokio::test]
async fn models_that_are_here_are_found_by_name_and_files_by_path() {
    let world = World::new().await;
    let home = Arc::clone(&world.api.home);
    let path = write(&home, "mine.gguf", &maker::llm(MIB, 1));
    let of_path = world.estimate(json!({ "path": path })).await;
    assert_eq!((&of_path["model"], &of_path["download"]), (&json!("mine"), &Value::Null));
    let library = Library::open(home.path().join("models")).unwrap();
    let import = Import { name: Some(ModelName::new("stored").unwrap()), ..Import::of(&path) };
    library.import(import, &Job::default()).unwrap();
    let stored = world.estimate(json!({ "model": "stored" })).await;
    assert_eq!((&stored["model"], &stored["devices"]), (&json!("stored"), &of_path["devices"]));
    // One that is offered is loaded as it is offered, and null takes a setting away.
    let model = Model::from_file(ModelKind::Text, &path);
    let request = loadmaster_core::LoadRequest::new(model).with("context_length", 1024);
    world.api.orchestrator.add(request).await.unwrap();
    let context = async |settings: Value| {
        let told = world.estimate(json!({ "model": "mine", "settings": settings })).await;
        told["plan"]["context_length"].clone()
    };
    assert_eq!(context(json!({})).await, 1024);
    assert_eq!(context(json!({ "context_length": null })).await, 512);
    assert_eq!(world.hub.heads().0.len(), 0, "nobody was asked");
}

#[tokio::test]
async fn what_cannot_be_estimated_is_told_with_a_remedy() {
    let world = World::new().await;
    let home = Arc::clone(&world.api.home);
    let page = write(&home, "page.gguf", b"<!DOCTYPE html><html></html>");
    world.hub.add("someone/page", &[("page.gguf".to_owned(), b"<!DOCTYPE html>".to_vec())]);
    let mut cut = maker::llm(MIB, 3);
    cut.truncate(cut.len() / 2);
    world.hub.add("someone/cut", &[("cut.gguf".to_owned(), cut)]);
    let missing = home.path().join("missing.gguf").display().to_string();
    let good = write(&home, "good.gguf", &maker::llm(MIB, 1));
    for (body, status, code) in [
        (json!({}), 400, "invalid_body"),
        (json!({ "model": "a", "path": "/b" }), 400, "invalid_body"),
        (json!({ "url": "file:///etc/passwd" }), 400, "invalid_address"),
        (json!({ "url": "gopher://127.0.0.1/x" }), 400, "invalid_address"),
        (json!({ "path": "good.gguf" }), 400, "invalid_path"),
        (json!({ "path": missing }), 404, "file_not_found"),
        (json!({ "path": page }), 422, "not_a_model"),
        (json!({ "path": good, "settings": { "context_length": "long" } }), 400, "invalid_setting"),
        (json!({ "model": "llama-3.2-2b" }), 404, "not_in_catalog"),
        (json!({ "model": "../../etc/passwd" }), 400, "invalid_name"),
        (json!({ "model": "someone/nothing" }), 404, "not_on_hub"),
        (json!({ "model": "someone/page" }), 422, "not_a_model"),
        (json!({ "model": "someone/cut" }), 422, "not_a_model"),
        // Port 9 of this machine discards, if it is there at all.
        (json!({ "url": "http://127.0.0.1:9/a.gguf" }), 502, "connection_lost"),
    ] {
        let (got, error) = world.refused(body.clone()).await;
        assert_eq!((got, error["code"].as_str()), (status, Some(code)), "{body}: {error}");
        assert!(!error["message"].as_str().unwrap().contains("loadmaster-"), "no temporary name: {error}");
    }
    let (_, error) = world.refused(json!({ "path": good, "settings": { "context_length": -1 } })).await;
    assert_eq!(error["param"], "context_length");
}

#[tokio::test]
async fn files_of_this_machine_are_not_read_for_others() {
    let world = World::new().await;
    let path = write(&world.api.home, "mine.gguf", &maker::llm(MIB, 1));
    let body = || Body::from(json!({ "path": path }).to_string());
    for (peer, status) in [("192.168.1.7:1", 403), ("[::ffff:127.0.0.1]:1", 200)] {
        let answer = world.api.send(&Method::POST, "/api/v1/estimate", body(), peer).await;
        assert_eq!(answer.status(), status, "{peer}");
    }
}

#[tokio::test]
async fn presets_are_told_with_their_fit_and_nobody_is_asked() {
    let world = World::new().await;
    let presets = async || world.api.get("/api/v1/catalog").await["presets"].clone();
    let find = |presets: &Value, name: &str| {
        let found = presets.as_array().unwrap().iter().find(|preset| preset["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let told = presets().await;
    assert_eq!(told.as_array().unwrap().len(), Catalog::embedded().unwrap().models.len());
    for preset in told.as_array().unwrap() {
        let verdict = preset["fit"]["verdict"].as_str().unwrap();
        assert!(["fits", "evicts", "tight", "too_large"].contains(&verdict), "{preset}");
        assert!(preset["fit"]["why"].as_str().is_some_and(|why| why.len() > 5), "{preset}");
        assert!(preset["bytes"].as_u64() > Some(0) && preset["title"].is_string(), "{preset}");
    }
    let small = find(&told, "smollm2-135m");
    assert_eq!((&small["kind"], &small["licence"]), (&json!("language"), &json!("apache-2.0")));
    assert_eq!((&small["installed"], &small["fit"]["verdict"]), (&json!(false), &json!("fits")));
    assert_eq!(small["sizes"]["Q8_0"], 145_000_000);
    let klein = find(&told, "flux-2-klein");
    assert_eq!((&klein["kind"], &klein["parts"][1]["role"]), (&json!("image"), &json!("vae")));

    let path = write(&world.api.home, "a.gguf", &maker::llm(MIB, 1));
    let library = Library::open(world.api.home.path().join("models")).unwrap();
    let import = Import { name: Some(ModelName::new("SmolLM2-135M").unwrap()), ..Import::of(&path) };
    library.import(import, &Job::default()).unwrap();
    assert_eq!(find(&presets().await, "smollm2-135m")["installed"], true);
    assert_eq!(world.hub.heads().0.len(), 0, "nobody was asked");
}
