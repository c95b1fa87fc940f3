//! A disk that is full, for real.

use loadmaster_images::ErrorCode;
use serde_json::json;

use crate::place::{Place, cat, micro};

/// `sd-cli` says success, and its file is cut. The disk is a file system in memory of 2 MiB that belongs to a process of
/// its own: this binary again, in a user namespace, which `unshare` of util-linux makes.
#[tokio::test]
async fn a_full_disk_is_typed_and_nothing_half_written_is_served() {
    const DISK: &str = "LOADMASTER_SD_TEST_DISK";
    #[expect(clippy::disallowed_methods, reason = "nothing but the environment can be given to a test")]
    let Some(disk) = std::env::var_os(DISK).map(std::path::PathBuf::from) else {
        let folder = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$1\" --exact \"$2\"";
        #[expect(clippy::disallowed_methods, reason = "it is waited for, and the namespace ends with it")]
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder.path());
        command.arg(std::env::current_exe().unwrap());
        command.arg("full_disk::a_full_disk_is_typed_and_nothing_half_written_is_served");
        let output = command.env(DISK, folder.path()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
        return;
    };
    let place = Place::with(&json!({}), Some(&disk));
    let running = place.start(&micro("one-shot")).await;
    running.paint(&cat()).await.unwrap();
    let ballast = disk.join("ballast");
    // Eight KiB are left, and the image has eleven.
    let mut file = std::fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    file.set_len(file.metadata().unwrap().len() - 2 * 4096).unwrap();
    let error = running.paint(&cat()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::DiskFull, "{error}");
    drop(file);
    std::fs::remove_file(&ballast).unwrap();
    running.paint(&cat()).await.unwrap();
    running.stop().await;
}
