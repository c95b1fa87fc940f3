//! Processes by their number.

use std::{process::Command, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{process, wait_until};

/// Sends a signal to a process that must exist.
pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("it is the number of a process");
    kill_process(pid, signal).expect("the process is there, and ours");
}

/// Whether the process runs. One that has ended and that nobody has reaped yet does not, unless threads of it
/// (`l`) still do: a killed process's sockets are open until its last thread has gone.
pub(crate) fn runs(pid: u32) -> bool {
    let mut ps: Command = process("ps");
    let output = ps.args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps runs");
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && (!state.starts_with('Z') || state.contains('l'))
}

/// Waits until the process is gone, for ten times as long as it should take.
pub(crate) fn wait_gone(pid: u32) {
    wait_until(&format!("process {pid} still runs"), Duration::from_secs(20), || !runs(pid));
}
