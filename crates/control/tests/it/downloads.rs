//! Downloads from a hub of ours: paused, resumed, called off, cut, damaged, two at once, and told to slow readers.

use std::sync::{Arc, atomic::Ordering};

use loadmaster_fetch::{Client, Options};
use loadmaster_models::{Catalog, Hub, Library, Puller};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    api::{Api, Listener, Small},
    hub::{Faults, TestHub},
    maker,
};

const MIB: u64 = 1 << 20;

/// A hub, and the home of a program that pulls from it.
struct World {
    hub: TestHub,
    home: Arc<TempDir>,
}

impl World {
    async fn new() -> Self {
        Self { hub: TestHub::start().await, home: Arc::new(tempfile::tempdir().unwrap()) }
    }

    fn library(&self) -> Library {
        Library::open(self.home.path().join("models")).unwrap()
    }

    fn program(&self) -> Small {
        let client = Client::new(Options { retries: 0, ..Options::default() }).unwrap();
        let hub = Hub::new(client, &self.hub.endpoint(), false);
        let puller = Puller::new(self.library(), hub, Catalog::embedded().unwrap(), Vec::new()).retries(1);
        Small { puller: Some(puller), ..Small::default() }
    }

    async fn api(&self) -> Api {
        Api::of(Arc::clone(&self.home), self.program()).await
    }

    /// Adds a model in that many files of so many MiB.
    fn add(&self, name: &str, files: u16, mib: u64) -> u64 {
        let stem = name.rsplit('/').next().unwrap();
        let files = match files {
            1 => vec![(format!("{stem}.gguf"), maker::llm(mib * MIB, 3))],
            files => maker::split_llm(stem, files, mib * MIB),
        };
        self.hub.add(name, &files);
        files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Nothing comes any more once so many bytes were sent.
    fn hold_at(&self, bytes: u64) {
        self.hub.break_by(Faults { hold_at: Some(bytes), ..Faults::default() });
    }

    /// Nothing is wrong any more.
    fn mend(&self) {
        self.hub.break_by(Faults::default());
    }
}

async fn begin(api: &Api, source: &str) -> String {
    let (status, task) = api.post("/api/v1/downloads", &json!({ "source": source })).await;
    assert_eq!(status, 202, "{task}");
    task["id"].as_str().unwrap().to_owned()
}

fn path(id: &str) -> String {
    format!("/api/v1/downloads/{id}")
}

/// The first change of that download that is as wanted.
async fn until(listener: &mut Listener, id: &str, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let (name, news) = listener.next().await;
        let whole = news["downloads"].as_array().into_iter().flatten();
        let one = (name == "download").then_some(&news);
        if let Some(task) = whole.chain(one).find(|task| task["id"] == id && is(task)) {
            return task.clone();
        }
    }
}

async fn until_it_is(listener: &mut Listener, id: &str, state: &str) -> Value {
    until(listener, id, |task| {
        let over = ["done", "failed", "cancelled"].iter().any(|over| task["state"] == *over);
        assert!(!over || task["state"] == state, "it should be {state}: {task}");
        task["state"] == state
    })
    .await
}

fn bytes(task: &Value) -> u64 {
    task["bytes"].as_u64().unwrap()
}

#[tokio::test]
async fn a_download_is_paused_at_a_byte_and_goes_on_from_there() {
    let world = World::new().await;
    let total = world.add("owner/big", 3, 8);
    world.hold_at(9 * MIB);
    let program = world.program();
    let reloads = Arc::clone(&program.reloads);
    let api = Api::of(Arc::clone(&world.home), program).await;
    let mut listener = api.listen("downloads").await;
    assert_eq!(listener.next().await, ("downloads".to_owned(), json!({ "downloads": [] })));
    let id = begin(&api, "owner/big").await;
    // A speed is known a moment after the first bytes.
    let held =
        until(&mut listener, &id, |task| bytes(task) > 7 * MIB && task["bytes_per_second"].is_u64()).await;
    assert_eq!(
        (&held["state"], &held["model"], &held["total"]),
        (&json!("running"), &json!("big"), &json!(total))
    );
    assert_eq!((&held["kind"], &held["source"]), (&json!("download"), &json!("owner/big")));
    let parts = held["parts"].as_array().unwrap();
    assert_eq!((parts.len(), parts.iter().map(bytes).sum::<u64>()), (3, bytes(&held)));
    assert!(held["bytes_per_second"].as_u64() > Some(0) && held["eta_ms"].is_u64(), "{held}");

    let (status, paused) = api.post(&format!("{}/pause", path(&id)), &Value::Null).await;
    assert_eq!(
        (status, &paused["state"], &paused["bytes_per_second"]),
        (200, &json!("paused"), &Value::Null)
    );
    until_it_is(&mut listener, &id, "paused").await;
    assert_eq!(world.library().list().unwrap().models.len(), 0);
    world.mend();
    let (status, _) = api.post(&format!("{}/resume", path(&id)), &json!({})).await;
    assert_eq!(status, 200);
    // What came is not told to be gone at any moment.
    let done = until(&mut listener, &id, |task| {
        assert!(bytes(task) >= bytes(&paused), "{task}");
        task["state"] == "done"
    })
    .await;
    assert_eq!((bytes(&done), &done["error"], &done["eta_ms"]), (total, &Value::Null, &Value::Null));
    assert_eq!(reloads.load(Ordering::SeqCst), 1);
    assert_eq!(world.library().get("big").unwrap().size(), total);
    // Connections that were in flight when it was paused may have sent some that nobody took; one that began anew would
    // have sent all of it again.
    let sent = world.hub.sent();
    assert!(sent < total + bytes(&paused), "{sent} bytes were sent for {total}");
    assert_eq!(api.get(&path(&id)).await, done);
    let (status, error) = api.post(&format!("{}/pause", path(&id)), &Value::Null).await;
    assert_eq!((status, &error["error"]["code"]), (409, &json!("wrong_state")));
}

#[tokio::test]
async fn what_is_called_off_leaves_nothing() {
    let world = World::new().await;
    world.add("owner/big", 1, 16);
    world.hold_at(6 * MIB);
    let api = world.api().await;
    let mut listener = api.listen("downloads").await;
    let id = begin(&api, "owner/big").await;
    until(&mut listener, &id, |task| bytes(task) > 4 * MIB).await;
    assert!(world.library().disk_usage().unwrap().unfinished > MIB);
    let (status, task) = api.delete(&path(&id)).await;
    assert_eq!((status, &task["state"]), (200, &json!("cancelled")));
    until_it_is(&mut listener, &id, "cancelled").await;
    while world.library().disk_usage().unwrap().unfinished > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(api.delete(&path(&id)).await.0, 204);
    assert_eq!(listener.next().await, ("downloads".to_owned(), json!({ "downloads": [] })));
    assert_eq!(api.delete(&path(&id)).await.1["error"]["code"], "download_not_found");
    // The same again is another download, and comes whole.
    world.mend();
    let again = begin(&api, "owner/big").await;
    assert_ne!(again, id);
    until_it_is(&mut listener, &again, "done").await;
}

#[tokio::test]
async fn a_server_that_dies_fails_it_and_one_that_is_back_brings_the_rest() {
    let world = World::new().await;
    let total = world.add("owner/big", 1, 16);
    world.hold_at(6 * MIB);
    let api = world.api().await;
    let mut listener = api.listen("downloads").await;
    let id = begin(&api, "owner/big").await;
    until(&mut listener, &id, |task| bytes(task) > 4 * MIB).await;
    world.hub.break_by(Faults { down: true, ..Faults::default() });
    until(&mut listener, &id, |task| task["step"] == "retry").await;
    let failed = until_it_is(&mut listener, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "connection_lost", "{failed}");
    assert!(failed["error"]["remedy"].as_str().unwrap().contains("network"), "{failed}");
    assert!(bytes(&failed) > 4 * MIB, "what came is kept");
    world.mend();
    world.hub.sent();
    // Who asks for it again gets the same one, which goes on.
    assert_eq!(begin(&api, "owner/big").await, id);
    let done = until_it_is(&mut listener, &id, "done").await;
    assert_eq!((bytes(&done), &done["error"]), (total, &Value::Null));
    assert!(world.hub.sent() < total - 3 * MIB);
}

#[tokio::test]
async fn a_wrong_checksum_is_an_error_and_no_model() {
    let world = World::new().await;
    world.add("owner/big", 1, 16);
    world.hub.break_by(Faults { wrong: true, ..Faults::default() });
    let api = world.api().await;
    let mut listener = api.listen("downloads").await;
    let id = begin(&api, "owner/big").await;
    let failed = until_it_is(&mut listener, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "wrong_checksum", "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("has the SHA-256"), "{failed}");
    assert_eq!(world.library().list().unwrap().models.len(), 0);
    world.mend();
    assert_eq!(api.post(&format!("{}/resume", path(&id)), &json!({})).await.0, 200);
    until_it_is(&mut listener, &id, "done").await;
}

#[tokio::test]
async fn two_come_at_once_and_the_third_waits() {
    let world = World::new().await;
    for name in ["owner/one", "owner/two", "owner/three"] {
        world.add(name, 1, 8);
    }
    world.hold_at(2 * MIB);
    let api = world.api().await;
    let mut listener = api.listen("downloads").await;
    let (one, two) = (begin(&api, "owner/one").await, begin(&api, "owner/two").await);
    until(&mut listener, &one, |task| task["step"] == "download").await;
    until(&mut listener, &two, |task| task["step"] == "download").await;
    let three = begin(&api, "owner/three").await;
    assert_eq!(api.get(&path(&three)).await["state"], "queued");
    assert_eq!(begin(&api, "owner/two").await, two, "it is the same");
    // One that is paused gives its turn away.
    api.post(&format!("{}/pause", path(&one)), &Value::Null).await;
    until_it_is(&mut listener, &three, "running").await;
    world.mend();
    until_it_is(&mut listener, &two, "done").await;
    api.post(&format!("{}/resume", path(&one)), &json!({})).await;
    let mut left: Vec<&str> = vec![&one, &three];
    while !left.is_empty() {
        let all = api.get("/api/v1/downloads").await;
        let all = all["downloads"].as_array().unwrap().clone();
        assert!(all.iter().all(|task| task["state"] != "failed"), "{all:?}");
        left.retain(|id| !all.iter().any(|task| task["id"] == *id && task["state"] == "done"));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(world.library().list().unwrap().models.len(), 3);
}

#[tokio::test]
async fn a_slow_reader_misses_steps_and_not_the_end() {
    let world = World::new().await;
    world.add("owner/big", 1, 1);
    world.hold_at(0);
    let api = world.api().await;
    let id = begin(&api, "owner/big").await;
    let mut slow = api.listen("downloads").await;
    assert_eq!(slow.next().await.0, "downloads");
    // Far more than is kept for anybody.
    for _ in 0..300 {
        assert_eq!(api.post(&format!("{}/pause", path(&id)), &Value::Null).await.0, 200);
        assert_eq!(api.post(&format!("{}/resume", path(&id)), &json!({})).await.0, 200);
    }
    assert_eq!(api.delete(&path(&id)).await.0, 200);
    let mut told = 0;
    loop {
        let (name, news) = slow.next().await;
        told += 1;
        let task = if name == "downloads" { &news["downloads"][0] } else { &news };
        if task["state"] == "cancelled" {
            break;
        }
    }
    assert!(told < 300, "{told} changes were kept");
}

#[test]
fn a_program_that_ends_leaves_what_came_to_the_next() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (outside, first, second) = (runtime(), runtime(), runtime());
    let world = outside.block_on(World::new());
    let total = world.add("owner/big", 2, 12);
    world.hold_at(16 * MIB);
    first.block_on(async {
        let api = world.api().await;
        let mut listener = api.listen("downloads").await;
        let id = begin(&api, "owner/big").await;
        until(&mut listener, &id, |task| bytes(task) > 13 * MIB).await;
    });
    first.shutdown_timeout(std::time::Duration::from_secs(5));
    assert!(world.library().disk_usage().unwrap().unfinished > 8 * MIB);
    world.mend();
    world.hub.sent();
    second.block_on(async {
        let api = world.api().await;
        assert_eq!(api.get("/api/v1/downloads").await, json!({ "downloads": [] }));
        let mut listener = api.listen("downloads").await;
        let id = begin(&api, "owner/big").await;
        let done = until_it_is(&mut listener, &id, "done").await;
        assert_eq!(bytes(&done), total);
    });
    let sent = world.hub.sent();
    assert!(sent < total - 8 * MIB, "{sent} bytes were sent for the rest of {total}");
    drop(outside);
}

#[tokio::test]
async fn a_model_larger_than_the_disk_is_not_begun() {
    let world = World::new().await;
    world.add("owner/big", 1, 1);
    world.hub.change("owner/big", |repository| repository.claims = Some(1 << 60));
    let api = world.api().await;
    let mut listener = api.listen("downloads").await;
    let id = begin(&api, "owner/big:big.gguf").await;
    let failed = until_it_is(&mut listener, &id, "failed").await;
    assert_eq!((&failed["error"]["code"], &failed["total"]), (&json!("disk_full"), &json!(1_u64 << 60)));
    assert!(failed["error"]["remedy"].as_str().unwrap().starts_with("Free "), "{failed}");
    assert_eq!(bytes(&failed), 0);
}

#[tokio::test]
async fn a_model_that_does_not_fit_is_brought_when_it_is_wanted_all_the_same() {
    let world = World::new().await;
    world.add("owner/big", 1, 1);
    let program = Small { shortage: Some("host lacks 3 GiB".to_owned()), ..world.program() };
    let api = Api::of(Arc::clone(&world.home), program).await;
    let mut listener = api.listen("downloads").await;
    let id = begin(&api, "owner/big").await;
    let failed = until_it_is(&mut listener, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "insufficient_memory");
    assert_eq!(failed["error"]["message"], "big does not fit this machine: host lacks 3 GiB");
    let (status, _) = api.post(&format!("{}/resume", path(&id)), &json!({ "anyway": true })).await;
    assert_eq!(status, 200);
    until_it_is(&mut listener, &id, "done").await;
}

#[tokio::test]
async fn what_names_no_model_is_refused_at_once() {
    let world = World::new().await;
    let api = world.api().await;
    for (body, status, code) in [
        (json!({ "source": "../x" }), 400, "invalid_name"),
        (json!({ "source": "ftp://a/b" }), 400, "invalid_name"),
        (json!({ "source": "no-such-model" }), 404, "not_in_catalog"),
        (json!({ "source": "owner/big", "name": "../x" }), 400, "invalid_name"),
        (json!({ "sauce": "owner/big" }), 400, "invalid_body"),
    ] {
        let (got, error) = api.post("/api/v1/downloads", &body).await;
        assert_eq!((got, &error["error"]["code"]), (status, &json!(code)), "{body}");
    }
    // The hub is asked by the task.
    let mut listener = api.listen("downloads").await;
    let id = begin(&api, "owner/nothing").await;
    assert_eq!(until_it_is(&mut listener, &id, "failed").await["error"]["code"], "not_on_hub");
    for path in ["/api/v1/downloads/x/pause", "/api/v1/downloads/x/resume"] {
        assert_eq!(api.post(path, &json!({})).await.1["error"]["code"], "download_not_found");
    }
}
