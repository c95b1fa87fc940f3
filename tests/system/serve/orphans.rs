//! Servers whose Loadmaster was killed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant},
};

use reqwest::blocking::Client;
use rustix::process::Signal;
use serde_json::Value;

use super::{
    client::{ask_for_paris, instance},
    process::{runs, send, wait_gone},
};
use crate::support::{Daemon, process};

/// Where Loadmaster writes its children down.
fn journal(home: &Path) -> PathBuf {
    home.join("state").join("children").join("llama")
}

/// The files of the journal.
fn entries(home: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(journal(home)).expect("there is a journal");
    files.map(|file| file.expect("its folder can be listed").path()).collect()
}

/// Serves a model that has answered already.
fn loaded(home: tempfile::TempDir) -> (Daemon, u32) {
    let daemon = Daemon::start_in(home, &[]);
    ask_for_paris(&daemon);
    let pid = daemon.server_pid().expect("the model is loaded");
    assert!(runs(pid));
    (daemon, pid)
}

#[test]
fn no_server_outlives_a_loadmaster_that_was_killed() {
    let (daemon, server) = loaded(tempfile::tempdir().unwrap());
    let killed = Instant::now();
    let home = daemon.kill();
    wait_gone(server);
    println!("kill -9: gone after {:?}", killed.elapsed());
    assert!(killed.elapsed() < Duration::from_secs(2), "gone after {:?}", killed.elapsed());

    let next = Daemon::start_in(home, &[]);
    assert!(entries(next.home()).is_empty(), "what is gone is forgotten");
    ask_for_paris(&next);
}

/// A server that nobody would end if the test failed.
struct EndedWithTheTest(u32);

impl Drop for EndedWithTheTest {
    fn drop(&mut self) {
        if runs(self.0) {
            send(self.0, Signal::KILL);
        }
    }
}

#[test]
fn the_next_start_ends_a_server_that_the_system_let_live() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), "[backends.llama]\nparent_death_signal = false\n").unwrap();
    let (daemon, server) = loaded(home);
    let _ended = EndedWithTheTest(server);
    let endpoint = instance(&daemon)["endpoint"].as_str().unwrap().to_owned();
    let home = daemon.kill();
    // The next one's own server shall not be left when this test ends.
    fs::remove_file(home.path().join("config.toml")).unwrap();

    let orphan = Client::builder().no_proxy().unix_socket(endpoint.strip_prefix("unix:").unwrap()).build();
    let health = orphan.unwrap().get("http://localhost/health").send().expect("the orphan lives on");
    assert!(health.status().is_success());
    assert!(runs(server));

    let started = Instant::now();
    let next = Daemon::start_in(home, &[]);
    // Loadmaster waits for its main thread, the others follow at once.
    wait_gone(server);
    println!("start that reaped an orphan: {:?}", started.elapsed());
    assert!(entries(next.home()).is_empty());
    ask_for_paris(&next);
}

/// A `sleep` that a test owns.
struct Sleep(Child);

impl Sleep {
    fn start(variables: &[(&str, &str)]) -> Self {
        Self(process("sleep").arg("600").envs(variables.iter().copied()).spawn().expect("sleep runs"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// When it started, as the journal writes it: the boot, and the ticks since then (field 22 of proc(5)'s
    /// `stat`).
    fn started(&self) -> String {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it runs");
        let (_, fields) = stat.rsplit_once(')').expect("its name is in parentheses");
        let ticks = fields.split_ascii_whitespace().nth(19).expect("it has 52 fields");
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux tells its boot");
        format!("{}:{ticks}", boot.trim())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // Killed by the program under test, if the test fails.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stranger_with_a_childs_number_is_left_alone() {
    let (daemon, server) = loaded(tempfile::tempdir().unwrap());
    let home = daemon.kill();
    wait_gone(server);
    let [file] = entries(home.path()).try_into().expect("the child is still written down");
    let entry: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let nonce = entry["nonce"].as_str().unwrap();

    // The number alone; the number and the start time; the number and the mark.
    let by_number = Sleep::start(&[]);
    let by_time = Sleep::start(&[]);
    let other_nonce = "0123456789abcdef0123456789abcdef";
    let by_mark = Sleep::start(&[("SUPERVISE_NONCE", other_nonce)]);
    // A process that is all of it, to see that the entries are believed.
    let orphan_nonce = "fedcba9876543210fedcba9876543210";
    let orphan = Sleep::start(&[("SUPERVISE_NONCE", orphan_nonce)]);
    let write = |nonce: &str, pid: u32, start: &str| {
        let mut changed = entry.clone();
        changed["nonce"] = nonce.into();
        changed["child"]["pid"] = pid.into();
        changed["child"]["start"] = start.into();
        fs::write(journal(home.path()).join(format!("{nonce}.json")), changed.to_string()).unwrap();
    };
    let dead = entry["child"]["start"].as_str().unwrap();
    write(nonce, by_number.pid(), dead);
    write("00000000000000000000000000000000", by_time.pid(), &by_time.started());
    write(other_nonce, by_mark.pid(), dead);
    write(orphan_nonce, orphan.pid(), &orphan.started());

    let next = Daemon::start_in(home, &[]);
    assert!(entries(next.home()).is_empty(), "every entry is dealt with");
    assert!(!runs(orphan.pid()), "this one was ours");
    for stranger in [&by_number, &by_time, &by_mark] {
        assert!(runs(stranger.pid()));
    }
}

#[test]
fn a_journal_that_cannot_be_read_keeps_nobody_from_starting() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(journal(home.path())).unwrap();
    fs::write(journal(home.path()).join("0123456789abcdef0123456789abcdef.json"), "{ torn").unwrap();
    let (daemon, server) = loaded(home);
    assert_eq!(entries(daemon.home()).len(), 1, "the torn entry is gone, the new child's is there");
    send(server, Signal::TERM);
    wait_gone(server);
}
