//! What is missing or wrong, and what to do about it.

use std::{fs, net::TcpListener};

use serde_json::Value;

#[cfg(target_os = "linux")]
use super::probe::{NO_VULKAN, fake_nvml};
use super::{Ended, empty_folder, ended};
#[cfg(target_os = "linux")]
use crate::serve::{
    client::ask_for_paris,
    process::{runs, wait_gone},
};
use crate::support::{Daemon, llama_server, loadmaster};

/// The last row of `what`, of what `doctor --json` printed: where there are several, problems come last.
#[track_caller]
fn row(doctor: &Ended, what: &str) -> Value {
    let json: Value = serde_json::from_str(&doctor.stdout).expect("it is JSON");
    let checks = json["checks"].as_array().cloned().unwrap_or_default();
    let found = checks.into_iter().rfind(|check| check["what"] == what);
    found.unwrap_or_else(|| panic!("no {what} in {json:#}"))
}

#[track_caller]
fn is_problem(doctor: &Ended, what: &str, found: &str, remedy: &str) {
    let row = row(doctor, what);
    assert_eq!(row["state"], "problem", "{row}");
    assert!(row["found"].as_str().is_some_and(|text| text.contains(found)), "{row}");
    assert!(row["remedy"].as_str().is_some_and(|text| text.contains(remedy)), "{row}");
    assert_eq!(doctor.code, Some(1));
}

#[test]
fn with_a_server_all_is_well_and_nothing_is_made() {
    let home = empty_folder();
    let inside = home.path().join("home");
    let mut command = loadmaster(&inside);
    command.args(["doctor", "--listen", "127.0.0.1:0", "--llama-server"]).arg(llama_server());
    let doctor = ended(&mut command).printed();
    assert!(doctor.ends_with("all is well\n"), "{doctor}");
    assert!(doctor.contains(&format!("{}, as configured", llama_server().display())), "{doctor}");
    assert!(!inside.exists(), "to look changes nothing");
}

#[test]
fn each_problem_comes_with_what_to_do() {
    let home = empty_folder();
    let doctor = |arguments: &[&str]| {
        let mut command = loadmaster(home.path());
        command.env("PATH", home.path().join("nothing")).args(["doctor", "--json"]).args(arguments);
        ended(&mut command)
    };
    is_problem(&doctor(&[]), "llama-server", "none is installed", "`loadmaster binaries install llama`");
    let named = doctor(&["--llama-server", "/nowhere"]);
    is_problem(&named, "llama-server", "none at /nowhere", "Correct the path");

    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    // Whoever it is hangs up, and is not Loadmaster.
    std::thread::spawn(move || taken.incoming().for_each(drop));
    let listens = if cfg!(target_os = "linux") {
        format!("(pid {}) listens on", std::process::id())
    } else {
        "listens".into()
    };
    is_problem(&doctor(&["--listen", &address]), "address", &listens, "--listen");

    fs::write(home.path().join("logs"), "a file where a folder is to be").expect("the folder is writable");
    is_problem(&doctor(&[]), "folders", "logs cannot be written", "LOADMASTER_HOME");

    // Even a configuration that ends every other command.
    fs::write(home.path().join("config.toml"), "lisen = 'x'\n").expect("the folder is writable");
    let wrong = doctor(&[]);
    is_problem(&wrong, "configuration", "unknown field `lisen`", "Correct the file");
    assert_eq!(row(&wrong, "processes")["state"], "ok");
}

/// All that `doctor` says, as a user sees it. What differs between machines is left out.
#[cfg(target_os = "linux")]
#[test]
fn what_a_newcomer_sees() {
    let home = empty_folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    std::thread::spawn(move || taken.incoming().for_each(drop));
    let mut command = loadmaster(home.path());
    command.env("PATH", home.path().join("nothing")).args(["doctor", "--listen", &address]);
    let doctor = ended(&mut command);
    assert_eq!((doctor.code, doctor.stderr.as_str()), (Some(1), ""));
    let named =
        doctor.stdout.replace(&home.path().display().to_string(), "HOME").replace(&address, "ADDRESS");
    // Disks, memory, cards and the builds for them are this machine's.
    let ours = ["disk ", "memory ", "gpu", "GPU ", "builds ", "drivers ", "permissions "];
    let mut lines = Vec::new();
    let mut of_machine = false;
    for line in named.lines() {
        let is_help = line.starts_with("         help: ");
        of_machine = if is_help {
            of_machine
        } else {
            line.get(9..).is_some_and(|row| ours.iter().any(|what| row.starts_with(what)))
        };
        if !of_machine {
            lines.push(squeezed(line));
        }
    }
    let program = squeezed(fs::read_to_string("/proc/self/comm").expect("this is a program").trim());
    let expected = format!(
        "ok configuration defaults: there is no HOME/config.toml
ok folders logs, state, builds, sockets can be written
ok processes none was left behind
PROBLEM llama-server none is installed, and none is on PATH
help: Install one: `loadmaster binaries install llama`.
PROBLEM address {program} (pid {}) listens on ADDRESS
help: End it, or take another address with --listen, LOADMASTER_LISTEN or `listen` of the configuration.
there are 2 problems",
        std::process::id()
    );
    let verdict = lines.pop().unwrap_or_default();
    let verdict = verdict.split(", and ").next().unwrap_or_default().to_owned();
    lines.push(verdict);
    assert_eq!(lines.join("\n"), expected);
}

/// A line with one space where there are many.
#[cfg(target_os = "linux")]
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A driver that crashes is a fake; models run on the processor meanwhile.
#[cfg(target_os = "linux")]
#[test]
fn a_note_is_no_problem() {
    let (home, nvml) = (empty_folder(), fake_nvml());
    let mut command = loadmaster(home.path());
    command.envs([NO_VULKAN]).env("LD_LIBRARY_PATH", nvml.path()).env("FAKE_NVML", "segfault");
    command.args(["doctor", "--json", "--listen", "127.0.0.1:0", "--llama-server"]).arg(llama_server());
    let doctor = ended(&mut command);
    let note = row(&doctor, "drivers");
    assert_eq!((&note["state"], doctor.code), (&"note".into(), Some(0)), "{}", doctor.stdout);
    assert_eq!(note["found"], "the NVIDIA driver crashed the probe: SIGSEGV");
    assert!(
        note["remedy"].as_str().is_some_and(|remedy| remedy.contains("reinstall the NVIDIA driver")),
        "{note}"
    );
    let json: Value = serde_json::from_str(&doctor.stdout).expect("it is JSON");
    assert_eq!((&json["ok"], &json["problems"]), (&true.into(), &0.into()));
    let states: Vec<_> =
        json["checks"].as_array().into_iter().flatten().map(|check| &check["state"]).collect();
    let notes = states.iter().filter(|state| **state == "note").count();
    assert_eq!(json["notes"], notes);
    // What is well comes first.
    assert!(states.is_sorted_by_key(|state| *state != "ok"), "{states:?}");
}

#[test]
fn a_daemon_that_serves_is_known() {
    let daemon = Daemon::start(&[]);
    let address = daemon.address().to_owned();
    let mut command = loadmaster(daemon.home());
    command.args(["doctor", "--json", "--listen", &address, "--llama-server"]).arg(llama_server());
    let doctor = ended(&mut command);
    assert_eq!((row(&doctor, "address")["state"].as_str(), doctor.code), (Some("ok"), Some(0)));
    assert!(row(&doctor, "address")["found"].as_str().is_some_and(|text| text.contains("Loadmaster serves")));
}

/// Only on Linux can a server be made to outlive its Loadmaster.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_was_left_behind_is_a_problem_until_the_next_start() {
    let home = empty_folder();
    let survive = "[backends.llama]\nparent_death_signal = false\n";
    fs::write(home.path().join("config.toml"), survive).expect("the folder is writable");
    let daemon = Daemon::start_in(home, &[]);
    ask_for_paris(&daemon);
    let server = daemon.server_pid().expect("the model is loaded");
    let home = daemon.kill();
    let doctor = || {
        let mut command = loadmaster(home.path());
        command.args(["doctor", "--json", "--listen", "127.0.0.1:0", "--llama-server"]).arg(llama_server());
        ended(&mut command)
    };
    is_problem(&doctor(), "processes", &format!("({server})"), "`loadmaster serve` ends servers");
    assert!(runs(server), "to look ends nobody");
    let mut next = loadmaster(home.path());
    ended(next.args(["run", "no-such.gguf", "Hi", "--llama-server"]).arg(llama_server()));
    wait_gone(server);
    assert_eq!(doctor().code, Some(0));
}
