//! Full disks: a file system in memory of 2 MiB that belongs to a process of its own, which is this binary again, in a
//! user namespace that `unshare` of util-linux makes.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use loadmaster_core::{BackendError, Remedy as _};
use loadmaster_images::ErrorCode;
use serde_json::json;

use crate::{
    left,
    place::{Place, cat, micro},
};

/// Runs the test `name` again with a disk of its own; the disk where this is that run.
fn disk_for(name: &str) -> Option<PathBuf> {
    const DISK: &str = "LOADMASTER_SD_TEST_DISK";
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    if let Some(disk) = std::env::var_os(DISK) {
        return Some(PathBuf::from(disk));
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$1\" --exact \"$2\"";
    #[expect(clippy::disallowed_methods, reason = "it is waited for, and the namespace ends with it")]
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder.path());
    command.arg(std::env::current_exe().unwrap()).arg(format!("disk::{name}"));
    let output = command.env(DISK, folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    None
}

/// Fills the disk but for so many pages of 4096 bytes.
fn fill(disk: &Path, pages: u64) -> PathBuf {
    let ballast = disk.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    file.set_len(file.metadata().unwrap().len() - pages * 4096).unwrap();
    ballast
}

/// `sd-cli` says success, and its file is cut.
#[tokio::test]
async fn a_file_that_is_cut_by_a_full_disk_is_not_served() {
    let Some(disk) = disk_for("a_file_that_is_cut_by_a_full_disk_is_not_served") else { return };
    let place = Place::with(&json!({}), Some(&disk));
    let running = place.start(&micro("one-shot")).await;
    running.paint(&cat()).await.unwrap();
    // Eight KiB are left, and the image has eleven; and then nothing is left, not even for a folder.
    for pages in [2, 0] {
        let ballast = fill(&disk, pages);
        let error = running.paint(&cat()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::DiskFull, "{error}");
        assert!(error.remedy.contains("Make room on the disk"), "{error:?}");
        left::nothing_of(&place).await;
        std::fs::remove_file(&ballast).unwrap();
        running.paint(&cat()).await.unwrap();
    }
    running.stop().await;
}

/// `sd-server` writes no files: what is loaded paints on, and what is to be started is told that it cannot.
#[tokio::test]
async fn a_server_paints_on_a_full_disk_and_does_not_start_on_one() {
    let Some(disk) = disk_for("a_server_paints_on_a_full_disk_and_does_not_start_on_one") else { return };
    let place = Place::with(&json!({}), Some(&disk));
    let plan = place.plan(&micro("resident")).await.unwrap();
    let running = place.start_plan(&plan).await;
    let before = running.paint(&cat()).await.unwrap();
    let ballast = fill(&disk, 0);
    let after = running.paint(&cat()).await.unwrap();
    assert_eq!(before.data[0].b64_json, after.data[0].b64_json);
    running.stop().await;
    let error = place.try_start(plan.clone()).await.unwrap_err();
    assert!(matches!(error, BackendError::System { .. }), "{error:?}");
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(error.remedy().contains("free disk space"), "{error:?}");
    left::nothing_of(&place).await;
    std::fs::remove_file(&ballast).unwrap();
    let running = place.start_plan(&plan).await;
    running.paint(&cat()).await.unwrap();
    running.stop().await;
}
