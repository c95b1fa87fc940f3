//! Checking files on the disk, as many at once as there are cores.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
};

use crate::{
    error::{FetchError, of_disk},
    progress::{Phase, Progress, Speed},
    sha256::{Sha256Hash, sha256_while},
};

/// How often it is told how far it is.
const TICK: Duration = Duration::from_millis(100);

/// Files that are to be compared with their hashes.
///
/// As many are hashed at once as there are cores. Hyper-threads of one core share its instructions
/// for SHA-256: two files then take little less time than one after the other.
///
/// Dropping the future of [`Verification::run`] stops it.
#[derive(Debug)]
pub struct Verification {
    files: Vec<(PathBuf, Sha256Hash)>,
    progress: watch::Sender<Progress>,
}

impl Verification {
    /// A verification of these files, each with the SHA-256 that it must have.
    pub fn new(files: Vec<(PathBuf, Sha256Hash)>) -> Self {
        Self { files, progress: watch::Sender::default() }
    }

    /// How far it is, over all files: [`Progress::hashed`] of [`Progress::total`] bytes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Reads and hashes all of them, the largest first. What was found for each, in their order:
    /// [`FetchError::Damaged`] where the hash is another, [`FetchError::Disk`] where it cannot be read.
    pub async fn run(self) -> Vec<Result<(), FetchError>> {
        let Self { files, progress } = self;
        let sizes: Vec<u64> =
            files.iter().map(|(path, _)| path.metadata().map_or(0, |file| file.len())).collect();
        let total: u64 = sizes.iter().sum();
        let mut order: Vec<usize> = (0..files.len()).collect();
        // The next one is taken from the end.
        order.sort_by_key(|index| sizes.get(*index).copied());
        let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len());
        let work = Arc::new(Work { files, order: Mutex::new(order), counter: Counter::default() });
        let _stop = StopOnDrop(work.clone());
        let mut running = JoinSet::new();
        for _ in 0..threads {
            let work = work.clone();
            running.spawn_blocking(move || work.run());
        }
        let mut found: Vec<Result<(), FetchError>> = work.files.iter().map(|_| Ok(())).collect();
        let mut speed = Speed::new(Instant::now(), 0);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                ended = running.join_next() => {
                    let Some(ended) = ended else { break };
                    let outcomes = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                    for (index, outcome) in outcomes {
                        found[index] = outcome;
                    }
                }
                _ = tick.tick() => {}
            }
            let hashed = work.counter.hashed.load(Ordering::Relaxed);
            speed.watch(Instant::now(), hashed);
            progress.send_replace(Progress {
                phase: Phase::Verifying,
                received: total,
                hashed,
                total: Some(total),
                speed: speed.now(),
                remaining: speed.time_for(total.saturating_sub(hashed)),
                ..Progress::default()
            });
        }
        progress.send_modify(|progress| progress.phase = Phase::Done);
        found
    }
}

/// How much was hashed, and whether to go on.
#[derive(Debug, Default)]
struct Counter {
    hashed: AtomicU64,
    stopped: AtomicBool,
}

impl Counter {
    /// The SHA-256 of `path`; nothing if it was stopped.
    fn hash(&self, path: &Path) -> io::Result<Option<Sha256Hash>> {
        sha256_while(path, |count| {
            self.hashed.fetch_add(count as u64, Ordering::Relaxed);
            !self.stopped.load(Ordering::Relaxed)
        })
    }
}

#[derive(Debug)]
struct Work {
    files: Vec<(PathBuf, Sha256Hash)>,
    /// Indices of the files that nobody has begun, the next one last.
    order: Mutex<Vec<usize>>,
    counter: Counter,
}

impl Work {
    /// The next file to hash. The lock is given back here: in the head of a loop it would be held over its body,
    /// and one file would be hashed at a time.
    fn next(&self) -> Option<usize> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Hashes file after file; what was found, by index.
    fn run(&self) -> Vec<(usize, Result<(), FetchError>)> {
        let mut found = Vec::new();
        while let Some(index) = self.next() {
            let Some((path, expected)) = self.files.get(index) else { continue };
            let outcome = match self.counter.hash(path) {
                Ok(None) => break,
                Ok(Some(actual)) if actual == *expected => Ok(()),
                Ok(Some(actual)) => {
                    Err(FetchError::Damaged { path: path.clone(), expected: *expected, actual })
                }
                Err(error) => Err(of_disk(path, "read", &error)),
            };
            found.push((index, outcome));
        }
        found
    }
}

struct StopOnDrop(Arc<Work>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.counter.stopped.store(true, Ordering::Relaxed);
    }
}

/// The SHA-256 of one file; `report` hears how many bytes are hashed. Stops when it is dropped.
pub(crate) async fn hash_with(path: &Path, report: impl Fn(u64)) -> Result<Sha256Hash, FetchError> {
    let work = Arc::new(Work { files: vec![], order: Mutex::default(), counter: Counter::default() });
    let stop = StopOnDrop(work.clone());
    let file = path.to_owned();
    let mut hashing = spawn_blocking(move || work.counter.hash(&file));
    loop {
        report(stop.0.counter.hashed.load(Ordering::Relaxed));
        let Ok(ended) = tokio::time::timeout(TICK, &mut hashing).await else { continue };
        let hash = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let hash = hash.map_err(|error| of_disk(path, "read", &error))?;
        return hash.ok_or_else(|| of_disk(path, "read", &io::ErrorKind::Interrupted.into()));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs::OpenOptions, sync::mpsc};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    /// Pipes, because whoever opens one waits for somebody who reads it: both are read at once, or this waits for ever.
    #[test]
    fn two_files_are_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipes = ["a", "b"].map(|name| folder.path().join(name));
        for pipe in &pipes {
            mknodat(CWD, pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        }
        let nothing: Sha256Hash =
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
        let files = pipes.iter().map(|pipe| (pipe.clone(), nothing)).collect();
        let work = Arc::new(Work { files, order: Mutex::new(vec![0, 1]), counter: Counter::default() });
        let (found, all_found) = mpsc::channel();
        for _ in 0..2 {
            let (work, found) = (work.clone(), found.clone());
            thread::spawn(move || found.send(work.run()));
        }
        thread::spawn(move || pipes.map(|pipe| OpenOptions::new().write(true).open(pipe)));
        for _ in 0..2 {
            let outcomes = all_found.recv_timeout(Duration::from_secs(30)).expect("both are read");
            assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
        }
    }
}
