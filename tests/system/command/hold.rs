//! `loadmaster hold` and `loadmaster budget`.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;

use super::{Ended, empty_folder, ended};
use crate::{
    serve::{
        client::model_id,
        holds::{daemon_of_more_than_half, more_than_half},
        process::{send, wait_gone},
    },
    support::{Daemon, loadmaster, wait_until},
};

const PATIENCE: Duration = Duration::from_secs(30);

fn tell(daemon: &Daemon, arguments: &[&str]) -> Ended {
    let home = empty_folder();
    ended(loadmaster(home.path()).args(arguments).args(["--listen", daemon.address()]))
}

/// `loadmaster hold` of a little of the host for a program of the shell.
fn hold(daemon: &Daemon, script: &str) -> Command {
    let mut command = loadmaster(daemon.home());
    command.args(["hold", "--device", "host", "--bytes", "1 MiB", "--listen", daemon.address()]);
    command.args(["--", "sh", "-c", script]);
    command
}

/// Begins it, and waits until its program runs; returns the program's number too.
fn begun(mut command: Command) -> (Child, u32) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the command starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("the program prints its number");
    (child, line.trim().parse().expect("a number"))
}

fn holds(daemon: &Daemon) -> usize {
    daemon.status()["holds"].as_array().expect("it is a list").len()
}

#[test]
fn the_program_has_its_memory_its_terminal_and_its_exit_code() {
    let daemon = Daemon::start(&[]);
    let ran = ended(&mut hold(&daemon, "echo out; echo err >&2; exit 7"));
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(7), "out\n", "err\n"));
    wait_until("it is released", PATIENCE, || holds(&daemon) == 0);
    assert_eq!(ended(&mut hold(&daemon, "kill -9 $$")).code, Some(128 + 9));
    let (mut child, _) = begun(hold(&daemon, "echo $$; exec sleep 60"));
    let listed = tell(&daemon, &["ps"]).printed();
    assert!(listed.contains(" holds host 1.00 MiB (sh)\n"), "{listed}");
    // It is passed on, and what it ends the program by is told.
    send(child.id(), Signal::TERM);
    assert_eq!(child.wait().expect("it is reaped").code(), Some(128 + 15));
    wait_until("it is released", PATIENCE, || holds(&daemon) == 0);
}

#[test]
fn a_hold_that_is_killed_releases() {
    let daemon = Daemon::start(&[]);
    let (mut child, program) = begun(hold(&daemon, "echo $$; exec sleep 60"));
    assert_eq!(holds(&daemon), 1);
    child.kill().expect("it was alive");
    child.wait().expect("it is reaped");
    wait_until("it is released", PATIENCE, || holds(&daemon) == 0);
    // The program is the user's: it is not ended with the command.
    send(program, Signal::KILL);
    wait_gone(program);
}

#[test]
fn a_model_makes_room_and_it_is_said() {
    let daemon = daemon_of_more_than_half();
    tell(&daemon, &["start", &model_id()]).printed();
    let much = more_than_half().to_string();
    let home = empty_folder();
    let mut command = loadmaster(home.path());
    command.args(["hold", "--device", "host", "--bytes", &much, "--listen", daemon.address(), "--", "true"]);
    let ran = ended(&mut command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = format!("waiting until these have made room: {}#1\n", model_id());
    // It may be gone before there is anything to say.
    assert!(ran.stderr.is_empty() || ran.stderr.ends_with(&told), "{}", ran.stderr);
    wait_until("it comes back", PATIENCE, || daemon.model()["instance"]["state"] == "ready");
}

#[test]
fn what_cannot_be_is_told() {
    let daemon = Daemon::start(&[]);
    let home = empty_folder();
    let mut command = loadmaster(home.path());
    let much =
        ["hold", "--device", "host", "--bytes", "9999 GiB", "--listen", daemon.address(), "--", "true"];
    let refused = ended(command.args(much));
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("It cannot be held: host needs "), "{}", refused.stderr);
    let mut command = loadmaster(home.path());
    let missing =
        ["hold", "--device", "host", "--bytes", "1 MiB", "--listen", daemon.address(), "--", "/nowhere/x"];
    ended(command.args(missing)).failed(
        4,
        "There is no program /nowhere/x",
        "Check its name; programs are looked for on PATH.",
    );
    let mut command = loadmaster(home.path());
    let nobody = ["hold", "--device", "host", "--bytes", "1", "--listen", "127.0.0.1:1", "--", "true"];
    ended(command.args(nobody)).failed(
        1,
        "Loadmaster does not serve at 127.0.0.1:1",
        "Start it with `loadmaster serve`, or name its address with --listen.",
    );
}

#[test]
fn budgets_are_shown_and_changed() {
    let daemon = Daemon::start(&[]);
    assert_eq!(tell(&daemon, &["budget"]).printed(), "there are no budgets: every device may be filled\n");
    let set = tell(&daemon, &["budget", "host=1.5 GiB"]).printed();
    assert_eq!(set, "DEVICE    BUDGET\nhost    1.50 GiB\n");
    assert_eq!(tell(&daemon, &["budget", "--json"]).json()["host"], "1536 MiB");
    let unknown = tell(&daemon, &["budget", "gpu99=1 GiB"]);
    assert_eq!(unknown.code, Some(4));
    assert!(unknown.stderr.starts_with("error: There is no device 'gpu99'; there is host"), "{unknown:?}");
    assert_eq!(
        tell(&daemon, &["budget", "host=none"]).printed(),
        "there are no budgets: every device may be filled\n"
    );
    tell(&daemon, &["budget", "host=none"]).failed(
        4,
        "There is no budget for 'host'",
        "`loadmaster budget` shows those that there are.",
    );
}
