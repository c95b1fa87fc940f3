//! Builds of a real server: installed from a server of ours, proven, verified, removed, and why others do not do.

use serde_json::{Value, json};

use crate::{
    api::{Api, Listener, Small},
    builds::{Setup, real},
};

async fn api(setup: &Setup) -> Api {
    let program = Small { builds: Some(setup.library()), ..Small::default() };
    Api::of(std::sync::Arc::new(tempfile::tempdir().unwrap()), program).await
}

async fn install(api: &Api, body: &Value) -> String {
    let (status, task) = api.post("/api/v1/binaries/install", body).await;
    assert_eq!((status, &task["kind"], &task["server"]), (202, &json!("install"), &json!("llama")), "{task}");
    task["id"].as_str().unwrap().to_owned()
}

/// How a task ends, and the builds of llama.cpp that are told behind it.
async fn end(listener: &mut Listener, id: &str) -> (Value, Value) {
    let mut task = Value::Null;
    loop {
        let (name, news) = listener.next().await;
        match name.as_str() {
            "install" if news["id"] == id => task = news,
            "builds" if ["done", "failed"].iter().any(|state| task["state"] == *state) => {
                return (task, news["servers"][0].clone());
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_build_is_installed_proven_verified_and_removed() {
    let mut setup = Setup::new();
    for id in ["one", "two"] {
        setup.archive(id, "[\"cpu\"]", &real(id));
    }
    let api = api(&setup).await;
    let mut listener = api.listen("builds").await;
    let (name, first) = listener.next().await;
    assert_eq!((name.as_str(), &first["servers"][0]["active"]), ("builds", &Value::Null));
    let builds = first["servers"][0]["builds"].as_array().unwrap();
    assert!(builds.iter().all(|build| build["installed"] == false && build["rejected"].is_null()), "{first}");
    assert_eq!((builds.len(), &first["servers"][1]["server"]), (2, &json!("sd")));

    let id = install(&api, &json!({ "server": "llama" })).await;
    assert_eq!(install(&api, &json!({ "server": "llama" })).await, id, "it is the same");
    let (task, server) = end(&mut listener, &id).await;
    assert_eq!(
        (&task["state"], &task["source"], &task["error"]),
        (&json!("done"), &json!("one"), &Value::Null)
    );
    assert!(task["bytes"].as_u64() > Some(0) && task["parts"][0]["name"] == "one", "{task}");
    assert_eq!((&server["active"], &server["builds"][0]["proven"]["worked"]), (&json!("one"), &json!(true)));
    assert_eq!(api.get("/api/v1/binaries").await["servers"][0], server);

    let (status, error) = api.delete("/api/v1/binaries/one").await;
    assert_eq!((status, &error["error"]["code"]), (409, &json!("in_use")));
    let id = install(&api, &json!({ "server": "llama", "build": "two" })).await;
    assert_eq!(end(&mut listener, &id).await.1["active"], "two");

    let (status, task) = api.post("/api/v1/binaries/one/verify", &Value::Null).await;
    assert_eq!((status, &task["kind"]), (202, &json!("verify")));
    let (task, _) = end(&mut listener, task["id"].as_str().unwrap()).await;
    assert_eq!(task["state"], "done", "{task}");
    let folder = setup.home.path().join("library/llama/builds/one");
    std::fs::write(folder.join("MARK"), "another").unwrap();
    let (_, task) = api.post("/api/v1/binaries/one/verify", &Value::Null).await;
    let (task, server) = end(&mut listener, task["id"].as_str().unwrap()).await;
    assert_eq!((&task["error"]["code"], &task["error"]["files"]), (&json!("damaged"), &json!(["MARK"])));
    let one = server["builds"].as_array().unwrap().iter().find(|build| build["id"] == "one").unwrap();
    assert!(one["rejected"]["why"].as_str().unwrap().contains("have changed"), "{one}");

    let (status, freed) = api.delete("/api/v1/binaries/one").await;
    assert_eq!((status, &freed["builds"]), (200, &json!(["one"])));
    assert!(freed["freed"].as_u64() > Some(0) && !folder.exists());
    loop {
        let (name, news) = listener.next().await;
        let builds = news["servers"][0]["builds"].as_array();
        if name == "builds"
            && builds.unwrap().iter().any(|build| build["id"] == "one" && build["installed"] == false)
        {
            break;
        }
    }
}

#[tokio::test]
async fn what_does_not_do_is_told_with_its_reason() {
    let mut setup = Setup::new();
    let (url, _) = setup.put("damaged.tar.gz", &real("damaged"));
    setup.at("damaged", "[\"cpu\"]", &url, &"0".repeat(64));
    let api = api(&setup).await;
    let mut listener = api.listen("builds").await;
    let id = install(&api, &json!({ "server": "llama", "build": "damaged" })).await;
    let (task, server) = end(&mut listener, &id).await;
    assert_eq!((&task["state"], &task["error"]["code"]), (&json!("failed"), &json!("none_works")));
    assert_eq!((&task["error"]["attempts"][0]["stage"], &server["active"]), (&json!("fetch"), &Value::Null));
    assert!(task["error"]["remedy"].is_string(), "{task}");
    let why = server["builds"][0]["rejected"]["why"].as_str().unwrap();
    assert!(why.contains("SHA-256") || why.contains("checksum"), "{why}");
    // Whoever comes later is told of it too.
    let mut later = api.listen("builds").await;
    assert_eq!((later.next().await.0, later.next().await.1), ("builds".to_owned(), task));
    for (body, status, code) in [
        (json!({ "server": "llama", "build": "none" }), 404, "unknown_build"),
        (json!({ "server": "other" }), 400, "unknown_server"),
        (json!({}), 400, "invalid_body"),
    ] {
        let (got, error) = api.post("/api/v1/binaries/install", &body).await;
        assert_eq!((got, &error["error"]["code"]), (status, &json!(code)), "{body}");
    }
    for (status, error) in [
        api.delete("/api/v1/binaries/..%2Fone").await,
        api.post("/api/v1/binaries/none/verify", &Value::Null).await,
    ] {
        assert_eq!((status, &error["error"]["code"]), (404, &json!("build_not_installed")));
    }
}
