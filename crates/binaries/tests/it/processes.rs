//! Several processes, and ones that are killed.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use loadmaster_binaries::{Catalog, Host, Library, Observer, Program, Request, Tools};
use loadmaster_fetch::{Client, Options};
use loadmaster_supervise::{Spec, Supervisor};

use crate::{
    archives::{Entry, write_tar_gz},
    builds::{Setup, host, real},
    web::Web,
};

/// Tells the test below that it is to be the process that is killed, and in which folder.
const HOME: &str = "LOADMASTER_BINARIES_TEST_HOME";

fn sd_library(home: &Path) -> Library {
    let catalog = fs::read_to_string(home.join("catalog.toml")).unwrap();
    let tools = Tools::new(Client::new(Options::default()).unwrap(), Supervisor::new(None));
    let catalog = Catalog::empty().extended(&catalog, "the test's catalog").unwrap();
    Library::open(&home.join("library"), Tools { catalog, ..tools }).unwrap()
}

fn again() -> Request {
    Request { force: true, ..Request::new(Program::Sd) }
}

/// Started again by the test below, it installs until it is killed; started by itself, it does so once in a
/// folder without builds, and must say so.
#[expect(
    clippy::disallowed_methods,
    reason = "the process that is killed is told by its environment what to do"
)]
#[tokio::test]
async fn installs_until_it_is_killed() {
    let Some(home) = std::env::var_os(HOME) else {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("catalog.toml"), "schema = 1\n").unwrap();
        let result = sd_library(home.path()).install(&again(), &host("1.0"), &Observer::none()).await;
        assert!(result.is_err());
        return;
    };
    let library = sd_library(Path::new(&home));
    loop {
        library.install(&again(), &host("1.0"), &Observer::none()).await.unwrap();
    }
}

#[tokio::test]
async fn whenever_it_is_killed_there_is_a_whole_build() {
    const KILLS: u64 = 60;
    let home = tempfile::tempdir().unwrap();
    let web = Web::new();
    let path = home.path().join("archive");
    // A server alone, which is only started: a fake, because what is tried here is the swap, many times.
    let program = Entry::File(b"sd-server".to_vec(), b"#!/bin/sh\nexit 0\n".to_vec(), 0o755);
    let more = (0..20).map(|number| Entry::File(format!("f{number:02}").into(), vec![b'x'; 50_000], 0o644));
    write_tar_gz(&path, &[vec![program], more.collect()].concat());
    let (url, sha256) = web.put("a.tar.gz", fs::read(&path).unwrap());
    let catalog = format!(
        "schema = 1\n[[build]]\nid = \"sd\"\nprogram = \"sd\"\nversion = \"1\"\nvariants = [\"cpu\"]\n\
         [build.from.archive]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n"
    );
    fs::write(home.path().join("catalog.toml"), catalog).unwrap();
    let library = sd_library(home.path());
    let host: Host = host("1.0");
    let began = Instant::now();
    library.install(&again(), &host, &Observer::none()).await.unwrap();
    let once = began.elapsed();

    let mut seed = 7_u64;
    for _ in 0..KILLS {
        let spec = Spec::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::installs_until_it_is_killed", "--nocapture"])
            .env(HOME, home.path());
        let requests = web.requests();
        let child = Supervisor::new(None).spawn(spec).await.unwrap();
        while web.requests() == requests {
            assert!(child.exit().now().is_none(), "{:?}", child.tail());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokio::time::sleep(once * u32::try_from(seed >> 56).unwrap() / 255).await;
        child.stop(Duration::ZERO).await;
        let found = library.find(Program::Sd, &host, &Observer::none()).await.unwrap();
        assert_eq!(found.attempts, []);
        let verified = library.verify(Program::Sd, None, false, &host, &Observer::none()).await.unwrap();
        assert_eq!((verified.len(), verified[0].files), (1, 21));
        assert_eq!(verified[0].damaged, Vec::<String>::new());
        let left = fs::read_dir(home.path().join("library/sd")).unwrap().count();
        assert_eq!(left, 3, "state, records and builds, and nothing that is half done");
    }
}

#[tokio::test]
async fn two_that_install_the_same_fetch_it_once() {
    let mut setup = Setup::new();
    setup.archive("one", "[\"cpu\"]", &real("one"));
    let request = Request::new(Program::Llama);
    let (first, second) = tokio::join!(setup.install(&request), setup.install(&request));
    assert_eq!(first.unwrap().program, second.unwrap().program);
    assert_eq!(setup.web.requests(), 1);
    assert!(setup.steps().contains(&"waiting".to_owned()));
}

#[tokio::test]
async fn an_interrupted_replacement_is_put_right() {
    let mut setup = Setup::new();
    setup.archive("one", "[\"cpu\"]", &real("one"));
    let installed = setup.install(&Request::new(Program::Llama)).await.unwrap();
    let builds = setup.home.path().join("library/llama/builds");
    let (place, old) = (builds.join("one"), builds.join(".replaced-one"));

    // Ended between the two renames.
    fs::rename(&place, &old).unwrap();
    assert_eq!(setup.find().await.unwrap().program, installed.program);
    assert!(setup.find().await.unwrap().remembered);

    // Ended before the record of the new one was written.
    fs::rename(&place, &old).unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("llama-server"), "half").unwrap();
    assert_eq!(setup.find().await.unwrap().program, installed.program);
    assert_eq!(fs::read_to_string(place.join("MARK")).unwrap(), "one");

    // Ended before the old one was removed, and on the way to another.
    fs::create_dir(&old).unwrap();
    fs::create_dir(builds.join("unrecorded")).unwrap();
    fs::create_dir(setup.home.path().join("library/llama/.staging-abc")).unwrap();
    setup.install_build("one").await.unwrap();
    assert_eq!(setup.leftovers(), Vec::<String>::new());
    assert!(!builds.join("unrecorded").exists());
}
