//! The same life on Windows.

use loadmaster_supervise::{ExitStatus, Spec};

use crate::support::{LONG, spawn, until_gone};

#[tokio::test]
async fn exit_codes_and_lines_are_told() {
    let child = spawn(Spec::new("cmd").args(["/C", "echo hello& exit 3"])).await;
    let exit = child.exit().wait().await;
    assert_eq!(exit.status, ExitStatus::Code(3));
    assert_eq!(exit.last_lines, ["hello"]);
}

#[tokio::test]
async fn a_stop_ends_the_job() {
    let child = spawn(Spec::new("cmd").args(["/C", "ping -n 600 127.0.0.1"])).await;
    child.lines().next().await;
    let exit = child.stop(LONG).await;
    assert!(exit.asked);
    until_gone(child.pid());
}
