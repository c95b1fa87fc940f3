//! Models of the library over the API: imported, listed, looked into, verified, deleted; and told to who listens.

use std::{fs, path::PathBuf, sync::Arc};

use axum::http::Method;
use loadmaster_models::{Import, Job, Library, Role};
use serde_json::{Value, json};

use crate::{
    api::{Api, Listener, Small},
    maker,
};

/// A file of the user's, beside the library.
fn put(api: &Api, name: &str, bytes: &[u8]) -> PathBuf {
    let folder = api.home.path().join("user");
    fs::create_dir_all(&folder).unwrap();
    maker::put(&folder, name, bytes)
}

fn library(api: &Api) -> Library {
    Library::open(api.home.path().join("models")).unwrap()
}

async fn import(api: &Api, path: &std::path::Path, name: &str) -> Value {
    let (status, model) = api.post("/api/v1/models/import", &json!({ "path": path, "name": name })).await;
    assert_eq!(status, 201, "{model}");
    model
}

/// The names that the topic tells next.
async fn names(listener: &mut Listener) -> Vec<String> {
    let (event, told) = listener.next().await;
    assert_eq!(event, "library");
    let models = told["models"].as_array().unwrap().iter();
    models.map(|model| model["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_file_that_is_imported_is_used_where_it_is_and_stays_there() {
    let program = Small::default();
    let reloads = Arc::clone(&program.reloads);
    let api = Api::of(Arc::new(tempfile::tempdir().unwrap()), program).await;
    let mut listener = api.listen("library").await;
    assert_eq!(names(&mut listener).await, Vec::<String>::new());
    let path = put(&api, "tiny.gguf", &maker::llm(10_000, 1));
    let model = import(&api, &path, "mine").await;
    let told: Vec<_> =
        ["name", "kind", "state", "format", "architecture", "configured"].map(|key| &model[key]).into();
    let expected = json!(["mine", "language", "not_offered", "gguf", "llama", false]);
    assert_eq!(json!(told), expected);
    assert_eq!((&model["path"], &model["origin"]), (&json!(path), &json!(path)));
    assert_eq!(model["bytes"], json!(path.metadata().unwrap().len()));
    assert_eq!((&model["fit"]["verdict"], &model["error"]), (&json!("unknown"), &Value::Null));
    assert_eq!(names(&mut listener).await, ["mine"]);
    assert_eq!(api.get("/api/v1/models/MINE").await, model);
    assert_eq!(api.get("/api/v1/models").await, json!({ "models": [model] }));

    let removal = api.get("/api/v1/models/mine/removal").await;
    assert_eq!(removal["kept"][0]["path"], json!(path));
    assert_eq!(api.delete("/api/v1/models/mine").await, (200, removal));
    assert!(path.exists());
    assert_eq!(names(&mut listener).await, Vec::<String>::new());
    assert_eq!(reloads.load(std::sync::atomic::Ordering::SeqCst), 2, "once for each change");
}

#[tokio::test]
async fn what_other_processes_change_is_told_too() {
    let api = Api::open().await;
    let mut listener = api.listen("library").await;
    assert_eq!(names(&mut listener).await, Vec::<String>::new());
    let path = put(&api, "tiny.gguf", &maker::llm(1000, 1));
    library(&api).import(Import::of(path), &Job::default()).unwrap();
    assert_eq!(names(&mut listener).await, ["tiny"]);
    library(&api).remove("tiny").unwrap();
    assert_eq!(names(&mut listener).await, Vec::<String>::new());
}

#[tokio::test]
async fn headers_are_told_in_slices() {
    let api = Api::open().await;
    import(&api, &put(&api, "tiny.gguf", &maker::llm(10_000, 1)), "text").await;
    import(&api, &put(&api, "v.safetensors", &maker::vae(4096)), "vae").await;
    let header = api.get("/api/v1/models/text/header?array_limit=3&offset=1").await;
    assert_eq!(header["essential"]["architecture"], "llama");
    assert_eq!(header["tensors"]["count"], 2);
    let entries = header["metadata"].as_array().unwrap();
    let array = entries.iter().find(|entry| entry["type"] == "array of string").expect("a vocabulary");
    assert_eq!(array["value"]["first"], json!(["token1", "token2", "token3"]));
    assert!(array["value"]["length"].as_u64() > Some(3));
    assert!(entries.iter().any(|entry| entry["key"] == "general.architecture" && entry["value"] == "llama"));
    let header = api.get("/api/v1/models/vae/header").await;
    assert_eq!(
        (&header["essential"]["format"], &header["essential"]["kind"]),
        (&json!("safetensors"), &json!("vae"))
    );
    assert!(header["tensors"]["bytes"].as_u64() > Some(0), "{header}");
    for path in ["text/header?array_limit=x", "text/header?unknown=1"] {
        assert_eq!(api.get(&format!("/api/v1/models/{path}")).await["error"]["code"], "invalid_query");
    }
}

#[tokio::test]
async fn a_damaged_file_is_found_by_a_verification() {
    let api = Api::open().await;
    let path = put(&api, "tiny.gguf", &maker::llm(10_000, 1));
    import(&api, &path, "mine").await;
    let mut listener = api.listen("downloads").await;
    for (state, code) in [("done", Value::Null), ("failed", json!("damaged"))] {
        let (status, task) = api.post("/api/v1/models/mine/verify", &Value::Null).await;
        assert_eq!((status, &task["kind"], &task["model"]), (202, &json!("verify"), &json!("mine")));
        loop {
            let told = listener.next().await.1;
            if told["id"] == task["id"] && told["state"] == state {
                assert_eq!(told["error"]["code"], code, "{told}");
                break;
            }
        }
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    fs::write(&path, "short").unwrap();
    let model = api.get("/api/v1/models/mine").await;
    assert_eq!(model["error"]["code"], "file_not_found", "{model}");
}

#[tokio::test]
async fn parts_that_others_have_stay() {
    let api = Api::open().await;
    let vae = put(&api, "v.safetensors", &maker::vae(4096));
    for (name, seed) in [("one", 1), ("two", 2)] {
        let main = put(&api, &format!("{name}.safetensors"), &maker::diffusion(8192, seed));
        let components = vec![(Role::Vae, vae.clone())];
        library(&api).import(Import { components, ..Import::of(main) }, &Job::default()).unwrap();
    }
    let model = api.get("/api/v1/models/one").await;
    assert_eq!((&model["kind"], &model["parts"][1]["role"]), (&json!("image"), &json!("vae")));
    let removal = api.get("/api/v1/models/one/removal").await;
    assert_eq!(removal["kept"][0]["why"], "used by two");
    assert_eq!(api.delete("/api/v1/models/one").await, (200, removal));
    let (status, last) = api.delete("/api/v1/models/two").await;
    assert_eq!((status, &last["kept"]), (200, &json!([])));
}

#[tokio::test]
async fn a_folder_without_a_manifest_harms_no_other_model() {
    let api = Api::open().await;
    import(&api, &put(&api, "tiny.gguf", &maker::llm(1000, 1)), "mine").await;
    fs::create_dir(api.home.path().join("models/broken")).unwrap();
    let models = api.get("/api/v1/models").await["models"].clone();
    assert_eq!((&models[0]["name"], &models[0]["error"]["code"]), (&json!("broken"), &json!("damaged")));
    assert_eq!(models[1]["name"], "mine");
    assert_eq!(api.delete("/api/v1/models/broken").await.0, 200);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_remedy() {
    let api = Api::open().await;
    let path = put(&api, "tiny.gguf", &maker::llm(1000, 1));
    import(&api, &path, "mine").await;
    let (text, folder) = (put(&api, "a.txt", b"no model"), api.home.path().to_owned());
    let own = api.home.path().join("models/mine/manifest.json");
    for (body, status, code) in [
        (json!({ "path": "tiny.gguf" }), 400, "invalid_path"),
        (json!({ "path": folder }), 400, "invalid_path"),
        (json!({ "path": own }), 400, "invalid_path"),
        (json!({ "path": folder.join("nowhere.gguf") }), 404, "file_not_found"),
        (json!({ "path": text }), 422, "not_a_model"),
        (json!({ "path": path, "name": "../x" }), 400, "invalid_name"),
        (json!({ "path": path, "name": "mine" }), 409, "model_exists"),
        (json!({ "pfad": path }), 400, "invalid_body"),
    ] {
        let (got, told) = api.post("/api/v1/models/import", &body).await;
        assert_eq!((got, &told["error"]["code"]), (status, &json!(code)), "{body}: {told}");
        assert!(!told["error"]["remedy"].as_str().unwrap().is_empty());
    }
    for (method, path) in [
        (Method::GET, ""),
        (Method::GET, "/header"),
        (Method::GET, "/removal"),
        (Method::POST, "/verify"),
        (Method::DELETE, ""),
    ] {
        let (status, told) = api.begin(&method, &format!("/api/v1/models/mien{path}")).await;
        assert_eq!((status, &told["error"]["code"]), (404, &json!("model_not_found")), "{method} {path}");
        assert_eq!(told["error"]["remedy"], "Did you mean mine?");
        let (status, _) = api.begin(&method, &format!("/api/v1/models/..%2Fmine{path}")).await;
        assert_eq!(status, 404);
    }
    let hold = library(&api).hold("mine").unwrap();
    let (status, told) = api.delete("/api/v1/models/mine").await;
    assert_eq!((status, &told["error"]["code"]), (409, &json!("in_use")));
    drop(hold);
    assert_eq!(api.delete("/api/v1/models/mine").await.0, 200);
}
