//! Faults while it paints, each provoked for real.

use std::time::Duration;

use loadmaster_core::FailureReason;
use loadmaster_images::{ErrorCode, StreamEvent};
use serde_json::json;

use crate::place::{Place, asked, cat, cat_with, micro, model_file};

/// Flux without its encoder: it loads, and crashes at the first image. Refused before a start, so the plan is one for
/// the whole model, from which the encoder is taken.
#[tokio::test]
async fn a_crash_is_answered_typed() {
    let place = Place::new();
    let tae = model_file("micro-tae.safetensors");
    let files = json!({"taesd": tae, "clip_l": model_file("flux-clip.safetensors")});
    for mode in ["resident", "one-shot"] {
        let request = asked("flux-dit.safetensors", &files).with("mode", mode);
        let mut plan = place.plan(&request).await.unwrap();
        plan.settings["components"] = json!({"taesd": tae});
        let instance = place.try_start(plan).await.unwrap();
        let running = place.running(instance);
        let error = running.paint(&cat()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::ServerCrashed);
        assert!(error.message.contains("SIGSEGV"), "{error}");
        if mode == "resident" {
            let failure = running.instance.exit.wait().await;
            assert_eq!(failure.reason, FailureReason::Signal { name: "SIGSEGV".into() });
        } else {
            assert_eq!(running.paint(&cat()).await.unwrap_err().code, ErrorCode::ServerCrashed);
            running.stop().await;
        }
    }
}

#[cfg(unix)]
fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The connection is closed without an answer, so that the gateway sends the request again; a stream that has begun
/// is told.
#[cfg(unix)]
#[tokio::test]
async fn a_server_that_is_killed_answers_nothing() {
    let place = Place::new();
    let slow = cat_with(&json!({"steps": 100, "n": 8, "size": "256x256"}));
    for stream in [false, true] {
        let running = place.start(&micro("resident")).await;
        let pid = running.instance.pid.unwrap();
        let killer = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            kill(pid);
        };
        if stream {
            let mut wish = slow.clone();
            wish["stream"] = json!(true);
            let (events, ()) = tokio::join!(running.stream_or_break(&wish), killer);
            assert!(events.iter().any(|event| matches!(event, StreamEvent::Progress(_))));
            assert!(!events.iter().any(|event| matches!(event, StreamEvent::Completed(_))));
        } else {
            let (answer, ()) = tokio::join!(running.ask("/v1/images/generations", &slow), killer);
            assert!(answer.is_err(), "{answer:?}");
        }
        let failure = running.instance.exit.wait().await;
        assert_eq!(failure.reason, FailureReason::Signal { name: "SIGKILL".into() });
        place.start(&micro("resident")).await.stop().await;
    }
}

/// `sd-cli` says success, and its file is cut. The disk is a file system in memory of 2 MiB that belongs to a process of
/// its own: this binary again, in a user namespace, which `unshare` of util-linux makes.
#[cfg(target_os = "linux")]
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
        command.arg("faults::a_full_disk_is_typed_and_nothing_half_written_is_served");
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

/// The denoiser's scores alone would be 650 GiB: the system refuses them, and the next request is fine.
#[tokio::test]
async fn memory_that_runs_out_is_typed() {
    let place = Place::new();
    for mode in ["resident", "one-shot"] {
        // The plan allows what no machine has.
        let request = asked("sd1tiny.safetensors", &json!({})).with("mode", mode).with("pixels", 4096 * 4096);
        let running = place.start(&request).await;
        let error = running.paint(&cat_with(&json!({"size": "3072x3072", "steps": 1}))).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::OutOfMemory, "{error}");
        running.paint(&cat()).await.unwrap();
        running.stop().await;
    }
}
