//! A file from a server to a folder.

mod attempt;
mod board;
mod connection;
mod disk;
mod first;
mod journal;
mod lock;
#[cfg_attr(unix, path = "os_unix.rs")]
#[cfg_attr(windows, path = "os_windows.rs")]
mod os;
mod part;
mod pieces;
mod reporter;
pub(crate) mod room;
mod start;
mod turn;
mod width;

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use reqwest::Url;
use tokio::sync::watch;

use self::{attempt::Attempt, part::Paths, reporter::Reporter, start::Start};
use crate::{
    client::Client,
    credential::parse,
    error::FetchError,
    file::RemoteFile,
    progress::{Phase, Progress, StartedOver},
    sha256::Sha256Hash,
};

/// How often a download is begun anew because the file on the server changed.
const MOST_CHANGES: u32 = 3;

/// Tries without success, after the first, before a download is given up: some two minutes in all.
const RETRIES: u32 = 8;

/// A file that is to be downloaded.
///
/// Dropping the future of [`Download::run`] stops it at any byte. What came stays beside the target, as
/// `NAME.part` and `NAME.part.journal`, and the next download to that target goes on from there.
#[derive(Debug)]
pub struct Download {
    client: Client,
    url: Url,
    target: PathBuf,
    expected: Expected,
    connections: RangeInclusive<usize>,
    retries: u32,
    start: Option<Start>,
    progress: watch::Sender<Progress>,
}

/// What a file must be.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    size: Option<u64>,
    sha256: Option<Sha256Hash>,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Where.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub sha256: Sha256Hash,
    /// How it came there.
    pub how: How,
}

/// How a file came to be where it was to be downloaded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// It was downloaded.
    Downloaded {
        /// How many bytes of it an earlier try had left.
        resumed: u64,
    },
    /// It was there, with the SHA-256 that was expected.
    WasThere,
    /// Another download to the same target, of this process or of another, was under way and brought it.
    ByAnother,
}

impl Download {
    /// A download of what is at `url` to the file `target`, whose folder must exist. A file that is there is
    /// replaced in the end, unless it has the SHA-256 that is expected: then nothing is downloaded.
    pub fn new(client: &Client, url: &str, target: impl Into<PathBuf>) -> Result<Self, FetchError> {
        Ok(Self {
            client: client.clone(),
            url: parse(url)?,
            target: target.into(),
            expected: Expected::default(),
            connections: 4..=8,
            retries: RETRIES,
            start: None,
            progress: watch::Sender::default(),
        })
    }

    /// The length in bytes that the file must have.
    #[must_use]
    pub fn expect_size(mut self, bytes: u64) -> Self {
        self.expected.size = Some(bytes);
        self
    }

    /// The SHA-256 that the file must have.
    #[must_use]
    pub fn expect_sha256(mut self, hash: Sha256Hash) -> Self {
        self.expected.sha256 = Some(hash);
        self
    }

    /// How many connections there are at first, and at most; 4 and 8 unless this says otherwise. Their
    /// number grows while that makes the download faster and shrinks when the server refuses some. Servers
    /// without ranges and files under 4 MiB get one.
    #[must_use]
    pub fn connections(mut self, allowed: RangeInclusive<usize>) -> Self {
        self.connections = allowed;
        self
    }

    /// How often a request is made again while nothing comes; 8 times unless this says otherwise, with
    /// pauses of 0.5 to 30 seconds. What is not worth another try (404, 401, ...) gets none.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The first bytes of the file, which were read as `file`: they are not fetched again, unless an earlier try
    /// has left more or the file has changed since.
    #[must_use]
    pub fn known_start(mut self, file: &RemoteFile, bytes: Bytes) -> Self {
        self.start = Start::of(file, bytes);
        self
    }

    /// How far it is, from now on: the latest of it, some ten times a second.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The file it is for.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The length that is expected, if that is known.
    pub(crate) fn expected_size(&self) -> Option<u64> {
        self.expected.size
    }

    /// Downloads it. The target is there when this succeeds, whole, as expected and on the disk, and is not
    /// touched before.
    pub async fn run(self) -> Result<Downloaded, FetchError> {
        let Self { client, url, target, expected, connections, retries, start, progress } = self;
        let mut reporter = Reporter::new(progress);
        let paths = Paths::of(&target)?;
        let before = turn::stamp(&paths.target)?;
        let (lock, waited) = turn::take(&paths, &mut reporter).await?;
        let by_another = waited && turn::stamp(&paths.target)? != before;
        if let Some(there) = turn::there(&paths, expected, by_another, &reporter).await? {
            reporter.phase(Phase::Done);
            return Ok(there);
        }
        if let Some(start) = start {
            let (paths, lock) = (paths.clone(), lock.clone());
            attempt::in_background(&paths.clone(), move || start.leave(&paths, &lock)).await?;
        }
        let attempt = Attempt { client, url, expected, connections, retries, paths, lock };
        let mut changes = 0;
        let mut wrong = false;
        loop {
            match attempt.run(&mut reporter).await {
                // What is left of the other version is noticed when it is to be gone on with.
                Err(FetchError::Changed { .. }) if changes < MOST_CHANGES => {
                    changes += 1;
                    reporter.started_over(StartedOver::Changed);
                }
                // Perhaps what an earlier try had left was wrong.
                Err(FetchError::WrongHash { .. }) if !wrong && reporter.has_resumed() => {
                    wrong = true;
                    reporter.started_over(StartedOver::WrongHash);
                }
                other => {
                    let downloaded = other?;
                    reporter.phase(Phase::Done);
                    return Ok(downloaded);
                }
            }
        }
    }

    /// Bytes that a download to `target` which has not ended, of this process or of another, has put on the disk.
    pub fn kept(target: &Path) -> u64 {
        let kept = Paths::of(target).ok().and_then(|paths| paths.kept());
        kept.map_or(0, |journal| journal.done.count())
    }

    /// Removes what a download to `target` that did not end has left beside it, unless one is under way.
    pub fn discard(target: &Path) -> Result<(), FetchError> {
        let paths = Paths::of(target)?;
        match lock::Lock::try_take(&paths.lock)? {
            Some(_lock) => paths.clear(),
            None => Ok(()),
        }
    }
}
