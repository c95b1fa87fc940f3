//! The library over the API of a daemon: a real model imported, weighed, looked into, checked, loaded and deleted.

use std::{path::Path, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use super::{empty_folder, ended};
use crate::{
    serve::client::{Answer, client},
    support::{Daemon, llama_server, loadmaster, smollm2, wait_until},
};

fn send(daemon: &Daemon, method: Method, path: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, format!("{}{path}", daemon.url)).body(body.to_string()))
}

fn get(daemon: &Daemon, path: &str) -> Value {
    send(daemon, Method::GET, path, &Value::Null).body
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &json!(code)), "{answer:?}");
    assert!(!answer.body["error"]["remedy"].as_str().unwrap_or_default().is_empty(), "{answer:?}");
}

#[test]
fn a_model_is_imported_looked_into_loaded_and_deleted_over_the_api() {
    let daemon = Daemon::start_serving(empty_folder(), &llama_server(), &[]);
    assert_eq!(get(&daemon, "/api/v1/models"), json!({ "models": [] }));
    let wanted = json!({ "path": smollm2(), "name": "smol" });
    let imported = send(&daemon, Method::POST, "/api/v1/models/import", &wanted);
    assert_eq!(imported.status, 201, "{imported:?}");
    let model = &get(&daemon, "/api/v1/models")["models"][0];
    assert_eq!(
        (&model["name"], &model["state"], &model["configured"]),
        (&json!("smol"), &json!("unloaded"), &json!(true))
    );
    assert_eq!((&model["architecture"], &model["quantisation"]), (&json!("llama"), &json!("Q4_1")));
    let verdict = model["fit"]["verdict"].as_str().unwrap_or_default();
    assert!(["fits", "tight"].contains(&verdict), "{model}");
    assert!(model["fit"]["devices"][0]["total"].as_u64() > Some(50 << 20), "{model}");

    let header = get(&daemon, "/api/v1/models/smol/header?array_limit=5");
    assert_eq!(header["essential"]["architecture"], "llama");
    let entries = header["metadata"].as_array().expect("a list");
    let tokens = entries.iter().find(|entry| entry["key"] == "tokenizer.ggml.tokens").expect("a vocabulary");
    assert_eq!(tokens["value"]["length"], 49_152);
    assert_eq!(tokens["value"]["first"].as_array().map(Vec::len), Some(5));

    let task = send(&daemon, Method::POST, "/api/v1/models/smol/verify", &Value::Null);
    assert_eq!(task.status, 202, "{task:?}");
    let path = format!("/api/v1/downloads/{}", task.body["id"].as_str().expect("an id"));
    wait_until("its files were checked", Duration::from_mins(1), || get(&daemon, &path)["state"] == "done");

    let started = send(&daemon, Method::POST, "/api/v1/instances/smol?wait=true", &json!({}));
    assert!(started.status < 300, "{started:?}");
    let model = get(&daemon, "/api/v1/models/smol");
    assert_eq!((&model["state"], &model["fit"]["why"]), (&json!("ready"), &json!("It is loaded.")));
    refused(&send(&daemon, Method::GET, "/api/v1/models/smol/removal", &Value::Null), 409, "in_use");
    refused(&send(&daemon, Method::DELETE, "/api/v1/models/smol", &Value::Null), 409, "in_use");
    let stopped = client().delete(format!("{}/api/v1/instances/smol", daemon.url)).send();
    assert_eq!(stopped.expect("the daemon answers").status(), 204);

    let removal = get(&daemon, "/api/v1/models/smol/removal");
    assert_eq!(removal["kept"][0]["path"], json!(smollm2()), "{removal}");
    let removed = send(&daemon, Method::DELETE, "/api/v1/models/smol", &Value::Null);
    assert_eq!((removed.status, &removed.body), (200, &removal));
    assert!(smollm2().exists(), "it was never the library's");
    assert_eq!(get(&daemon, "/v1/models")["data"], json!([]));
    refused(&send(&daemon, Method::GET, "/api/v1/models/smol", &Value::Null), 404, "model_not_found");
}

fn import(home: &Path, name: &str) {
    let ended =
        ended(loadmaster(home).args(["import", "--reference", "--json", "--name", name]).arg(smollm2()));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn models_that_were_named_at_the_start_stay_and_files_that_are_named_are_not_the_librarys() {
    let home = empty_folder();
    import(home.path(), "smol");
    let config = format!("[models.outside]\nfile = '{}'\n", smollm2().display());
    std::fs::write(home.path().join("config.toml"), config).expect("the folder is writable");
    let daemon = Daemon::start_serving(home, &llama_server(), &["--model", "smol"]);
    let models = get(&daemon, "/api/v1/models");
    let told =
        |index: usize| (models["models"][index]["name"].clone(), models["models"][index]["origin"].clone());
    assert_eq!(told(0), (json!("outside"), json!("configuration")));
    assert_eq!(told(1).0, "smol");
    assert_eq!(models["models"][0]["quantisation"], "Q4_1");
    let kept = send(&daemon, Method::DELETE, "/api/v1/models/smol", &Value::Null);
    refused(&kept, 409, "in_use");
    let message = "'smol' was named when this program was begun";
    assert_eq!(kept.body["error"]["message"], message);
    let outside =
        |method, path: &str| send(&daemon, method, &format!("/api/v1/models/outside{path}"), &Value::Null);
    refused(&outside(Method::DELETE, ""), 409, "not_in_library");
    refused(&outside(Method::POST, "/verify"), 409, "not_in_library");
    assert_eq!(outside(Method::GET, "/header").status, 200);
    let near = send(&daemon, Method::GET, "/api/v1/models/smoll", &Value::Null);
    refused(&near, 404, "model_not_found");
    assert_eq!(near.body["error"]["remedy"], "Did you mean smol?");
}
