//! `/api/v1/jobs`: images that are made while their client is away.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /api/v1/jobs` | submits `{"kind": "image", "model", "prompt", ...}`: the fields of `/v1/images/generations`, or of edits where there is an `image`; 202 with the job |
//! | `GET /api/v1/jobs` | all jobs, the latest first |
//! | `GET /api/v1/jobs/{id}` | one: its state, stage, step, fraction, ETA, place in the queue and why it waits |
//! | `GET /api/v1/jobs/{id}/events` | the same as server-sent events: a `snapshot`, then each change; `Last-Event-ID` goes on |
//! | `GET /api/v1/jobs/{id}/result` | the images, as `/v1/images/generations` answers, with URLs |
//! | `GET /api/v1/jobs/{id}/images/{n}` | the file of one image, such as `0.png` |
//! | `GET /api/v1/jobs/{id}/preview` | what the latest image looks like so far, where its instance shows that |
//! | `POST /api/v1/jobs/{id}/cancel` | cancels it, at any moment; what has ended stays as it is |
//! | `DELETE /api/v1/jobs/{id}` | the same; what has ended is forgotten |
//!
//! A job is a client of the same road as every request: it waits in the same queue, and cancelling it drops it
//! there. It lives on when its client leaves. What has ended is kept on disk for a day, and outlives a restart; a
//! job that was not done when the program ended has failed with `interrupted`.
//!
//! One program has the folder at a time: a second one is refused when it starts.

mod events;
mod finish;
mod live;
mod record;
mod result;
mod road;
mod routes;
mod store;
mod submit;
mod topic;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use axum::http::StatusCode;
use tokio::sync::watch;

use self::store::{Store, Unread};
pub(crate) use self::{
    live::Job,
    record::{ImageFile, JobState, Record},
    result::{answered_with_urls, images},
    routes::routes,
    submit::{Submission, submit},
    topic::JobsTopic,
};
use crate::{ApiError, Gateway};

/// How often jobs are looked through for those whose time is over.
const SWEEP: Duration = Duration::from_mins(1);

/// Where jobs are kept, and how much of them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobsOptions {
    /// A folder of their own. It is made if it is missing.
    pub folder: PathBuf,
    /// How long a job is kept after its end.
    pub keep: Duration,
    /// How many jobs are kept at most, those that wait or run included; the oldest that have ended go first.
    pub max_jobs: usize,
    /// How many may wait or run at once.
    pub max_active: usize,
    /// How many bytes of images are kept at most; the oldest go first.
    pub max_bytes: u64,
    /// How many bytes the requests may take that wait or run.
    pub max_request_bytes: usize,
}

impl JobsOptions {
    /// A day, 1000 jobs, of which 64 wait or run with requests of 256 MiB, and 4 GiB of images.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            keep: Duration::from_hours(24),
            max_jobs: 1000,
            max_active: 64,
            max_bytes: 4 << 30,
            max_request_bytes: 256 << 20,
        }
    }
}

/// Why jobs cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// Their folder cannot be used.
    #[error("The jobs in {} cannot be kept: {source}. It must be a folder that you may write to, and this program's alone", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// All jobs of this program.
#[derive(Debug)]
pub(crate) struct Jobs {
    options: JobsOptions,
    store: Store,
    /// By id. Locked for an instant at a time, never across an await.
    live: Mutex<BTreeMap<String, Arc<Job>>>,
    /// Those on disk that could not be read. Locked as `live` is, and never together with it.
    unread: Mutex<Vec<Unread>>,
    /// Tells that one came or was forgotten.
    listed: watch::Sender<()>,
}

impl Jobs {
    /// Reads what is there. What had not ended is told as interrupted.
    pub(crate) fn open(options: JobsOptions) -> Result<Arc<Self>, JobsError> {
        let store = Store::open(&options.folder)
            .map_err(|source| JobsError::Folder { folder: options.folder.clone(), source })?;
        let mut live = BTreeMap::new();
        let (records, unread) = store.records();
        for mut record in records {
            if !record.state.has_ended() {
                record.fail(finish::interrupted());
                if let Err(error) = store.write(&record) {
                    tracing::warn!(job = record.id, %error, "an interrupted job could not be written down");
                }
            }
            live.insert(record.id.clone(), Job::ended(record));
        }
        let jobs = Arc::new(Self {
            options,
            store,
            live: Mutex::new(live),
            unread: Mutex::new(unread),
            listed: watch::Sender::default(),
        });
        jobs.sweep();
        tokio::spawn(sweeps(Arc::downgrade(&jobs)));
        Ok(jobs)
    }

    /// Tells that a job came or was forgotten.
    fn listed(&self) -> watch::Receiver<()> {
        self.listed.subscribe()
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Job>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unread(&self) -> MutexGuard<'_, Vec<Unread>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job of that id, if its time is not over.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Job>> {
        let job = self.live().get(id).cloned()?;
        (!job.is_over(now_ms())).then_some(job)
    }

    /// All of them, the latest first.
    fn all(&self) -> Vec<Arc<Job>> {
        let now = now_ms();
        let mut all: Vec<Arc<Job>> = self.live().values().filter(|job| !job.is_over(now)).cloned().collect();
        all.sort_by_key(|job| std::cmp::Reverse(job.created()));
        all
    }

    /// Whether one waits or runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.live().values().any(|job| !job.has_ended())
    }

    /// Forgets a job and its files.
    fn forget(&self, id: &str) {
        self.live().remove(id);
        self.unread().retain(|job| job.id != id);
        self.store.remove(id);
        self.listed.send_replace(());
    }

    /// Forgets what has been kept long enough, and the oldest beyond what may be kept.
    fn sweep(&self) {
        let now = now_ms();
        let (ended, active): (Vec<_>, Vec<_>) =
            self.live().values().cloned().partition(|job| job.has_ended());
        let ended = ended.iter().map(|job| Kept {
            since: job.created(),
            id: job.id(),
            bytes: job.bytes(),
            is_over: job.is_over(now),
        });
        let mut kept: Vec<Kept> = ended.chain(self.unread_kept(now)).collect();
        kept.sort_by_key(|job| std::cmp::Reverse(job.since));
        let (mut count, mut bytes) = (active.len(), 0_u64);
        for job in kept {
            count += 1;
            bytes = bytes.saturating_add(job.bytes);
            if job.is_over || count > self.options.max_jobs || bytes > self.options.max_bytes {
                self.forget(&job.id);
            }
        }
    }

    /// Those that could not be read: kept as others are, from when they were written.
    fn unread_kept(&self, now: u64) -> Vec<Kept> {
        let keep = u64::try_from(self.options.keep.as_millis()).unwrap_or(u64::MAX);
        let kept = |job: &Unread| Kept {
            since: job.written_ms,
            id: job.id.clone(),
            bytes: job.bytes,
            is_over: now >= job.written_ms.saturating_add(keep),
        };
        self.unread().iter().map(kept).collect()
    }
}

/// A job that is kept, read or not.
struct Kept {
    /// When it came, in milliseconds since 1970.
    since: u64,
    id: String,
    bytes: u64,
    is_over: bool,
}

async fn sweeps(jobs: Weak<Jobs>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(jobs) = jobs.upgrade() else { return };
        // Files are removed: others must not wait for that.
        let _ = tokio::task::spawn_blocking(move || jobs.sweep()).await;
    }
}

impl Gateway {
    /// The jobs, if this program keeps any.
    pub(crate) fn jobs(&self) -> Result<&Arc<Jobs>, ApiError> {
        self.jobs.as_ref().ok_or_else(|| {
            let message = "This program keeps no jobs";
            let remedy = "Ask `loadmaster serve`, or wait for the answer of /v1/images/generations.";
            ApiError::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", message, remedy)
        })
    }
}

fn now_ms() -> u64 {
    ms(SystemTime::now())
}

/// Milliseconds since 1970; 0 before.
fn ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
