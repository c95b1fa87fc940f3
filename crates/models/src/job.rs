//! How long work is watched, and called off.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::watch;

use crate::error::ModelsError;

/// How often is told how far work is.
const EVERY: Duration = Duration::from_millis(100);

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The hub is asked what there is.
    Resolve,
    /// The header of a model is read.
    Header,
    /// Another process pulls the same model: what is told is how far that one is.
    Wait,
    /// Files are downloaded.
    Download,
    /// The connection broke, and after a pause it is made again.
    Retry,
    /// Files are copied.
    Copy,
    /// Files are hashed.
    Verify,
}

/// How far work is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// To which file, or to what.
    pub what: String,
    /// Bytes that are done.
    pub done: u64,
    /// Bytes that are to do, if that is known.
    pub total: Option<u64>,
    /// Bytes per second so far.
    pub speed: Option<u64>,
    /// Seconds that it will take still.
    pub seconds_left: Option<u64>,
    /// Each file of a download; empty for other work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileProgress>,
}

/// How far one file of a download is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileProgress {
    /// Its name.
    pub name: String,
    /// Bytes that are here.
    pub done: u64,
    /// Its length in bytes, if that is known.
    pub total: Option<u64>,
}

type Listener = dyn Fn(&Progress) + Send + Sync;

/// Work that can be watched and called off. Cheap to clone; clones are the same work. The default is work
/// that nobody watches.
#[derive(Clone, Default)]
pub struct Job {
    listener: Option<Arc<Listener>>,
    cancelled: Arc<AtomicBool>,
}

/// The progress of a [`Job`] as a stream. Whoever is slow hears the latest, not all.
#[derive(Debug)]
pub struct ProgressStream(watch::Receiver<Option<Progress>>);

impl Job {
    /// Work whose progress `listener` hears of, from any thread, ten times per second at most.
    pub fn watched(listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)), cancelled: Arc::default() }
    }

    /// Work and the stream of its progress, which ends with the last clone of the work.
    pub fn stream() -> (Self, ProgressStream) {
        let (sender, receiver) = watch::channel(None);
        let job = Self::watched(move |progress| {
            sender.send_replace(Some(progress.clone()));
        });
        (job, ProgressStream(receiver))
    }

    /// Calls the work off. It ends with [`ModelsError::Cancelled`] soon, and leaves nothing half done.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was called off.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), ModelsError> {
        if self.is_cancelled() { Err(ModelsError::Cancelled) } else { Ok(()) }
    }

    /// Tells at once.
    pub(crate) fn tell(&self, progress: &Progress) {
        if let Some(listener) = &self.listener {
            listener(progress);
        }
    }

    /// Tells what is being done, of which there is no measure.
    pub(crate) fn tell_step(&self, step: Step, what: impl Into<String>) {
        if self.listener.is_some() {
            let what = what.into();
            let files = Vec::new();
            self.tell(&Progress { step, what, done: 0, total: None, speed: None, seconds_left: None, files });
        }
    }

    /// Counts `total` bytes from here on.
    pub(crate) fn meter(&self, step: Step, total: u64) -> Meter {
        let now = Instant::now();
        Meter { job: self.clone(), step, total, started: now, state: Mutex::new((0, None)) }
    }
}

/// Counts bytes, from any number of threads.
pub(crate) struct Meter {
    job: Job,
    step: Step,
    total: u64,
    started: Instant,
    /// Bytes that are done, and when was told last.
    state: Mutex<(u64, Option<Instant>)>,
}

impl Meter {
    /// Counts `bytes` of `what`; an error once the work was called off.
    pub(crate) fn add(&self, bytes: u64, what: &str) -> Result<(), ModelsError> {
        self.job.check()?;
        let done = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 += bytes;
            let now = Instant::now();
            let due = state.0 >= self.total || state.1.is_none_or(|last| now - last >= EVERY);
            if !due {
                return Ok(());
            }
            state.1 = Some(now);
            state.0
        };
        let (speed, seconds_left) = pace(done, self.total, self.started.elapsed());
        let (step, what) = (self.step, what.to_owned());
        let (total, files) = (Some(self.total), Vec::new());
        self.job.tell(&Progress { step, what, done, total, speed, seconds_left, files });
        Ok(())
    }
}

/// Bytes per second, and seconds left.
pub(crate) fn pace(done: u64, total: u64, elapsed: Duration) -> (Option<u64>, Option<u64>) {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let speed = done.saturating_mul(1000).checked_div(millis).filter(|&speed| speed > 0);
    (speed, speed.map(|speed| total.saturating_sub(done).div_ceil(speed)))
}

impl ProgressStream {
    /// The latest that was not heard yet, once there is one; `None` when the work is over.
    pub async fn next(&mut self) -> Option<Progress> {
        self.0.changed().await.ok()?;
        self.0.borrow_and_update().clone()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_stream_has_the_latest_and_ends_with_the_work() {
        let (job, mut stream) = Job::stream();
        let meter = job.meter(Step::Verify, 10);
        meter.add(4, "a").unwrap();
        // Too soon to be told.
        meter.add(1, "a").unwrap();
        assert_eq!(stream.next().await.map(|progress| (progress.done, progress.total)), Some((4, Some(10))));
        meter.add(5, "b").unwrap();
        job.cancel();
        assert!(matches!(meter.add(0, "b"), Err(ModelsError::Cancelled)));
        drop((meter, job));
        assert_eq!(
            stream.next().await.map(|progress| (progress.done, progress.what)),
            Some((10, "b".into()))
        );
        assert_eq!(stream.next().await, None);
    }

    #[test]
    fn pace_is_told_when_there_is_one() {
        assert_eq!(pace(0, 10, Duration::from_secs(1)), (None, None));
        assert_eq!(pace(500, 1000, Duration::ZERO), (None, None));
        assert_eq!(pace(500, 1001, Duration::from_secs(2)), (Some(250), Some(3)));
    }
}
