//! From nothing to an answer over the API of a daemon that is never started anew, as somebody does it who has only the
//! panel.

use std::{fs, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    empty_folder,
    urls::fake_hub::{FakeHub, Reply},
};
use crate::{
    serve::client::{Answer, ask_for_paris, client, model_id},
    support::{Daemon, llama_server, loadmaster, python, smollm2, wait_until},
};

fn send(daemon: &Daemon, method: Method, path: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, format!("{}{path}", daemon.url)).body(body.to_string()))
}

fn get(daemon: &Daemon, path: &str) -> Value {
    send(daemon, Method::GET, path, &Value::Null).body
}

#[test]
fn a_model_and_a_server_that_come_over_the_api_are_used_at_once() {
    let hub = FakeHub::start(|request| Reply::range(&smollm2(), request).header("etag", "\"one\""));
    let home = empty_folder();
    let folder = llama_server().parent().expect("it lies in a folder").display().to_string();
    let catalog = format!(
        "schema = 1\n[[build]]\nid = \"mine\"\nprogram = \"llama\"\nversion = \"1\"\nvariants = [\"cpu\"]\n\
         from = {{ path = '{folder}' }}\n"
    );
    fs::write(home.path().join("catalog.toml"), catalog).expect("the folder is writable");
    let python = python().display().to_string();
    let config = format!("[binaries]\npython = '{python}'\ncatalog = 'catalog.toml'\n");
    fs::write(home.path().join("config.toml"), config).expect("the folder is writable");
    let mut command = loadmaster(home.path());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--ctx", "2048"])
        .env("PATH", home.path().join("nothing"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HF_ENDPOINT", "SSL_CERT_FILE"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let daemon = Daemon::of(home, &mut command);
    assert_eq!(get(&daemon, "/v1/models")["data"], json!([]));

    let wanted = json!({ "source": hub.url("/model.gguf"), "name": model_id() });
    let task = send(&daemon, Method::POST, "/api/v1/downloads", &wanted);
    assert_eq!(task.status, 202, "{task:?}");
    let path = format!("/api/v1/downloads/{}", task.body["id"].as_str().expect("it has an id"));
    wait_until("the model is here", Duration::from_secs(60), || {
        let task = get(&daemon, &path);
        assert_ne!(task["state"], "failed", "{task}");
        task["state"] == "done"
    });
    // There is nothing to run it with.
    assert_eq!(get(&daemon, "/v1/models")["data"], json!([]));
    let wanted = json!({ "server": "llama", "build": "mine" });
    assert_eq!(send(&daemon, Method::POST, "/api/v1/binaries/install", &wanted).status, 202);
    wait_until("the server is here and the model is offered", Duration::from_secs(60), || {
        get(&daemon, "/v1/models")["data"][0]["id"] == model_id().as_str()
    });
    assert_eq!(get(&daemon, "/api/v1/binaries")["servers"][0]["active"], "mine");
    ask_for_paris(&daemon);
}
