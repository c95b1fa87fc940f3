//! Processes that are killed while they bring models into a library. This binary runs its own test again as
//! the process that is killed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use loadmaster_fetch::{Client, Options};
use loadmaster_models::{
    Budget, Catalog, GcOptions, Hub, Import, Job, Library, Manifest, PullOptions, Puller, Reference, Step,
};

use crate::{
    hub::{Faults, TestHub},
    maker,
};

/// The folder of the library, for the process that is killed.
const LIBRARY: &str = "LOADMASTER_TEST_MODELS_LIBRARY";
/// What it takes in: a file, or the address of a hub.
const SOURCE: &str = "LOADMASTER_TEST_MODELS_SOURCE";

/// How often each is killed at most.
const ROUNDS: u32 = 30;

/// Shares no factor with [`ROUNDS`]: the moments of the first rounds are spread over the whole run too.
const STRIDE: u32 = 7;

/// No round begins after this time. A machine that is busy with other things takes long for each.
const PATIENCE: Duration = Duration::from_secs(40);

#[expect(clippy::disallowed_methods, reason = "how the killed process is told what to do")]
fn told(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn victim(test: &str, library: &Path, source: &str) -> Child {
    #[expect(clippy::disallowed_methods, reason = "the test kills it at a moment of its choice")]
    let mut command = std::process::Command::new(std::env::current_exe().expect("the test's world works"));
    command.args(["--exact", test]).env(LIBRARY, library).env(SOURCE, source);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the test's world works")
}

/// What can be seen is whole; the number of models.
fn seen(library: &Library) -> usize {
    let listing = library.list().expect("the test's world works");
    assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
    let models: Vec<_> = listing.models.into_iter().map(|listed| listed.manifest).collect();
    assert!(library.verify(&models, &Job::default()).expect("the test's world works").is_intact());
    models.len()
}

/// Kills victims at moments spread over the time that a whole run takes; how many were killed in it.
fn kill_many(test: &str, library: &Library, source: &str) -> u32 {
    let started = Instant::now();
    let whole = victim(test, library.root(), source).wait().expect("it ends");
    let time = started.elapsed();
    assert!(whole.success() && seen(library) == 1, "what nobody kills comes to its end");
    library.remove("big").expect("it is there");
    let mut killed = 0;
    for round in (0..ROUNDS).take_while(|_| started.elapsed() < PATIENCE) {
        let mut victim = victim(test, library.root(), source);
        std::thread::sleep(time * (1 + round * STRIDE % ROUNDS) / ROUNDS);
        victim.kill().expect("it is ours");
        victim.wait().expect("it was killed");
        if seen(library) == 1 {
            library.remove("big").expect("it is there");
        } else {
            killed += 1;
        }
    }
    killed
}

#[test]
fn an_import_that_is_killed_leaves_nothing_to_be_seen() {
    if let (Some(library), Some(source)) = (told(LIBRARY), told(SOURCE)) {
        Library::open(library).unwrap().import(Import::of(source), &Job::default()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path().join("models")).unwrap();
    let file = maker::write(&folder.path().join("user"), &maker::split_llm("big", 3, 8 << 20));
    let test = "killed::an_import_that_is_killed_leaves_nothing_to_be_seen";
    let killed = kill_many(test, &library, file.to_str().unwrap());
    assert!(killed > 0, "all came to their end");
    let report = library.gc(GcOptions { keep_unfinished: Duration::ZERO, ..GcOptions::default() }).unwrap();
    assert!(report.kept.is_empty() && library.disk_usage().unwrap().unfinished == 0, "{report:?}");
    library.import(Import::of(file), &Job::default()).unwrap();
    assert_eq!(seen(&library), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_is_killed_is_gone_on_with() {
    if let (Some(library), Some(endpoint)) = (told(LIBRARY), told(SOURCE)) {
        pull(&Library::open(library).unwrap(), endpoint.to_str().unwrap()).await;
        return;
    }
    let hub = TestHub::start().await;
    let files = maker::split_llm("big", 3, 8 << 20);
    hub.add("owner/big", &files);
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path().join("models")).unwrap();
    let (endpoint, other) = (hub.endpoint(), library.clone());
    let test = "killed::a_pull_that_is_killed_is_gone_on_with";
    let killed = tokio::task::spawn_blocking(move || kill_many(test, &other, &endpoint)).await.unwrap();
    assert!(killed > 0, "all came to their end");
    pull(&library, &hub.endpoint()).await;
    assert_eq!(seen(&library), 1);
    assert_eq!(library.disk_usage().unwrap().unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_process_shows_how_far_the_first_is() {
    let hub = TestHub::start().await;
    hub.add("owner/big", &maker::split_llm("big", 3, 24 << 20));
    hub.break_by(Faults { slow: true, ..Faults::default() });
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path().join("models")).unwrap();
    // The test above, as another process, which pulls.
    let test = "killed::a_pull_that_is_killed_is_gone_on_with";
    let mut first = victim(test, library.root(), &hub.endpoint());
    while library.disk_usage().unwrap().unfinished < 1 << 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let job = Job::watched(move |progress| told.lock().unwrap().push(progress.clone()));
    let manifest = pull_watched(&library, &hub.endpoint(), &job).await;
    assert!(first.wait().unwrap().success());
    let seen = seen.lock().unwrap();
    let waited: Vec<_> = seen.iter().filter(|now| now.step == Step::Wait).collect();
    let amounts: BTreeSet<u64> = waited.iter().map(|now| now.done).collect();
    assert!(amounts.len() > 2 && waited.iter().all(|now| now.total == Some(manifest.size())), "{waited:?}");
    assert!(waited.iter().any(|now| now.speed.is_some() && now.seconds_left.is_some()), "{waited:?}");
    assert!(waited.iter().all(|now| now.files.len() == 3 && now.done <= manifest.size()), "{waited:?}");
    // Headers are all that the second asked for.
    assert!(hub.sent() < manifest.size() + 1_000_000);
}

async fn pull(library: &Library, endpoint: &str) {
    pull_watched(library, endpoint, &Job::default()).await;
}

async fn pull_watched(library: &Library, endpoint: &str, job: &Job) -> Manifest {
    let hub = Hub::new(Client::new(Options::default()).expect("the test's world works"), endpoint, false);
    let puller =
        Puller::new(library.clone(), hub, Catalog::embedded().expect("the test's world works"), Vec::new());
    let reference = Reference::parse("owner/big", endpoint).expect("the test's world works");
    let options =
        PullOptions { budget: Budget { accelerators: 0, host: 64 << 30 }, ..PullOptions::default() };
    puller.pull(&reference, options, |_| Ok(()), job).await.expect("the test's world works")
}
