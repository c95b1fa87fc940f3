//! One of the connections that share a download.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::Response;
use tokio::sync::mpsc;

use super::{
    disk::Block,
    pieces::{FIRST, Pace, Pieces},
};
use crate::{
    error::FetchError,
    file::RemoteFile,
    retry::{self, Tries},
    served::Served,
};

/// The end of a piece of a file whose length is not known.
pub(crate) const UNKNOWN: u64 = u64::MAX;

/// An answer whose body has not been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) served: Served,
}

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    work: Mutex<Work>,
    blocks: mpsc::Sender<Block>,
    /// Tries without success that are made, after the first.
    retries: u32,
}

#[derive(Debug)]
struct Work {
    pieces: Pieces,
    /// Connections that there are.
    active: usize,
    /// How many share what is left.
    width: usize,
    /// What the last connection waits for.
    trouble: Option<(Duration, FetchError)>,
}

/// How a connection ended that did not fail.
#[derive(Debug)]
pub(crate) enum End {
    /// Nothing is left to be asked for.
    NothingLeft,
    /// The file, whose length was not known, ended here.
    FileEnds(u64),
    /// It broke, and others do what it left.
    Lost(FetchError),
    /// Nobody writes any more.
    Stopped,
}

impl Shared {
    pub(crate) fn new(pieces: Pieces, blocks: mpsc::Sender<Block>, retries: u32, width: usize) -> Self {
        Self { work: Mutex::new(Work { pieces, active: 0, width, trouble: None }), blocks, retries }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection in, if there is work for it and fewer than `width`.
    pub(crate) fn join(&self, width: usize) -> bool {
        let mut work = self.work();
        work.width = width;
        let joins = work.active < width && work.pieces.free() > 0;
        work.active += usize::from(joins);
        joins
    }

    /// Counts in the connection that has the first answer.
    pub(crate) fn join_first(&self) {
        self.work().active += 1;
    }

    /// How many connections there are, and what the last one waits for.
    pub(crate) fn look(&self) -> (usize, Option<(Duration, FetchError)>) {
        let work = self.work();
        (work.active, work.trouble.clone())
    }

    fn claim(&self, pace: Pace) -> Option<Range<u64>> {
        let mut work = self.work();
        let width = work.width;
        let piece = work.pieces.claim(width, pace);
        work.active -= usize::from(piece.is_none());
        piece
    }

    /// Leaves `rest` to the others, if there are any.
    fn leave_to_others(&self, rest: &Range<u64>) -> bool {
        let mut work = self.work();
        if work.active <= 1 {
            return false;
        }
        work.active -= 1;
        work.pieces.give_back(rest);
        true
    }

    fn note_trouble(&self, trouble: Option<(Duration, FetchError)>) {
        self.work().trouble = trouble;
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    file: RemoteFile,
    tries: Tries,
    pace: Pace,
    /// Whether ranges were heeded when the download began.
    ranges: bool,
}

/// How one answer ended.
enum Passed {
    /// Where it was to end, or before.
    Served,
    FileEnds,
    Stopped,
}

impl Connection {
    pub(crate) fn new(shared: &Arc<Shared>, file: &RemoteFile) -> Self {
        let (shared, file) = (shared.clone(), file.clone());
        let (tries, pace) = (Tries::new(shared.retries), Pace::default());
        Self { tries, pace, ranges: file.has_ranges(), shared, file }
    }

    /// Fetches `first`, for which there is an answer, and then piece after piece.
    pub(crate) async fn run(mut self, first: Option<(Range<u64>, Answer)>) -> Result<End, FetchError> {
        let (mut piece, mut answer) = match first {
            Some((piece, answer)) => (Some(piece), Some(answer)),
            None => (self.shared.claim(self.pace), None),
        };
        while let Some(range) = piece {
            if let Some(end) = self.piece(range, answer.take()).await? {
                return Ok(end);
            }
            piece = self.shared.claim(self.pace);
        }
        Ok(End::NothingLeft)
    }

    /// Fetches a piece, with as many requests as it takes; the end of the connection, if it came to that.
    async fn piece(
        &mut self,
        piece: Range<u64>,
        mut answer: Option<Answer>,
    ) -> Result<Option<End>, FetchError> {
        let mut at = piece.start;
        while at < piece.end {
            let before = at;
            let trouble = match self.pass(&mut at, piece.end, answer.take()).await {
                Ok(Passed::Stopped) => return Ok(Some(End::Stopped)),
                Ok(Passed::FileEnds) => return Ok(Some(End::FileEnds(at))),
                Ok(Passed::Served) if at > before => continue,
                Ok(Passed::Served) => {
                    FetchError::Cut { url: self.file.url(), received: at, expected: Some(piece.end) }
                }
                Err(trouble) => trouble,
            };
            if !retry::is_worth_it(&trouble) {
                return Err(trouble);
            }
            let again = self.tries.has_failed() && at == before;
            if at > before {
                self.tries.reset();
            }
            // A connection that breaks twice may be one too many for the server.
            let too_many = again || retry::wish(&trouble).is_some();
            if too_many && self.shared.leave_to_others(&(at..piece.end)) {
                return Ok(Some(End::Lost(trouble)));
            }
            let Some(pause) = self.tries.after(&trouble) else { return Err(trouble) };
            self.shared.note_trouble(Some((pause, trouble)));
            tokio::time::sleep(pause).await;
            self.shared.note_trouble(None);
        }
        Ok(None)
    }

    /// Reads one answer, which is asked for if there is none yet. `at` is the first byte that is missing.
    async fn pass(&mut self, at: &mut u64, end: u64, answer: Option<Answer>) -> Result<Passed, FetchError> {
        let Answer { mut response, served } = match answer {
            Some(answer) => answer,
            None => self.ask(*at, end).await?,
        };
        if self.ranges != served.ranges || served.end == Some(served.first) {
            // Ranges that were heeded, or bytes that were there, are not any more.
            return Err(FetchError::Changed { url: self.file.url() });
        }
        let (begin, start) = (*at, Instant::now());
        let mut known = at.saturating_sub(served.first);
        let stop = served.end.unwrap_or(UNKNOWN).min(end);
        while *at < stop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if served.end.is_none() => return Ok(Passed::FileEnds),
                Ok(None) => return Err(self.cut(*at, stop)),
                Err(error) => {
                    return Err(match self.file.client().broken(&error, self.file.place()) {
                        FetchError::Cut { .. } => self.cut(*at, stop),
                        other => other,
                    });
                }
            };
            self.file.client().limit().pay(bytes.len()).await;
            let fits = known.saturating_add(stop - *at);
            if served.end.is_none() && bytes.len() as u64 > fits {
                return Err(self.too_long(end, bytes.len() - usize::try_from(fits).unwrap_or(0)));
            }
            let bytes = within(bytes, &mut known, stop - *at);
            if bytes.is_empty() {
                continue;
            }
            let offset = *at;
            *at += bytes.len() as u64;
            if self.shared.blocks.send(Block { offset, bytes }).await.is_err() {
                return Ok(Passed::Stopped);
            }
        }
        self.pace.body = (*at - begin, start.elapsed());
        if served.end.is_none_or(|end| end == stop) {
            // The end of the body gives the connection free for the next piece. And a server that did not say
            // how long the file is must not have more than was expected.
            match response.chunk().await {
                Ok(Some(more)) if !more.is_empty() => return Err(self.too_long(end, more.len())),
                _ => {}
            }
        }
        Ok(Passed::Served)
    }

    fn too_long(&self, expected: u64, more: usize) -> FetchError {
        FetchError::WrongSize { url: self.file.url(), expected, actual: expected + more as u64 }
    }

    async fn ask(&mut self, at: u64, end: u64) -> Result<Answer, FetchError> {
        // Who sends a file of unknown length does not heed ranges.
        let range = if end == UNKNOWN { 0..FIRST } else { at..end };
        let version = self.file.version().condition().map(str::to_owned);
        let start = Instant::now();
        let (response, served) = self.file.request_once(&range, version.as_deref()).await?;
        self.pace.asking = start.elapsed();
        Ok(Answer { response, served })
    }

    fn cut(&self, received: u64, expected: u64) -> FetchError {
        let expected = Some(expected).filter(|end| *end != UNKNOWN);
        FetchError::Cut { url: self.file.url(), received, expected }
    }
}

/// The part of `bytes` that is not known already and not more than is wanted.
fn within(mut bytes: Bytes, known: &mut u64, wanted: u64) -> Bytes {
    let skip = usize::try_from(*known).unwrap_or(usize::MAX).min(bytes.len());
    *known -= skip as u64;
    let mut bytes = bytes.split_off(skip);
    bytes.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    bytes
}
