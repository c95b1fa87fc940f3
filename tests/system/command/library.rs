//! The library of models: pulled from a hub, imported, run, verified, removed.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use loadmaster_models::Sha256;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    empty_folder, ended,
    urls::{
        command,
        fake_hub::{FakeHub, Fault, Reply},
    },
};
use crate::support::{Daemon, llama_server, loadmaster, smollm2};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the model's file is called on the hub.
const FILE: &str = "SmolLM2-135M-Instruct-Q4_1.gguf";

/// What the library calls it.
const NAME: &str = "SmolLM2-135M-Instruct-Q4_1";

/// Bytes of downloads under `folder` that are safely on disk: what their journals claim.
fn on_disk(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.path() {
        path if path.is_dir() => on_disk(&path),
        path if path.extension().is_some_and(|kind| kind == "journal") => {
            // It is replaced again and again, and gone at the end.
            fs::read_to_string(path).unwrap_or_default().lines().map(claimed).sum()
        }
        _ => 0,
    });
    sizes.sum()
}

/// Bytes that a line of a journal claims.
fn claimed(line: &str) -> u64 {
    let range = line.strip_prefix("done ").and_then(|range| range.split_once('-'));
    range.map_or(0, |(start, end)| {
        end.parse::<u64>().expect("a number") - start.parse::<u64>().expect("a number")
    })
}

/// A hub that has the real model as `test/smol`. While `stalls`, files stop after 20 MB.
fn hub(stalls: &Arc<AtomicBool>) -> FakeHub {
    let bytes = fs::read(smollm2()).expect("the model is there");
    let (hash, size) = (Sha256::of(&bytes), bytes.len());
    let stalls = stalls.clone();
    FakeHub::start(move |request| {
        let path = request.path.split('?').next().unwrap_or_default();
        if path == "/api/models/test/smol/revision/main" {
            let card = json!({ "license": "apache-2.0" });
            let info =
                json!({ "id": "test/smol", "sha": COMMIT, "gated": false, "tags": [], "cardData": card });
            return Reply::text(200, &info.to_string());
        }
        if path == format!("/api/models/test/smol/tree/{COMMIT}") {
            let lfs = json!({ "oid": hash.to_string(), "size": size, "pointerSize": 135 });
            let file = json!({ "type": "file", "path": FILE, "size": size, "oid": "0", "lfs": lfs });
            return Reply::text(200, &json!([file]).to_string());
        }
        if path != format!("/test/smol/resolve/{COMMIT}/{FILE}") {
            return Reply::text(404, "").header("x-error-code", "RepoNotFound");
        }
        let reply = Reply::range(&smollm2(), request).header("etag", &format!("\"{hash}\""));
        if stalls.load(Ordering::SeqCst) { reply.fails(20_000_000, Fault::Stall) } else { reply }
    })
}

/// `loadmaster` with this home and this hub.
fn with_hub(home: &Path, hub: &FakeHub, name: &str, argument: &str) -> Command {
    let mut command = command(home, name, argument);
    command.env("HF_ENDPOINT", hub.url("")).env("HOME", home);
    command
}

fn list(home: &Path) -> Value {
    ended(loadmaster(home).args(["list", "--json"])).json()["models"].clone()
}

#[track_caller]
fn import(home: &Path, name: &str) {
    let file = smollm2();
    ended(loadmaster(home).arg("import").arg(file).args(["--json", "--reference", "--name", name])).json();
}

#[test]
fn a_model_is_pulled_run_verified_and_removed() {
    let (home, hub) = (empty_folder(), hub(&Arc::default()));
    let pulled = ended(&mut with_hub(home.path(), &hub, "pull", "test/smol"));
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!(pulled.stdout, format!("{NAME}, 93.8 MiB; loadmaster run {NAME}\n"));
    assert!(pulled.stderr.contains("looking for test/smol\n"), "{}", pulled.stderr);
    let size = fs::metadata(smollm2()).expect("it is there").len();
    // What was read of the header is not fetched again.
    assert!(hub.body_bytes() < size * 102 / 100, "{} of {size}", hub.body_bytes());

    let models = list(home.path());
    let model = &models[0];
    assert_eq!((&model["name"], &model["kind"], &model["fits"]), (&NAME.into(), &"llm".into(), &true.into()));
    assert_eq!((&model["in_use"], &model["facts"]["quantisation"]), (&false.into(), &"Q4_1".into()));
    let shown = ended(loadmaster(home.path()).args(["show", NAME])).printed();
    assert!(shown.contains("apache-2.0") && shown.contains(&format!("test/smol@{COMMIT}")), "{shown}");

    // By what it was pulled as, it is found again, and nothing is asked of the hub.
    let asked = hub.requests().len();
    let mut run = with_hub(home.path(), &hub, "run", "test/smol");
    run.arg("Hello").arg("--llama-server").arg(llama_server()).args([
        "--json",
        "--max-tokens",
        "4",
        "--ctx",
        "512",
    ]);
    assert_eq!(ended(&mut run).json()["model"], NAME);
    assert_eq!(hub.requests().len(), asked);
    let estimated = ended(loadmaster(home.path()).args(["estimate", NAME, "--json", "--ctx", "512"])).json();
    assert_eq!(estimated["model"], NAME);
    let inspected = ended(loadmaster(home.path()).args(["inspect", &NAME.to_lowercase(), "--json"])).json();
    assert_eq!(inspected["facts"]["architecture"], "llama");

    let verified = ended(loadmaster(home.path()).args(["verify", NAME])).printed();
    assert!(verified.contains(": intact\n"), "{verified}");
    let file = home.path().join("models").join(NAME).join(FILE);
    let mut bytes = fs::read(&file).expect("it is there");
    bytes[50_000_000] ^= 1;
    fs::write(&file, bytes).expect("it can be changed");
    let verified = ended(loadmaster(home.path()).arg("verify"));
    assert_eq!(verified.code, Some(1));
    assert!(verified.stdout.contains("has the SHA-256 "), "{}", verified.stdout);

    let removed = ended(loadmaster(home.path()).args(["rm", NAME])).printed();
    assert_eq!(removed, format!("removed {NAME}; 93.8 MiB are free now\n"));
    assert_eq!(list(home.path()), json!([]));
}

#[test]
fn run_pulls_what_is_not_there() {
    let (home, hub) = (empty_folder(), hub(&Arc::default()));
    let mut run = with_hub(home.path(), &hub, "run", "test/smol:Q4_1");
    run.arg("Hello").arg("--llama-server").arg(llama_server()).args([
        "--json",
        "--max-tokens",
        "4",
        "--ctx",
        "512",
    ]);
    let answered = ended(&mut run);
    assert_eq!(answered.code, Some(0), "{}", answered.stderr);
    assert!(
        answered.stderr.starts_with("test/smol:Q4_1 is not in the library: pulling it\n"),
        "{}",
        answered.stderr
    );
    assert_eq!(list(home.path())[0]["name"], NAME);
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_the_numbers() {
    let (home, hub) = (empty_folder(), hub(&Arc::default()));
    fs::write(home.path().join("config.toml"), "[budgets]\nhost = '100 MiB'\n").expect("it can be written");
    let refused = ended(with_hub(home.path(), &hub, "pull", "test/smol").arg("--json"));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""));
    let start = format!("error: {NAME} does not fit this machine: host needs ");
    assert!(refused.stderr.starts_with(&start) && refused.stderr.contains("100.0 MiB"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--anyway"), "{}", refused.stderr);
    let size = fs::metadata(smollm2()).expect("it is there").len();
    assert!(hub.body_bytes() < size / 10, "weights were fetched");

    let pulled = ended(with_hub(home.path(), &hub, "pull", "test/smol").args(["--json", "--anyway"])).json();
    assert_eq!(pulled["name"], NAME);
    assert_eq!(list(home.path())[0]["fits"], false);
}

#[test]
fn an_interrupted_pull_goes_on_where_it_was() {
    let (home, stalls) = (empty_folder(), Arc::new(AtomicBool::new(true)));
    let hub = hub(&stalls);
    let mut child = with_hub(home.path(), &hub, "pull", "test/smol")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.starts_with(&format!("downloading {NAME}: ")) {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).expect("it prints text"), 0, "it ended");
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("it is a process");
    // What was sent may still wait in a socket: what is on disk counts.
    crate::support::wait_until("half of it is on disk", std::time::Duration::from_secs(30), || {
        on_disk(home.path()) > 40_000_000
    });
    kill_process(pid, Signal::INT).expect("the command runs");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("it prints text");
    assert_eq!(child.wait().expect("it is reaped").code(), Some(130), "{rest}");
    assert!(rest.ends_with("the same command goes on with it\n"), "{rest}");
    assert_eq!(list(home.path()), json!([]));

    stalls.store(false, Ordering::SeqCst);
    let before = hub.body_bytes();
    let pulled = ended(with_hub(home.path(), &hub, "pull", "test/smol").arg("--json")).json();
    assert_eq!(pulled["name"], NAME);
    let size = fs::metadata(smollm2()).expect("it is there").len();
    assert!(hub.body_bytes() - before < size * 8 / 10, "it began anew");
    ended(loadmaster(home.path()).arg("verify")).printed();
}

#[test]
fn what_is_not_there_has_a_code_and_a_remedy() {
    let (home, hub) = (empty_folder(), hub(&Arc::default()));
    let pull = |reference| ended(with_hub(home.path(), &hub, "pull", reference).arg("--json"));
    let repo = pull("test/other");
    assert_eq!(repo.code, Some(4), "{}", repo.stderr);
    assert!(repo.stderr.starts_with("error: There is no repository test/other, or it is private\n"));
    pull("test/smol:Q8_0").failed(4, "test/smol has no quantisation 'Q8_0'", "There is Q4_1.");
    let short = pull("llama-3.2-1");
    assert_eq!(short.code, Some(4));
    assert!(short.stderr.contains("Did you mean llama-3.2-1b"), "{}", short.stderr);
    import(home.path(), "smol");
    let cause = "There is no model 'smoll' in the library";
    for name in ["show", "verify", "rm"] {
        ended(loadmaster(home.path()).args([name, "smoll"])).failed(4, cause, "Did you mean smol?");
    }
    let cause = "There is no file and no model of the library called 'smoll'";
    for line in [["estimate", "smoll"], ["inspect", "smoll"], ["run", "smoll"]] {
        let told = ended(loadmaster(home.path()).args(line).args((line[0] == "run").then_some("Hello")));
        assert_eq!(told.code, Some(4));
        assert!(
            told.stderr.starts_with(&format!("error: {cause}\n  help: Did you mean smol")),
            "{}",
            told.stderr
        );
    }
}

/// A home with the model in its library under two names.
fn filled() -> TempDir {
    let home = empty_folder();
    import(home.path(), "smol");
    import(home.path(), "other");
    home
}

fn served(daemon: &Daemon) -> Vec<String> {
    let status = daemon.status();
    let models = status["models"].as_array().expect("a list").iter();
    models.map(|model| model["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_model_that_is_served_is_not_removed() {
    let daemon = Daemon::start_serving(filled(), &llama_server(), &["--model", "smol"]);
    assert_eq!(served(&daemon), ["smol"]);
    let refused = ended(loadmaster(daemon.home()).args(["rm", "smol"]));
    let remedy = "Stop what uses it first: `loadmaster run` or `loadmaster serve`.";
    refused.failed(1, "'smol' is in use", remedy);
    assert_eq!(list(daemon.home())[1]["in_use"], true);
    ended(loadmaster(daemon.home()).args(["rm", "other"])).printed();
    let home = daemon.kill();
    ended(loadmaster(home.path()).args(["rm", "smol"])).printed();
}

#[test]
fn serve_offers_the_library_when_nothing_is_named() {
    let home = filled();
    fs::write(home.path().join("config.toml"), "[models.smol]\nidle_seconds = 7\n")
        .expect("it can be written");
    let daemon = Daemon::start_serving(home, &llama_server(), &[]);
    assert_eq!(served(&daemon), ["other", "smol"]);
    import(daemon.home(), "third");
    ended(loadmaster(daemon.home()).args(["reload", "--listen", daemon.address()])).printed();
    assert_eq!(served(&daemon), ["other", "smol", "third"]);
}

#[test]
fn gc_tells_what_it_would_remove() {
    let home = empty_folder();
    let part = home.path().join("models/parts").join("0".repeat(64));
    fs::create_dir_all(&part).expect("it can be made");
    fs::write(part.join("vae.gguf"), [0; 2048]).expect("it can be written");
    let told = ended(loadmaster(home.path()).args(["gc", "--dry-run"])).printed();
    assert!(told.starts_with("would remove ") && told.ends_with("\n2.00 KiB would be free\n"), "{told}");
    assert!(part.exists());
    ended(loadmaster(home.path()).arg("gc")).printed();
    assert!(!part.exists());
}
