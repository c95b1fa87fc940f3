//! A catalog whose first builds fail in every typed way, and whose last one works.

use std::fs;

use loadmaster_binaries::{Attempt, BinariesError, Fault, Program, Request, Stage, Variant};

use crate::{
    archives::{Entry, file},
    builds::{Setup, llama_server, real, script},
};

/// A program that starts, and whose server says this and ends with this code.
fn starts_and_says(said: &str, end: &str) -> Vec<Entry> {
    script(&format!("[ \"$1\" = --version ] && exit 0\necho '{said}' >&2\n{end}"))
}

fn elf(change: impl Fn(&mut Vec<u8>)) -> Vec<Entry> {
    let mut bytes = fs::read(llama_server()).unwrap();
    change(&mut bytes);
    vec![Entry::File(b"llama-server".to_vec(), bytes, 0o755)]
}

fn add_all(setup: &mut Setup) {
    let cpu = "[\"cpu\"]";
    let (url, _) = setup.web.put("other.tar.gz", b"other".to_vec());
    setup.at("other-bytes", cpu, &url, &"0".repeat(64));
    setup.at("not-there", cpu, &setup.web.url("not-there"), &"0".repeat(64));
    let (url, sha256) = setup.web.put("page.zip", b"<html>".to_vec());
    setup.at("no-archive", cpu, &url, &sha256);
    setup.archive("attack", cpu, &[file("../evil", "evil")]);
    setup.archive("no-program", cpu, &[file("README", "text")]);
    // The real program without its libraries, and for another processor.
    setup.archive("no-library", cpu, &elf(|_| {}));
    setup.archive("other-processor", cpu, &elf(|bytes| bytes[18] = 183));
    setup.archive("illegal", cpu, &script("kill -ILL $$"));
    setup.archive("crash", cpu, &script("kill -SEGV $$"));
    let old = "llama-server: /lib/libc.so.6: version `GLIBC_9.9'\"'\"' not found (required by llama-server)";
    setup.archive("old-system", cpu, &script(&format!("echo '{old}' >&2; exit 1")));
    setup.archive(
        "driver",
        cpu,
        &starts_and_says("CUDA error: no CUDA-capable device is detected", "exit 1"),
    );
    setup.archive(
        "memory",
        cpu,
        &starts_and_says("vk::Device::allocateMemory: ErrorOutOfDeviceMemory", "exit 1"),
    );
    setup.archive("no-load", cpu, &starts_and_says("failed to load model", "exit 1"));
    // The real one, which sees no card here: the card is a fake.
    setup.archive("no-device", "[\"vulkan\"]", &real("no-device"));
    setup.archive("works", cpu, &real("works"));
    setup.archive("never-tried", cpu, &real("never-tried"));
}

#[tokio::test]
async fn the_first_that_works_is_installed_and_all_reasons_are_kept() {
    let mut setup = Setup::new();
    add_all(&mut setup);
    let no_cards = [("GGML_VK_VISIBLE_DEVICES", "99"), ("VK_DRIVER_FILES", "/nonexistent.json")];
    let library = setup.library_with(&no_cards);
    let request = Request::new(Program::Llama);
    let found = library.install(&request, &setup.host, &setup.observer()).await.unwrap();
    assert_eq!((found.build.as_str(), found.variant), ("works", Variant::Cpu));
    assert!(found.proof.worked);

    let shown: Vec<_> = found.attempts.iter().map(short).collect();
    let expected = [
        ("no-device", Stage::Prove, "it sees no device for vulkan"),
        (
            "other-bytes",
            Stage::Fetch,
            "has the SHA-256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa",
        ),
        ("not-there", Stage::Fetch, "there is no file http://"),
        ("no-archive", Stage::Unpack, "it is neither a zip nor a tar.gz"),
        ("attack", Stage::Unpack, "its entry `../evil` is refused: it goes up"),
        ("no-program", Stage::Prove, "there is no llama-server in it"),
        ("no-library", Stage::Prove, "the library libllama"),
        ("other-processor", Stage::Prove, "it is made for Linux on 64-bit ARM, and this is Linux on x86-64"),
        ("illegal", Stage::Prove, "it has instructions that this processor does not"),
        ("crash", Stage::Prove, "it crashed: killed by SIGSEGV"),
        ("old-system", Stage::Prove, "libc.so.6 is too old: it needs GLIBC_9.9"),
        ("driver", Stage::Prove, "the graphics driver fails it: CUDA error"),
        ("memory", Stage::Prove, "there was no memory for a tiny model"),
        ("no-load", Stage::Prove, "it failed: exit code 1; it said last: failed to load model"),
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:?}");
    for ((build, stage, cause), (expected, at, part)) in shown.iter().zip(expected) {
        assert_eq!((*build, *stage), (expected, at), "{cause}");
        assert!(cause.contains(part), "{build}: {cause}");
    }
    assert!(matches!(
        found.attempts[6].fault,
        Some(Fault::MissingLibrary { library: Some(ref library) }) if library.starts_with("libllama")
    ));
    // They are shown again later, and nothing of them is left.
    assert_eq!(library.list(Program::Llama, &setup.host).unwrap().attempts, found.attempts);
    assert_eq!(setup.leftovers(), Vec::<String>::new());
    let installed: Vec<_> = fs::read_dir(setup.home.path().join("library/llama/builds")).unwrap().collect();
    assert_eq!(installed.len(), 1);
}

fn short(attempt: &Attempt) -> (&str, Stage, &str) {
    (&attempt.build, attempt.stage, &attempt.cause)
}

#[tokio::test]
async fn if_none_works_all_is_as_it_was() {
    let mut setup = Setup::new();
    setup.archive("first", "[\"cpu\"]", &real("first"));
    setup.archive("broken", "[\"cpu\"]", &script("exit 3"));
    setup.install_build("first").await.unwrap();
    let error = setup.install_build("broken").await.unwrap_err();
    assert!(matches!(&error, BinariesError::NoneWorks { attempts, .. } if attempts.len() == 1), "{error}");
    let found = setup.find().await.unwrap();
    assert_eq!((found.build.as_str(), found.remembered), ("first", true));
    // The reason is kept until another installation.
    assert_eq!(found.attempts[0].build, "broken");
    assert_eq!(setup.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_in_the_catalog_is_not_looked_for() {
    let setup = Setup::new();
    let error = setup.install_build("unknown").await.unwrap_err();
    assert!(matches!(&error, BinariesError::UnknownBuild { .. }), "{error}");
    let error = setup.install(&Request::new(Program::Sd)).await.unwrap_err();
    assert!(matches!(error, BinariesError::NothingSuitable { .. }));
    let error = setup.find().await.unwrap_err();
    assert!(matches!(error, BinariesError::NotInstalled { .. }));
    assert_eq!(error.remedy(), "Install one: `binaries install llama`.");
}
