//! Folders and their disks, the address to listen on, and processes that were left behind.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::TcpListener,
    path::{Path, PathBuf},
};

use loadmaster_core::Bytes;
use loadmaster_supervise::{Journal, Orphan};
use reqwest::Method;

use super::{Check, listener};
use crate::{Failed, config::Config, daemon};

/// Less free disk space than this holds no build and no model.
const LITTLE: u64 = 1 << 30;

/// The folders that are written to, and what lies in them.
fn all(config: &Config) -> [(&'static str, &Path); 4] {
    let folders = &config.folders;
    [
        ("logs", &folders.logs),
        ("state", &folders.state),
        ("builds", &folders.builds),
        ("sockets", &folders.runtime),
    ]
}

/// Whether each folder can be written to, or made.
pub(super) fn folders(config: &Config) -> Vec<Check> {
    let checked = all(config).into_iter().map(|(what, folder)| (what, folder, usable(folder)));
    let (good, bad): (Vec<_>, Vec<_>) = checked.partition(|(.., usable)| usable.is_ok());
    let mut checks: Vec<Check> = Vec::new();
    if !good.is_empty() {
        let names: Vec<&str> = good.iter().map(|(what, ..)| *what).collect();
        checks.push(Check::ok("folders", format!("{} can be written", names.join(", "))));
    }
    for (what, folder, usable) in bad {
        let cause = usable.err().unwrap_or_default();
        let found = format!("{what} cannot be written to {}: {cause}", folder.display());
        checks.push(Check::problem(
            "folders",
            found,
            "Make the folder yours, or name another place with LOADMASTER_HOME.",
        ));
    }
    checks
}

/// Tries to write: what permissions say is not all there is to it.
fn usable(folder: &Path) -> Result<(), String> {
    let there = existing(folder);
    tempfile::tempfile_in(&there).map(drop).map_err(|error| match error.kind() {
        ErrorKind::NotADirectory => format!("{} is no folder", there.display()),
        _ => error.to_string(),
    })
}

/// The folder, or the nearest one above it that is there.
fn existing(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder).to_owned()
}

/// What is free on the disks of the folders, each disk once as far as what is free tells them apart.
pub(super) fn disks(config: &Config) -> Vec<Check> {
    let mut disks: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (what, folder) in all(config) {
        if let Ok(free) = fs4::available_space(existing(folder)) {
            disks.entry(free).or_default().push(what);
        }
    }
    disks.into_iter().map(|(free, what)| disk(&what.join(", "), free)).collect()
}

fn disk(what: &str, free: u64) -> Check {
    let found = format!("{} free for {what}", Bytes(free));
    // Sockets take no room.
    if free < LITTLE && what != "sockets" {
        let remedy = "Make room (`loadmaster binaries prune` removes old builds), or name another place with \
                      LOADMASTER_HOME.";
        return Check::problem("disk", found, remedy);
    }
    Check::ok("disk", found)
}

/// Whether the address to listen on is free, or whose it is.
pub(super) async fn address(config: &Config) -> Check {
    let address = config.listen;
    match TcpListener::bind(address) {
        Ok(_) => Check::ok("address", format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            match daemon::ask(config, Method::GET, "/api/v1/instances").await {
                Ok(body) if serde_json::from_str::<serde_json::Value>(&body).is_ok() => {
                    Check::ok("address", format!("Loadmaster serves at {address}"))
                }
                _ => {
                    let listener = listener::on(address);
                    let found = format!("{} listens on {address}", listener.name());
                    Check::problem("address", found, listener.remedy())
                }
            }
        }
        Err(error) => Check::problem(
            "address",
            format!("{address} cannot be listened on: {error}"),
            "Name an address of this machine with --listen.",
        ),
    }
}

/// Servers whose Loadmaster was killed.
pub(super) fn orphans(config: &Config) -> Check {
    match find_orphans(&config.folders.state.join("children")) {
        Err(failed) => Check::failed("processes", &failed),
        Ok(orphans) if orphans.is_empty() => Check::ok("processes", "none was left behind"),
        Ok(orphans) => {
            let one = |orphan: &Orphan| {
                let pids: Vec<String> = orphan.pids.iter().map(ToString::to_string).collect();
                format!("{} ({})", orphan.program.display(), pids.join(", "))
            };
            let found = orphans.iter().map(one).collect::<Vec<_>>().join(", ");
            Check::problem(
                "processes",
                format!("left behind by a program that was killed: {found}"),
                "The next `loadmaster run` or `loadmaster serve` ends servers, `loadmaster binaries list` installations.",
            )
        }
    }
}

/// Those of all journals, one for each who starts processes.
fn find_orphans(children: &Path) -> Result<Vec<Orphan>, Failed> {
    let Ok(journals) = std::fs::read_dir(children) else { return Ok(Vec::new()) };
    let mut orphans = Vec::new();
    for folder in journals.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let found = Journal::open(&folder).and_then(|journal| journal.orphans());
        orphans.extend(found.map_err(|error| {
            Failed::because(error.to_string()).remedy("Make the folder yours, or name another place.")
        })?);
    }
    Ok(orphans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn a_folder_that_is_not_there_is_looked_for_above() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b/c");
        assert_eq!(existing(&inside), folder.path());
        assert_eq!(usable(&inside), Ok(()));
        std::fs::write(folder.path().join("a"), "a file").unwrap();
        assert!(usable(&inside).is_err());
    }

    #[test]
    fn a_full_disk_is_a_problem_unless_only_sockets_lie_there() {
        assert_eq!(disk("logs", LITTLE - 1).state, State::Problem);
        assert_eq!(disk("sockets", 0).state, State::Ok);
        assert_eq!(disk("logs", LITTLE).state, State::Ok);
    }
}
