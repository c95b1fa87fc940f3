//! A download from the first request to the file in its place, unless the file changes on the way.

use std::{
    ops::{Range, RangeInclusive},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Url;
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::MissedTickBehavior,
};

use super::{
    Downloaded, Expected, How,
    board::Board,
    connection::{Answer, Connection, End, Shared, UNKNOWN},
    disk::{self, Block, Threads},
    first,
    journal::Journal,
    lock::Lock,
    part::{Part, Paths},
    pieces::Pieces,
    reporter::Reporter,
    width::Width,
};
use crate::{
    client::Client,
    error::{FetchError, of_disk},
    file::RemoteFile,
    progress::{Phase, StartedOver},
    ranges::Ranges,
    retry::{self, Tries},
    sha256::Sha256Hash,
};

/// How often it is looked how far the download is.
const TICK: Duration = Duration::from_millis(100);

/// What every attempt begins with.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) client: Client,
    pub(crate) url: Url,
    pub(crate) expected: Expected,
    pub(crate) connections: RangeInclusive<usize>,
    pub(crate) retries: u32,
    pub(crate) paths: Paths,
    pub(crate) lock: Arc<Lock>,
}

/// What is known once the first answer is there.
struct Begun {
    file: RemoteFile,
    /// The answer, and what it is good for; nothing if all is there already.
    first: Option<(Range<u64>, Answer)>,
    length: Option<u64>,
    done: Ranges,
}

impl Attempt {
    pub(crate) async fn run(&self, reporter: &mut Reporter) -> Result<Downloaded, FetchError> {
        reporter.phase(Phase::Connecting);
        let begun = self.begin(reporter).await?;
        let resumed = begun.done.count();
        let journal = begun.length.map(|length| Journal {
            url: begun.file.url(),
            length,
            version: begun.file.version().clone(),
            done: begun.done.clone(),
        });
        let part = self.part(begun.length).await?;
        let board = Arc::new(Board::new(begun.done.clone(), begun.length));
        let (blocks, threads) = disk::start(&part, &board, journal)?;
        reporter.begins(begun.length, resumed);
        let received = self.receive(begun, blocks, &board, reporter).await;
        let hash = finish(threads, &board, reporter, received).await?;
        let length = board.counts().0;
        self.check(length, hash)?;
        blocking(&part, Part::publish).await?;
        Ok(Downloaded {
            path: self.paths.target.clone(),
            length,
            sha256: hash,
            how: How::Downloaded { resumed },
        })
    }

    /// Asks for the file, and decides what can be used of what an earlier try has left.
    async fn begin(&self, reporter: &Reporter) -> Result<Begun, FetchError> {
        let mut kept = self.paths.kept();
        if kept.as_ref().is_some_and(|kept| !first::can_be_proven(kept, self.expected)) {
            reporter.started_over(StartedOver::NoProof);
            kept = None;
        }
        let wanted = first::wanted(kept.as_ref(), self.expected);
        let (file, answer) = self.ask(&wanted, first::condition(kept.as_ref()), reporter).await?;
        let length = first::length(&file, &answer, self.expected)?;
        let Some(kept) = kept else {
            self.paths.clear()?;
            return Ok(begun(file, answer, wanted, length, Ranges::default()));
        };
        let objection =
            first::objection(&kept, &file.url(), file.version(), answer.served, length, self.expected);
        let Some(why) = objection else {
            return Ok(begun(file, answer, wanted, length, kept.done));
        };
        reporter.started_over(why);
        self.paths.clear()?;
        if answer.served.first == 0 && answer.served.end != Some(0) {
            let end = answer.served.end.unwrap_or(FIRST_END);
            return Ok(begun(file, answer, 0..end, length, Ranges::default()));
        }
        let wanted = first::wanted(None, self.expected);
        let (file, answer) = self.ask(&wanted, None, reporter).await?;
        let length = first::length(&file, &answer, self.expected)?;
        Ok(begun(file, answer, wanted, length, Ranges::default()))
    }

    /// Asks for a range, again and again while that is worth it.
    async fn ask(
        &self,
        range: &Range<u64>,
        version: Option<&str>,
        reporter: &Reporter,
    ) -> Result<(RemoteFile, Answer), FetchError> {
        let mut tries = Tries::new(self.retries);
        loop {
            let mut file = RemoteFile::unknown(&self.client, self.url.clone());
            match file.request_once(range, version).await {
                Ok((response, served)) => return Ok((file, Answer { response, served })),
                Err(error) => {
                    let Some(pause) = tries.after(&error) else { return Err(error) };
                    reporter.retrying(pause, error);
                    tokio::time::sleep(pause).await;
                    reporter.phase(Phase::Connecting);
                }
            }
        }
    }

    /// The part, with room for the file.
    async fn part(&self, length: Option<u64>) -> Result<Arc<Part>, FetchError> {
        let (paths, lock) = (self.paths.clone(), self.lock.clone());
        let open = move || {
            let part = Part::open(&paths, &lock)?;
            let room = part.reserve(length.unwrap_or(0));
            if room.is_err() && paths.kept().is_none() {
                paths.clear()?;
            }
            room.map(|()| Arc::new(part))
        };
        in_background(&self.paths, open).await
    }

    /// Lets connections fetch what is missing.
    async fn receive(
        &self,
        begun: Begun,
        blocks: mpsc::Sender<Block>,
        board: &Arc<Board>,
        reporter: &mut Reporter,
    ) -> Result<(), FetchError> {
        let Begun { file, first, length, done } = begun;
        let Some((piece, answer)) = first else { return Ok(()) };
        let start = Instant::now();
        let mut width = Width::new(&if file.has_ranges() { self.connections.clone() } else { 1..=1 });
        let mut pieces = Pieces::new(length.unwrap_or(UNKNOWN), &done);
        pieces.take(piece.clone());
        let shared = Arc::new(Shared::new(pieces, blocks, self.retries, width.now()));
        let mut connections = JoinSet::new();
        shared.join_first();
        connections.spawn(Connection::new(&shared, &file).run(Some((piece, answer))));
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while shared.join(width.now()) {
                connections.spawn(Connection::new(&shared, &file).run(None));
            }
            tokio::select! {
                ended = connections.join_next() => {
                    let Some(ended) = ended else { return Ok(()) };
                    let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                    match ended? {
                        End::NothingLeft => {}
                        End::FileEnds(at) => board.ends_at(at),
                        End::Stopped => return Ok(()),
                        End::Lost(cause) => {
                            let pause = retry::wish(&cause).unwrap_or_default();
                            width.lost(start.elapsed(), board.counts().0, shared.look().0, pause);
                        }
                    }
                }
                () = board.failed.notified() => return Ok(()),
                _ = tick.tick() => {
                    width.watch(start.elapsed(), board.counts().0);
                    let (active, trouble) = shared.look();
                    let phase = trouble
                        .map_or(Phase::Downloading, |(pause, cause)| Phase::Retrying { pause, cause });
                    reporter.look(board, active, phase);
                }
            }
        }
    }

    /// Compares what came with what was expected.
    fn check(&self, length: u64, actual: Sha256Hash) -> Result<(), FetchError> {
        let url = || crate::credential::shown(&self.url);
        let wrong = match self.expected {
            Expected { size: Some(expected), .. } if expected != length => {
                FetchError::WrongSize { url: url(), expected, actual: length }
            }
            Expected { sha256: Some(expected), .. } if expected != actual => {
                FetchError::WrongHash { url: url(), expected, actual }
            }
            _ => return Ok(()),
        };
        self.paths.clear()?;
        Err(wrong)
    }
}

/// Where a first answer ends that does not say it.
const FIRST_END: u64 = UNKNOWN;

/// What the first answer is good for.
fn begun(file: RemoteFile, answer: Answer, wanted: Range<u64>, length: Option<u64>, done: Ranges) -> Begun {
    let whole = length.unwrap_or(UNKNOWN);
    let piece = if answer.served.ranges {
        wanted.start..wanted.end.min(whole).min(answer.served.end.unwrap_or(wanted.end))
    } else {
        // It sends all there is.
        0..whole
    };
    let missing = length.is_none_or(|length| done.missing(length) > 0);
    let first = (missing && !piece.is_empty()).then_some((piece, answer));
    Begun { file, first, length, done }
}

/// Waits until all is hashed and synced, and the threads have ended. The hash, or what went wrong: on the disk
/// first.
async fn finish(
    mut threads: Threads,
    board: &Board,
    reporter: &mut Reporter,
    received: Result<(), FetchError>,
) -> Result<Sha256Hash, FetchError> {
    let synced = (&mut threads.synced).await;
    debug_assert!(synced.is_ok(), "the thread says when it ends");
    let hash = loop {
        if received.is_err() || board.failure().is_some() {
            break None;
        }
        reporter.look(board, 0, Phase::Verifying);
        if let Ok(hash) = tokio::time::timeout(TICK, &mut threads.hash).await {
            break Some(hash);
        }
    };
    // None of them has the lock any more when this download is said to have ended.
    let none = threads.ended.recv().await;
    debug_assert!(none.is_none(), "nothing is ever sent");
    match (board.failure(), received, hash) {
        (Some(failure), ..) | (None, Err(failure), _) => Err(failure),
        (None, Ok(()), Some(Ok(hash))) => Ok(hash),
        (None, Ok(()), _) => Err(unhashed()),
    }
}

/// Without a hash and without a failure, the file is not whole: a fault of ours.
fn unhashed() -> FetchError {
    let cause = "not all of it was written".to_owned();
    FetchError::Disk { path: "the part".into(), doing: "hashed", cause }
}

/// Does something with the part that may take its time.
async fn blocking(
    part: &Arc<Part>,
    work: impl FnOnce(&Part) -> Result<(), FetchError> + Send + 'static,
) -> Result<(), FetchError> {
    let paths = part.paths.clone();
    let part = part.clone();
    in_background(&paths, move || work(&part)).await
}

pub(super) async fn in_background<T: Send + 'static>(
    paths: &Paths,
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // The runtime is shutting down.
        Err(ended) => Err(of_disk(&paths.part, "written", &std::io::Error::other(ended))),
    }
}
