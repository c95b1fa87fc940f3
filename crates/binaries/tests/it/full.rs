//! A disk without room: a file system in memory of 24 MiB that belongs to a process of its own, which is this
//! binary again, in a user namespace that `unshare` of util-linux makes.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use loadmaster_binaries::{Program, Request, Stage};

use crate::{
    archives::Entry,
    builds::{Setup, real},
};

/// Tells the process where its disk is.
const DISK: &str = "LOADMASTER_BINARIES_TEST_DISK";

const MIB: usize = 1 << 20;

/// Runs the named test of this module on a disk of 24 MiB.
fn on_a_small_disk(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=24m tmpfs \"$0\" && exec \"$1\" --exact \"$2\"";
    #[expect(clippy::disallowed_methods, reason = "it is waited for, and the namespace ends with it")]
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder.path());
    command.arg(std::env::current_exe().unwrap()).arg(format!("full::{test}"));
    command.env(DISK, folder.path()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// The disk, if this is the process that has it.
fn disk() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    std::env::var_os(DISK).map(Into::into)
}

/// What does not compress.
fn noise(bytes: usize) -> Vec<u8> {
    let mut seed = 1_u64;
    let next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_what_was_there() {
    let Some(disk) = disk() else { return on_a_small_disk("a_full_disk_is_told_and_leaves_what_was_there") };
    let mut setup = Setup::new();
    let cpu = "[\"cpu\"]";
    let file = |name: &str, contents: Vec<u8>| Entry::File(name.into(), contents, 0o644);
    // Too large to fetch, and too large to unpack.
    setup.archive("fetched", cpu, &[file("noise", noise(30 * MIB))]);
    setup.archive("unpacked", cpu, &[file("noise", noise(8 * MIB)), file("zeros", vec![0; 16 * MIB])]);
    setup.archive("old", cpu, &real("old"));
    setup.library_at(&disk);
    setup.install_build("old").await.unwrap();

    for (build, stage, cause) in [
        ("fetched", Stage::Fetch, " bytes more and "),
        ("unpacked", Stage::Unpack, "it cannot be unpacked here: "),
    ] {
        let error = setup.install_build(build).await.unwrap_err();
        let loadmaster_binaries::BinariesError::NoneWorks { attempts, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((attempts.len(), attempts[0].stage), (1, stage), "{error}");
        assert!(attempts[0].cause.contains(cause), "{error}");
        assert!(attempts[0].remedy.is_some(), "{error}");
        assert_eq!(setup.leftovers(), Vec::<String>::new());
        let left = std::fs::read_dir(disk.join(".downloads")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{build}");
        let found = setup.find().await.unwrap();
        assert_eq!((found.build.as_str(), found.remembered), ("old", true));
    }
    // What fits is installed anew, after the reasons for what does not.
    let found = setup.install(&Request { force: true, ..Request::new(Program::Llama) }).await.unwrap();
    assert_eq!((found.build.as_str(), found.attempts.len()), ("old", 2));
}
