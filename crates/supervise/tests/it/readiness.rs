//! Waiting for a child to be ready.

use std::cell::Cell;
use std::future::{pending, ready};
use std::time::Duration;

use loadmaster_supervise::{ExitStatus, NotReady};

use crate::support::{LONG, sh, spawn};

const OFTEN: Duration = Duration::from_millis(10);

#[tokio::test]
async fn a_child_is_ready_when_the_probe_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let script = "while [ ! -e asked ]; do sleep 0.01; done; : > socket; exec sleep 600";
    let child = spawn(sh(script).cwd(folder.path())).await;
    let probes = Cell::new(0);
    let probe = || {
        probes.set(probes.get() + 1);
        let answer = socket.exists();
        std::fs::write(folder.path().join("asked"), "").unwrap();
        ready(answer)
    };
    assert_eq!(child.ready(probe, OFTEN, LONG).await, Ok(()));
    assert!(probes.get() > 1);
    assert_eq!(child.exit().now(), None);
}

#[tokio::test]
async fn a_child_that_dies_while_loading_ends_the_wait_at_once() {
    let child = spawn(sh("sleep 0.1; echo 'failed to load model' >&2; exit 1")).await;
    // Neither the deadline nor the pause between two probes is waited for.
    let Err(NotReady::Exited(exit)) = child.ready(|| ready(false), LONG, LONG).await else {
        panic!("it must count as ended");
    };
    assert_eq!(exit.status, ExitStatus::Code(1));
    assert_eq!(exit.last_lines, ["failed to load model"]);
    assert!(!exit.asked);
}

#[tokio::test]
async fn a_probe_that_hangs_does_not_hide_a_death() {
    let child = spawn(sh("sleep 0.1; exit 1")).await;
    let answer = child.ready(pending, OFTEN, LONG).await;
    assert!(matches!(answer, Err(NotReady::Exited(_))), "{answer:?}");
}

#[tokio::test]
async fn a_child_that_is_too_slow_is_told_from_a_dead_one() {
    let child = spawn(sh("echo loading; exec sleep 600")).await;
    child.lines().next().await;
    let after = Duration::from_millis(50);
    let expected = Err(NotReady::TimedOut { after, last_lines: vec!["loading".to_owned()] });
    assert_eq!(child.ready(|| ready(false), OFTEN, after).await, expected);
    assert_eq!(child.ready(pending, OFTEN, after).await, expected);
    assert_eq!(child.exit().now(), None, "whether to go on is the caller's choice");
}

#[tokio::test]
async fn a_stop_by_somebody_else_ends_the_wait() {
    let child = spawn(sh("exec sleep 600")).await;
    let (answer, exit) = tokio::join!(child.ready(pending, OFTEN, LONG), child.stop(LONG));
    assert_eq!(answer, Err(NotReady::Exited(exit)));
}

/// With the caller's clock, ten minutes would pass in no time.
#[tokio::test(start_paused = true)]
async fn deadlines_are_real_time_even_where_the_clock_is_paused() {
    let child = spawn(sh("sleep 0.3; exit 7")).await;
    let Err(NotReady::Exited(exit)) = child.ready(pending, OFTEN, LONG).await else {
        panic!("it must not time out");
    };
    assert_eq!(exit.status, ExitStatus::Code(7));
}

#[tokio::test]
async fn a_child_that_says_it_is_ready_is_asked_at_once() {
    let child = spawn(sh("echo loading; sleep 0.1; echo 'ready now'; exec sleep 600")).await;
    let probes = Cell::new(0);
    let probe = || {
        probes.set(probes.get() + 1);
        ready(probes.get() > 1)
    };
    // The pause between two probes is longer than the deadline.
    let answer = child.ready_or_told(|line| line.contains("ready"), probe, 2 * LONG, LONG).await;
    assert_eq!((answer, probes.get()), (Ok(()), 2));
}
