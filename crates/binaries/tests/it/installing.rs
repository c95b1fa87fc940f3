//! From nothing to a server that is proven to work, and the second start.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use loadmaster_binaries::{
    BinariesError, Host, Program, Request, SourceKind, Stage, Variant, find_on_path, glance,
};
use serde_json::json;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    archives::file,
    builds::{Setup, host, llama_server, real, script},
    web::sha256,
};

#[tokio::test]
async fn an_archive_becomes_a_proven_server_that_is_remembered() {
    let mut setup = Setup::new();
    setup.archive("one", "[\"cpu\"]", &real("one"));
    let found = setup.install(&Request::new(Program::Llama)).await.unwrap();
    assert!(found.program.ends_with("library/llama/builds/one/llama-server"));
    assert!(found.proof.worked && !found.remembered);
    let all = ["trying", "fetching", "unpacking", "starting", "working", "installed"];
    assert_eq!(setup.steps(), all);

    let again = setup.find().await.unwrap();
    assert!(again.remembered && again.program == found.program && again.proof == found.proof);
    assert_eq!(setup.steps(), Vec::<String>::new());

    // Installing it again neither fetches nor tries it, unless asked to.
    let before = setup.web.requests();
    setup.install(&Request::new(Program::Llama)).await.unwrap();
    assert_eq!(setup.steps(), ["trying", "installed"]);
    assert_eq!(setup.web.requests(), before);
    setup.install(&Request { force: true, ..Request::new(Program::Llama) }).await.unwrap();
    assert_eq!(setup.steps(), all);
    assert_eq!(setup.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_glance_sees_what_is_used_and_that_it_changed() {
    let mut setup = Setup::new();
    let folder = setup.home.path().join("library");
    assert_eq!(glance(&folder, Program::Llama), None);
    setup.archive("one", "[\"cpu\"]", &real("one"));
    // The proof is for this system, whatever cards the test's machine has.
    let facts = json!({
        "cpu": { "model": "", "physical_cores": 1, "logical_cores": 1, "usable_threads": 1, "instruction_sets": [] },
        "memory": { "physical": 1, "limit": null, "limited_by": null },
        "gpus": [],
        "notes": [],
    });
    setup.host.os_build = Host::of(&serde_json::from_value(facts).unwrap()).os_build;
    let found = setup.install(&Request::new(Program::Llama)).await.unwrap();
    let glanced = glance(&folder, Program::Llama).unwrap();
    assert_eq!((glanced.program, glanced.proof), (found.program.clone(), found.proof));
    fs::write(found.program.with_file_name("MARK"), "another").unwrap();
    assert_eq!(glance(&folder, Program::Llama), None);
}

#[tokio::test]
async fn archives_go_and_what_is_left_of_others_stays_until_pruned() {
    let mut setup = Setup::new();
    setup.archive("one", "[\"cpu\"]", &real("one"));
    setup.archive("damaged", "[\"cpu\"]", &[file("README", "text")]);
    let downloads = setup.home.path().join("library/.downloads");
    // What an earlier try has left of something else: it stays until it is cleared away.
    fs::create_dir_all(&downloads).unwrap();
    fs::write(downloads.join("other.part"), "12345").unwrap();
    setup.install_build("one").await.unwrap();
    setup.install_build("damaged").await.unwrap_err();
    let left: Vec<_> = fs::read_dir(&downloads).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["other.part"]);
    let removed = setup.library().prune(Program::Llama, 1, &setup.observer()).await.unwrap();
    assert_eq!((removed.builds, removed.bytes), (Vec::new(), 5));
    assert!(!downloads.exists());
}

#[tokio::test]
async fn another_driver_or_system_is_another_trial() {
    let mut setup = Setup::new();
    setup.archive("one", "[\"cpu\"]", &real("one"));
    setup.install(&Request::new(Program::Llama)).await.unwrap();
    setup.steps();
    setup.host = host("2.0");
    assert!(!setup.find().await.unwrap().remembered);
    assert_eq!(setup.steps(), ["starting", "working"]);
    assert!(setup.find().await.unwrap().remembered);
    setup.host.os_build = "another system".to_owned();
    assert!(!setup.find().await.unwrap().remembered);
    // Going back to what was, as to an older kernel, costs nothing.
    setup.host = host("1.0");
    assert!(setup.find().await.unwrap().remembered);
}

#[tokio::test]
async fn a_touched_file_is_read_and_a_changed_one_is_not_used() {
    let mut setup = Setup::new();
    setup.archive("one", "[\"cpu\"]", &real("one"));
    let found = setup.install(&Request::new(Program::Llama)).await.unwrap();
    let mark = found.program.with_file_name("MARK");
    let file = File::options().append(true).open(&mark).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(7)).unwrap();
    setup.steps();
    // Read, and not tried: it is the same.
    assert!(!setup.find().await.unwrap().remembered);
    assert_eq!(setup.steps(), Vec::<String>::new());
    assert!(setup.find().await.unwrap().remembered);
    fs::write(&mark, "two").unwrap();
    let error = setup.find().await.unwrap_err();
    let BinariesError::NoneWorks { attempts, .. } = &error else { panic!("{error}") };
    assert_eq!(attempts[0].cause, "its files have changed: MARK");
    assert_eq!(error.remedy(), "Install one again.");
    // Which helps.
    setup.install(&Request::new(Program::Llama)).await.unwrap();
    assert!(setup.find().await.unwrap().remembered);
    assert_eq!(fs::read_to_string(mark).unwrap(), "one");
}

#[tokio::test]
async fn a_build_that_stops_working_gives_way_to_another() {
    let mut setup = Setup::new();
    setup.archive("old", "[\"cpu\"]", &real("old"));
    // It works as long as a file is there: a driver that goes away.
    let driver = setup.home.path().join("driver");
    fs::write(&driver, "").unwrap();
    let text = format!("[ -e '{}' ] || exit 9\nexec '{}' \"$@\"", driver.display(), llama_server().display());
    setup.archive("new", "[\"cpu\"]", &script(&text));
    setup.install_build("old").await.unwrap();
    setup.install_build("new").await.unwrap();
    fs::remove_file(&driver).unwrap();
    // Nothing that is looked at has changed.
    assert_eq!(setup.find().await.unwrap().build, "new");
    setup.host = host("2.0");
    let found = setup.find().await.unwrap();
    assert_eq!(found.build, "old");
    assert_eq!((found.attempts[0].build.as_str(), found.attempts[0].stage), ("new", Stage::Prove));
    assert_eq!(found.attempts[0].cause, "it failed: exit code 9");
    assert!(setup.find().await.unwrap().remembered);
}

#[tokio::test]
async fn a_users_own_program_stays_where_it_is() {
    let setup = Setup::new();
    let server = llama_server();
    for path in [server.clone(), server.parent().unwrap().to_owned()] {
        let mut request = Request::own(Program::Llama, &path);
        request.wanted.variant = Some(Variant::Cpu);
        let found = setup.install(&request).await.unwrap();
        assert_eq!(found.program, server);
        let version = found.proof.version.unwrap();
        assert!(!version.is_empty());
    }
    let search_path = std::env::join_paths([Path::new("/nonexistent"), server.parent().unwrap()]).unwrap();
    assert_eq!(find_on_path(Program::Llama, &search_path), Some(server.clone()));
    assert_eq!(find_on_path(Program::Sd, &search_path), None);
    let listing = setup.library().list(Program::Llama, &setup.host).unwrap();
    assert_eq!(listing.installed.len(), 2);
    assert!(listing.installed.iter().all(|build| build.source == SourceKind::Path && build.damage.is_none()));
    // Its libraries are remembered with it.
    assert!(listing.installed[0].bytes > fs::metadata(&server).unwrap().len());
    for build in listing.installed {
        setup.library().remove(Program::Llama, &build.build, &setup.observer()).await.unwrap();
    }
    assert!(server.is_file());
}

#[tokio::test]
async fn a_users_own_program_may_be_updated_by_the_user() {
    let setup = Setup::new();
    let folder = setup.home.path().join("own");
    fs::create_dir(&folder).unwrap();
    let write = |more: &str| {
        let program = folder.join("llama-server");
        let text = format!("#!/bin/sh\n{more}\nexec '{}' \"$@\"\n", llama_server().display());
        let mut options = File::options();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
        options
            .write(true)
            .create(true)
            .truncate(true)
            .open(program)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    };
    write("");
    let mut request = Request::own(Program::Llama, &folder);
    request.wanted.variant = Some(Variant::Cpu);
    setup.install(&request).await.unwrap();
    write("# newer");
    assert!(!setup.find().await.unwrap().remembered);
    assert!(setup.find().await.unwrap().remembered);
    write("exit 4");
    assert!(matches!(setup.find().await, Err(BinariesError::NoneWorks { .. })));
}

/// Packs files as a wheel that pip takes, and returns its name and hash.
fn wheel(folder: &Path, package: &str, files: &[(PathBuf, String)]) -> (String, String) {
    let module = package.replace('-', "_");
    let name = format!("{module}-1.0-py3-none-any.whl");
    let mut zip = ZipWriter::new(File::create(folder.join(&name)).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (path, place) in files {
        zip.start_file(format!("{module}/{place}"), options.unix_permissions(0o755)).unwrap();
        std::io::copy(&mut File::open(path).unwrap(), &mut zip).unwrap();
    }
    let metadata = format!("Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n");
    let wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    for (file, text) in [("METADATA", metadata.as_str()), ("WHEEL", wheel), ("RECORD", "")] {
        zip.start_file(format!("{module}-1.0.dist-info/{file}"), options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let hash = sha256(&fs::read(folder.join(&name)).unwrap());
    (name, hash)
}

/// All files beside the real server, as a wheel has them.
fn real_files() -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(llama_server().parent().unwrap()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths
        .map(|path| {
            let place = format!("bin/{}", path.file_name().unwrap().to_str().unwrap());
            (path, place)
        })
        .collect()
}

/// Adds a build from a wheel that pip finds in `folder`.
fn from_wheel(setup: &mut Setup, folder: &Path, sha256: Option<&str>) {
    let (file, hash) = wheel(folder, "some-llama-server", &real_files());
    let hash = sha256.unwrap_or(&hash);
    setup.add(
        "wheel",
        "[\"cpu\"]",
        &format!(
            "[build.from.pip]\npackage = \"some-llama-server\"\nversion = \"1.0\"\nfile = \"{file}\"\nsha256 = \
             \"{hash}\"\nonly = [\"some_llama_server/bin\"]\n"
        ),
    );
}

#[tokio::test]
async fn a_wheel_through_pip_becomes_a_proven_server() {
    let mut setup = Setup::new();
    let links = tempfile::tempdir().unwrap();
    from_wheel(&mut setup, links.path(), None);
    let env = [("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", links.path().to_str().unwrap())];
    let library = setup.library_with(&env);
    let found = library.install(&Request::new(Program::Llama), &setup.host, &setup.observer()).await.unwrap();
    assert!(found.program.ends_with("builds/wheel/llama-server"));
    assert!(found.proof.worked);
    assert_eq!(setup.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn what_pip_cannot_bring_is_told_in_its_words() {
    let mut setup = Setup::new();
    let links = tempfile::tempdir().unwrap();
    from_wheel(&mut setup, links.path(), Some(&"0".repeat(64)));
    let failed = |env: [(&'static str, String); 2]| {
        let setup = &setup;
        async move {
            let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let request = Request::new(Program::Llama);
            let result = setup.library_with(&env).install(&request, &setup.host, &setup.observer()).await;
            let Err(BinariesError::NoneWorks { attempts, .. }) = result else { panic!("{result:?}") };
            assert_eq!(attempts[0].stage, Stage::Fetch);
            attempts[0].cause.clone()
        }
    };
    let links = links.path().to_str().unwrap().to_owned();
    let no_index = || ("PIP_NO_INDEX", "1".to_owned());
    let cause = failed([no_index(), ("PIP_FIND_LINKS", links)]).await;
    assert!(cause.contains("is pinned: it is not used"), "{cause}");
    let cause = failed([no_index(), ("PIP_FIND_LINKS", String::new())]).await;
    assert!(cause.starts_with("pip cannot bring some-llama-server==1.0: "), "{cause}");
    assert!(cause.contains("No matching distribution") || cause.contains("Could not find"), "{cause}");
    assert_eq!(setup.leftovers(), Vec::<String>::new());
}

/// The pinned wheel from the index that pip is configured to use. Where that cannot be reached, the same files
/// from the cache of fixtures make the wheel.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[tokio::test]
async fn the_pinned_wheel_becomes_a_proven_server() {
    let mut setup = Setup::new();
    let mut request = Request::new(Program::Llama);
    request.wanted.source = Some(SourceKind::Pip);
    request.wanted.variant = Some(Variant::Cpu);
    let links = tempfile::tempdir().unwrap();
    let pinned = setup.library_of(loadmaster_binaries::Catalog::embedded(), &[]);
    let found = match pinned.install(&request, &setup.host, &setup.observer()).await {
        Err(BinariesError::NoneWorks { attempts, .. })
            if attempts.iter().all(|a| a.stage == Stage::Fetch) =>
        {
            from_wheel(&mut setup, links.path(), None);
            let env = [("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", links.path().to_str().unwrap())];
            setup.library_with(&env).install(&request, &setup.host, &setup.observer()).await.unwrap()
        }
        found => found.unwrap(),
    };
    assert!(found.proof.worked);
    assert_eq!(found.attempts, []);
    let found = pinned.find(Program::Llama, &setup.host, &setup.observer()).await;
    assert!(found.unwrap().remembered);
}
