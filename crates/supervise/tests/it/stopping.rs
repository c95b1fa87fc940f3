//! Ending a child on purpose.

use std::time::Duration;

use loadmaster_supervise::{ExitStatus, Stream};

use crate::support::{LONG, first_line, first_number, sh, spawn, until_gone};

const DEAF: &str = "trap '' TERM; echo armed; while :; do sleep 0.1; done";

fn is_killed_by(status: ExitStatus, wanted: &str) -> bool {
    matches!(status, ExitStatus::Signal { name, .. } if name == wanted)
}

#[tokio::test]
async fn a_child_that_understands_term_cleans_up() {
    let script = "trap 'echo bye; exit 0' TERM; echo armed; while :; do sleep 0.05; done";
    let child = spawn(sh(script)).await;
    first_line(&child).await;
    let exit = child.stop(LONG).await;
    assert_eq!(exit.status, ExitStatus::Code(0));
    assert!(exit.asked);
    // The shell may also say that the `sleep` in its group was terminated.
    assert!(exit.last_lines.contains(&"bye".to_owned()));
}

#[tokio::test]
async fn a_child_that_ignores_term_is_killed() {
    let child = spawn(sh(DEAF)).await;
    first_line(&child).await;
    let exit = child.stop(Duration::from_millis(100)).await;
    assert!(is_killed_by(exit.status, "SIGKILL"), "{}", exit.status);
    assert!(exit.asked);
    until_gone(child.pid());
}

#[tokio::test]
async fn no_patience_at_all_is_a_kill() {
    let child = spawn(sh(DEAF)).await;
    first_line(&child).await;
    let exit = child.stop(Duration::ZERO).await;
    assert!(is_killed_by(exit.status, "SIGKILL"), "{}", exit.status);
}

#[tokio::test]
async fn a_stopped_child_can_still_be_ended() {
    let child = spawn(sh("echo armed; kill -STOP $$")).await;
    first_line(&child).await;
    let exit = child.stop(Duration::from_millis(100)).await;
    assert!(exit.status.crashed(), "{}", exit.status);
}

#[tokio::test]
async fn grandchildren_end_with_the_child() {
    // The shell that is the child ends on TERM; the one it started does not.
    let script = format!("sh -c \"{DEAF}\" & echo $! >&2; wait");
    let child = spawn(sh(&script)).await;
    let mut lines = child.lines();
    let (mut grandchild, mut armed) = (None, false);
    while grandchild.is_none() || !armed {
        let line = lines.next().await.expect("it tells both");
        match line.stream {
            Stream::Stdout => armed = true,
            Stream::Stderr => grandchild = line.text.parse().ok(),
        }
    }
    let grandchild = grandchild.expect("the loop went on until it was told");
    let exit = child.stop(LONG).await;
    assert!(is_killed_by(exit.status, "SIGTERM"), "{}", exit.status);
    until_gone(grandchild);
}

#[tokio::test]
async fn several_may_stop_it_and_the_least_patient_decides() {
    let child = spawn(sh(DEAF)).await;
    first_line(&child).await;
    let (one, two, three) =
        tokio::join!(child.stop(LONG), child.stop(Duration::from_millis(100)), child.stop(LONG),);
    assert!(is_killed_by(one.status, "SIGKILL"), "{}", one.status);
    assert_eq!(one, two);
    assert_eq!(one, three);
    assert_eq!(child.stop(LONG).await, one);
}

#[tokio::test]
async fn a_stop_goes_on_when_its_caller_stops_waiting() {
    let child = spawn(sh(DEAF)).await;
    first_line(&child).await;
    let watch = child.exit();
    // Without any time, the stop is asked for and given up in the same moment.
    let stop = child.stop(Duration::from_millis(100));
    let hurried = tokio::time::timeout(Duration::ZERO, stop);
    assert!(hurried.await.is_err());
    assert!(is_killed_by(watch.wait().await.status, "SIGKILL"));
}

#[tokio::test]
async fn stopping_what_has_ended_tells_how_it_ended() {
    let child = spawn(sh("exit 3")).await;
    child.exit().wait().await;
    let exit = child.stop(LONG).await;
    assert_eq!(exit.status, ExitStatus::Code(3));
    assert!(!exit.asked);
}

#[tokio::test]
async fn dropping_the_handle_kills_the_group() {
    let child = spawn(sh("trap '' TERM; sleep 600 & echo $!; wait")).await;
    let pid = child.pid();
    let grandchild = first_number(&child).await;
    let watch = child.exit();
    drop(child);
    let exit = watch.wait().await;
    assert!(is_killed_by(exit.status, "SIGKILL"), "{}", exit.status);
    assert!(exit.asked);
    until_gone(pid);
    until_gone(grandchild);
}
