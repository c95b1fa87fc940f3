//! Over the API of a daemon, as somebody does it who has only the panel: from nothing to an answer, and on with what an
//! earlier daemon had begun.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    empty_folder,
    urls::fake_hub::{FakeHub, Fault, Reply},
};
use crate::{
    serve::{
        client::{Answer, ask_for_paris, client, model_id},
        process,
    },
    support::{Daemon, llama_server, loadmaster, python, smollm2, wait_until},
};

const MIB: u64 = 1 << 20;

fn send(daemon: &Daemon, method: Method, path: &str, body: &Value) -> Answer {
    Answer::to(client().request(method, format!("{}{path}", daemon.url)).body(body.to_string()))
}

fn get(daemon: &Daemon, path: &str) -> Value {
    send(daemon, Method::GET, path, &Value::Null).body
}

/// A daemon without models, and without a server on its search path.
fn serve(home: TempDir) -> Daemon {
    let mut command = loadmaster(home.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--ctx", "2048"]);
    command.env("PATH", home.path().join("nothing"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HF_ENDPOINT", "SSL_CERT_FILE"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    Daemon::of(home, &mut command)
}

/// Begins the download of the real model; the path of its task.
fn download(daemon: &Daemon, hub: &FakeHub) -> String {
    let wanted = json!({ "source": hub.url("/model.gguf"), "name": model_id() });
    let task = send(daemon, Method::POST, "/api/v1/downloads", &wanted);
    assert_eq!(task.status, 202, "{task:?}");
    format!("/api/v1/downloads/{}", task.body["id"].as_str().expect("it has an id"))
}

fn wait_for_the_model(daemon: &Daemon, path: &str) {
    wait_until("the model is here", Duration::from_mins(1), || {
        let task = get(daemon, path);
        assert_ne!(task["state"], "failed", "{task}");
        task["state"] == "done"
    });
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
    let daemon = serve(home);
    assert_eq!(get(&daemon, "/v1/models")["data"], json!([]));
    let path = download(&daemon, &hub);
    wait_for_the_model(&daemon, &path);
    // There is nothing to run it with.
    assert_eq!(get(&daemon, "/v1/models")["data"], json!([]));
    let wanted = json!({ "server": "llama", "build": "mine" });
    assert_eq!(send(&daemon, Method::POST, "/api/v1/binaries/install", &wanted).status, 202);
    wait_until("the server is here and the model is offered", Duration::from_mins(1), || {
        get(&daemon, "/v1/models")["data"][0]["id"] == model_id().as_str()
    });
    assert_eq!(get(&daemon, "/api/v1/binaries")["servers"][0]["active"], "mine");
    ask_for_paris(&daemon);
}

#[test]
fn a_download_that_ended_with_its_daemon_goes_on_with_the_next_one() {
    let stalls = Arc::new(AtomicBool::new(true));
    let (asked, file) = (Arc::clone(&stalls), smollm2());
    let hub = FakeHub::start(move |request| {
        let reply = Reply::range(&file, request).header("etag", "\"one\"");
        if asked.load(Ordering::SeqCst) { reply.fails(MIB * 4, Fault::Stall) } else { reply }
    });
    let mut daemon = serve(empty_folder());
    let path = download(&daemon, &hub);
    wait_until("some of it is here", Duration::from_mins(1), || {
        get(&daemon, &path)["bytes"].as_u64() > Some(MIB * 10)
    });
    process::send(daemon.pid(), Signal::TERM);
    let (code, stderr) = daemon.ended();
    assert_eq!(code, Some(0), "{stderr}");
    stalls.store(false, Ordering::SeqCst);
    let before = hub.body_bytes();
    let daemon = serve(daemon.kill());
    assert_eq!(get(&daemon, "/api/v1/downloads")["downloads"], json!([]));
    let path = download(&daemon, &hub);
    wait_for_the_model(&daemon, &path);
    let length = smollm2().metadata().expect("it is there").len();
    let sent = hub.body_bytes() - before;
    assert!(sent < length - MIB * 6, "{sent} bytes were sent for the rest of {length}");
}
