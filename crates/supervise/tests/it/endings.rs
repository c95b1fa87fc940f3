//! How a child ended.

use loadmaster_supervise::ExitStatus;
#[cfg(target_os = "linux")]
use loadmaster_supervise::Spec;

#[cfg(target_os = "linux")]
use crate::support::runs;
use crate::support::{LONG, first_number, sh, spawn, until_gone};

async fn status_of(script: &str) -> ExitStatus {
    let child = spawn(sh(script)).await;
    let exit = child.exit().wait().await;
    assert!(!exit.asked, "nobody asked for this end");
    exit.status
}

#[tokio::test]
async fn exit_codes_are_told() {
    assert_eq!(status_of("exit 0").await, ExitStatus::Code(0));
    assert_eq!(status_of("exit 3").await, ExitStatus::Code(3));
    assert_eq!(status_of("exit 255").await, ExitStatus::Code(255));
}

#[tokio::test]
async fn signals_are_told_by_name_and_are_no_exit_codes() {
    for signal in ["KILL", "SEGV", "ABRT", "ILL", "BUS", "FPE", "TERM"] {
        let status = status_of(&format!("kill -{signal} $$")).await;
        let ExitStatus::Signal { name, .. } = status else {
            panic!("{signal} gave {status}");
        };
        assert_eq!(name, format!("SIG{signal}"));
        assert!(status.crashed());
    }
}

#[tokio::test]
async fn the_last_lines_of_both_streams_come_with_the_exit() {
    let child = spawn(sh("echo loading; echo 'no such model' >&2; exit 1")).await;
    let exit = child.exit().wait().await;
    assert_eq!(exit.status, ExitStatus::Code(1));
    let mut said = exit.last_lines.clone();
    said.sort();
    assert_eq!(said, ["loading", "no such model"]);
    assert_eq!(child.tail(), exit.last_lines);
}

#[tokio::test]
async fn an_exit_can_be_asked_for_again_and_outlives_the_handle() {
    let child = spawn(sh("exit 3")).await;
    let watch = child.exit();
    let exit = watch.wait().await;
    drop(child);
    assert_eq!(watch.now().as_ref(), Some(&exit));
    assert_eq!(watch.clone().wait().await, exit);
}

#[tokio::test]
async fn what_a_child_leaves_in_its_group_ends_with_it() {
    let child = spawn(sh("sleep 600 & echo $!; exit 3")).await;
    let grandchild = first_number(&child).await;
    assert_eq!(child.exit().wait().await.status, ExitStatus::Code(3));
    until_gone(grandchild);
}

/// `setsid` leaves the group and keeps the pipes.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_does_not_hold_back_the_exit() {
    let folder = tempfile::tempdir().unwrap();
    let script = "setsid sh -c 'echo $$; : > away; exec sleep 600' &
        while [ ! -e away ]; do sleep 0.01; done; printf partial; exit 3";
    let child = spawn(sh(script).cwd(folder.path())).await;
    let grandchild = first_number(&child).await;
    let exit = child.exit().wait().await;
    assert_eq!(exit.status, ExitStatus::Code(3));
    assert_eq!(exit.last_lines[1], "partial");
    assert!(runs(grandchild), "the end came before the grandchild's");
    end(grandchild).await;
}

#[cfg(target_os = "linux")]
async fn end(pid: u32) {
    let kill = spawn(Spec::new("kill").args(["-KILL", &pid.to_string()])).await;
    assert!(kill.exit().wait().await.status.success());
    until_gone(pid);
}

#[tokio::test]
async fn standard_input_is_empty() {
    assert_eq!(status_of("read x && exit 9; exit 4").await, ExitStatus::Code(4));
}

#[tokio::test]
async fn environment_arguments_and_folder_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let spec = sh(r#"echo "$GREETING"; echo "${HOME-none}"; pwd; echo "$1""#)
        .arg("name of the script")
        .arg("two words")
        .env("GREETING", "hello")
        .env_remove("HOME")
        .cwd(&path);
    let exit = spawn(spec).await.exit().wait().await;
    let expected = ["hello", "none", path.to_str().unwrap(), "two words"];
    assert_eq!(exit.last_lines, expected);
}

/// The runtime, its threads and the task that asked for the child are all gone.
#[test]
fn a_child_does_not_depend_on_the_runtime_that_asked_for_it() {
    let script = "while :; do echo tick; sleep 0.02; done";
    let child = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let task = runtime.spawn(spawn(sh(script).ring_lines(1)));
        runtime.block_on(task).unwrap()
    })
    .join()
    .unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut lines = child.lines();
        for _ in 0..5 {
            assert_eq!(&*lines.next().await.unwrap().text, "tick");
        }
        assert_eq!(child.exit().now(), None);
        let exit = child.stop(LONG).await;
        assert_eq!(exit.status.to_string(), "killed by SIGTERM");
    });
}
