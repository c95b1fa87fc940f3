//! Ctrl-C while one prompt is answered.

use std::{io::Read, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use super::{empty_folder, run_smollm2};
use crate::support::wait_until;

fn process_id(number: u64) -> Pid {
    let number = i32::try_from(number).ok();
    number.and_then(Pid::from_raw).expect("it is the number of a process")
}

/// The server that the journal of children in `home` has.
fn server(home: &Path) -> Option<Pid> {
    let folder = home.join("state").join("children").join("llama");
    let entry = std::fs::read_dir(folder).ok()?.flatten().next()?;
    let entry: Value = serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()?;
    entry["child"]["pid"].as_u64().map(process_id)
}

#[test]
fn ctrl_c_ends_the_answer_the_server_and_the_command() {
    let home = empty_folder();
    let mut command = run_smollm2(home.path());
    command.arg("Count from 1 to 1000, all numbers.").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    // The answer streams when its first byte is there.
    stdout.read_exact(&mut [0]).expect("an answer begins");
    let server = server(home.path()).expect("the server is in the journal");
    test_kill_process(server).expect("the server runs");

    kill_process(process_id(child.id().into()), Signal::INT).expect("the command runs");
    let mut stderr = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("it prints text");
    assert_eq!(child.wait().expect("it is reaped").code(), Some(130));
    assert_eq!(stderr, "stopped\n");
    // Its parent has reaped it, so its number is nobody's.
    wait_until("the server runs on", Duration::from_secs(5), || test_kill_process(server).is_err());
    assert_eq!(self::server(home.path()), None, "the journal is empty");
}

#[test]
fn ctrl_c_while_the_model_loads_ends_both() {
    let home = empty_folder();
    let mut command = run_smollm2(home.path());
    command.arg("Hi").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut found = None;
    wait_until("no server was started", Duration::from_secs(20), || {
        found = server(home.path());
        found.is_some()
    });
    kill_process(process_id(child.id().into()), Signal::INT).expect("the command runs");
    let mut stdout = String::new();
    child.stdout.take().expect("it is piped").read_to_string(&mut stdout).expect("it prints text");
    assert_eq!((child.wait().expect("it is reaped").code(), stdout.as_str()), (Some(130), ""));
    let server = found.expect("it was found");
    wait_until("the server runs on", Duration::from_secs(5), || test_kill_process(server).is_err());
}
