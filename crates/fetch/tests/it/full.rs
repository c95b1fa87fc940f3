//! A disk without room.
//!
//! The disk is a file system in memory of 24 MiB that belongs to a process of its own: this binary again, in
//! a user namespace, which `unshare` of util-linux makes.

#![cfg(target_os = "linux")]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use loadmaster_fetch::{Download, Downloads, FetchError, Sha256Hash};

use crate::{
    hub::{Answer, Hub, noise},
    support::{MIB, client, download, names},
};

/// Tells the process where its disk is.
const DISK: &str = "FETCH_TEST_DISK";

/// Runs the named test of this module on a disk of 24 MiB.
fn on_a_small_disk(test: &str) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let script = "mount -t tmpfs -o size=24m tmpfs \"$0\" && exec \"$1\" --exact \"$2\"";
    #[expect(clippy::disallowed_methods, reason = "it is waited for, and the namespace ends with it")]
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder.path());
    command.arg(std::env::current_exe().expect("a test knows its executable")).arg(format!("full::{test}"));
    command.env(DISK, folder.path()).stdin(Stdio::null());
    let output = command.output().expect("unshare of util-linux is there");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// The disk, if this is the process that has it.
fn disk() -> Option<std::path::PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    std::env::var_os(DISK).map(Into::into)
}

async fn refused(hub: &Hub, disk: &Path) -> (u64, u64) {
    match download(hub, disk).run().await.expect_err("the disk is too small") {
        FetchError::DiskFull { path, needed, free } => {
            assert_eq!(path, disk.join("model.gguf"));
            (needed, free)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn room_is_looked_for_before_a_byte_comes() {
    let Some(disk) = disk() else { return on_a_small_disk("room_is_looked_for_before_a_byte_comes") };
    let file = noise(23 * MIB, 1);
    let hub = Hub::of(&file).await;
    // The file would fit, but not with 5 % to spare.
    let (needed, free) = refused(&hub, &disk).await;
    assert_eq!((needed, free), (file.len() as u64 * 21 / 20, 24 * MIB as u64));
    assert_eq!(names(&disk), [""; 0]);
}

#[tokio::test]
async fn several_that_do_not_fit_together_are_refused_before_one_begins() {
    let name = "several_that_do_not_fit_together_are_refused_before_one_begins";
    let Some(disk) = disk() else { return on_a_small_disk(name) };
    let elsewhere = tempfile::tempdir().unwrap();
    let file = noise(9 * MIB, 1);
    let hub = Hub::of(&file).await;
    let to = |folder: &Path, name: &str| {
        let download = Download::new(&client(), &hub.url(), folder.join(name)).unwrap();
        download.expect_size(file.len() as u64).expect_sha256(Sha256Hash::of(&file))
    };
    let all = vec![to(&disk, "a"), to(&disk, "b"), to(&disk, "c"), to(elsewhere.path(), "d")];
    let outcomes = Downloads::new(all).run().await;
    let needed = 3 * (file.len() as u64 * 21 / 20);
    for outcome in &outcomes[..3] {
        assert!(
            matches!(outcome, Err(FetchError::DiskFull { needed: n, .. }) if *n == needed),
            "{outcome:?}"
        );
    }
    assert!(outcomes[3].is_ok() && names(&disk).is_empty());
    // Two of them fit, and need no room once they are there.
    for _ in 0..2 {
        let outcomes = Downloads::new(vec![to(&disk, "a"), to(&disk, "b")]).run().await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_under_way_keeps_what_came() {
    let Some(disk) = disk() else { return on_a_small_disk("a_disk_that_fills_up_under_way_keeps_what_came") };
    let file = noise(20 * MIB, 1);
    let (served, ballast) = (file.clone(), disk.join("ballast"));
    // Somebody else writes 10 MiB when the download has begun.
    let hub = Hub::start(move |request| {
        if request.number == 1 {
            let mut ballast = fs::File::create(&ballast).expect("there is room for a name");
            ballast.write_all(&vec![1; 10 * MIB]).expect("there is still room");
        }
        let drip = Some((64 * 1024, std::time::Duration::from_millis(2)));
        Answer { drip, ..Answer::of(&served) }
    })
    .await;
    let (needed, _) = refused(&hub, &disk).await;
    assert!(needed > 0 && needed < 20 * MIB as u64, "{needed}");
    assert!(!disk.join("model.gguf").exists());
    fs::remove_file(disk.join("ballast")).unwrap();
    let downloaded = download(&hub, &disk).run().await.unwrap();
    assert!(fs::read(&downloaded.path).unwrap() == *file);
    assert!(
        matches!(downloaded.how, loadmaster_fetch::How::Downloaded { resumed } if resumed > 5 * MIB as u64)
    );
}

#[tokio::test]
async fn a_disk_that_fills_up_with_a_file_of_unknown_length_is_clean_again() {
    let name = "a_disk_that_fills_up_with_a_file_of_unknown_length_is_clean_again";
    let Some(disk) = disk() else { return on_a_small_disk(name) };
    let file = noise(30 * MIB, 1);
    let hub = Hub::start(move |_| Answer { unsaid_length: true, ranges: false, ..Answer::of(&file) }).await;
    refused(&hub, &disk).await;
    assert_eq!(names(&disk), [""; 0]);
}
