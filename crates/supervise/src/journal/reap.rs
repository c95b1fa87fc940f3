//! Ending the children of owners that are gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::SuperviseError;
use crate::group;
use crate::identity;
use crate::journal::entry::{EXTENSION, Entry, UNFINISHED};
use crate::journal::failed;
use crate::nonce::NONCE_VARIABLE;

/// How long a killed orphan may take to go.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(20);
/// How long a process that is replacing itself by another program may seem to have no environment.
const EXEC: Duration = Duration::from_millis(100);
/// An unfinished entry this old was left by a program that died writing it.
const ABANDONED: Duration = Duration::from_mins(1);

/// What became of one entry of the journal whose owner is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaped {
    /// The entry's file.
    pub file: PathBuf,
    /// The program that was started; `None` if the entry is damaged.
    pub program: Option<PathBuf>,
    /// The child's number; `None` if the owner died while starting it, or the entry is damaged.
    pub pid: Option<u32>,
    /// What was found and done.
    pub outcome: Outcome,
}

/// A child that outlived the program that had started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The program that was started.
    pub program: PathBuf,
    /// What still runs of it, by its numbers: the child, and what it started itself.
    pub pids: Vec<u32>,
}

/// What was found and done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It still ran, and was ended with this many processes in all.
    Killed {
        /// The child and the grandchildren that were seen.
        processes: usize,
    },
    /// It had ended already.
    Gone,
    /// Its number now belongs to somebody else, who was left alone.
    Stranger,
    /// It was killed, but has not gone within two seconds; the entry is kept for the next start.
    Survived,
    /// The entry cannot be read, for this reason; it was removed.
    Damaged {
        /// Why.
        reason: String,
    },
}

/// Goes through all entries of the folder.
pub(crate) fn all(folder: &Path) -> Result<Vec<Reaped>, SuperviseError> {
    let mut reaped = Vec::new();
    for file in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = file.map_err(|source| failed(folder, source))?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(EXTENSION) => reaped.extend(one(path)),
            Some(UNFINISHED) => sweep(&path),
            _ => {}
        }
    }
    Ok(reaped)
}

/// Looks for orphans that still run. What cannot be read is none.
pub(crate) fn look(folder: &Path) -> Result<Vec<Orphan>, SuperviseError> {
    let mut orphans = Vec::new();
    for file in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = file.map_err(|source| failed(folder, source))?.path();
        if path.extension().and_then(|extension| extension.to_str()) != Some(EXTENSION) {
            continue;
        }
        let Ok(entry) = Entry::read(&path) else { continue };
        if identity::lives(entry.owner.pid, &entry.owner.start) {
            continue;
        }
        let pids = ours(&entry);
        if !pids.is_empty() {
            orphans.push(Orphan { program: entry.program, pids });
        }
    }
    Ok(orphans)
}

/// Ends the orphan of one entry; `None` if its owner still runs, or the entry has just gone.
fn one(file: PathBuf) -> Option<Reaped> {
    let entry = match Entry::read(&file) {
        Ok(entry) => entry,
        // Its owner has reaped the child in this moment.
        Err(_) if !file.exists() => return None,
        Err(reason) => {
            remove(&file);
            return Some(Reaped { file, program: None, pid: None, outcome: Outcome::Damaged { reason } });
        }
    };
    if identity::lives(entry.owner.pid, &entry.owner.start) {
        return None;
    }
    let outcome = end(&entry);
    if outcome != Outcome::Survived {
        remove(&file);
    }
    Some(Reaped { file, program: Some(entry.program), pid: entry.child.map(|child| child.pid), outcome })
}

/// Kills what carries the entry's mark until nothing does.
fn end(entry: &Entry) -> Outcome {
    let begun = Instant::now();
    let deadline = begun + PATIENCE;
    let settled = begun + EXEC;
    let mut seen: Vec<u32> = Vec::new();
    loop {
        let carriers = ours(entry);
        let now = Instant::now();
        if carriers.is_empty() {
            if now < settled && is_known(entry) {
                std::thread::sleep(EVERY);
                continue;
            }
            break;
        }
        if now > deadline {
            return Outcome::Survived;
        }
        if let Some(child) = &entry.child
            && carriers.contains(&child.pid)
        {
            group::kill_group(child.pid);
        }
        for pid in carriers {
            group::kill_one(pid);
            if !seen.contains(&pid) {
                seen.push(pid);
            }
        }
        std::thread::sleep(EVERY);
    }
    let stranger =
        entry.child.as_ref().and_then(|child| identity::look(child.pid)).is_some_and(|seen| !seen.ended);
    match seen.len() {
        0 if stranger => Outcome::Stranger,
        0 => Outcome::Gone,
        processes => Outcome::Killed { processes },
    }
}

/// Whether the child's number and start time are those written down.
fn is_known(entry: &Entry) -> bool {
    let child = entry.child.as_ref();
    child.is_some_and(|child| identity::lives(child.pid, &child.start))
}

/// The living processes that carry the mark: the child, which must also have started when it is
/// written that it did, and what it started itself.
fn ours(entry: &Entry) -> Vec<u32> {
    let mut carriers = identity::carriers(NONCE_VARIABLE, &entry.nonce);
    if let Some(child) = &entry.child {
        carriers.retain(|pid| *pid != child.pid || identity::lives(child.pid, &child.start));
    }
    carriers
}

fn sweep(unfinished: &Path) {
    let age = fs::metadata(unfinished)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|modified| modified.elapsed().ok());
    if age.is_some_and(|age| age > ABANDONED) {
        remove(unfinished);
    }
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        let file = file.display();
        tracing::warn!(%file, %error, "cannot remove an entry of the journal of children");
    }
}
