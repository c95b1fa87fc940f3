//! A job begins, runs and ends.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use loadmaster_images::{ErrorCode, ImageError};
use loadmaster_orchestrator::Wish;

use super::{Job, JobState, Jobs, Record, finish, live, now_ms, road};
use crate::{ApiError, Gateway, images::Asked};

/// How long a job waits for its model where nobody says: as long as results are kept.
const PATIENCE: Duration = Duration::from_hours(24);

/// What is submitted.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) asked: Asked,
    pub(crate) wish: Wish,
    /// How long it is kept after its end; as all others without.
    pub(crate) keep: Option<Duration>,
}

/// Begins a job. It is on disk when this returns, and runs in a task of its own.
pub(crate) async fn submit(gateway: &Arc<Gateway>, submission: Submission) -> Result<Arc<Job>, ApiError> {
    let jobs = Arc::clone(gateway.jobs()?);
    let Submission { asked, wish, keep } = submission;
    let asked = asked.streamed();
    let wish = Wish { wait: wish.wait.or(Some(PATIENCE)), ..wish };
    let record = record(&asked, keep.unwrap_or(jobs.options.keep))?;
    let job = jobs.admit(record, asked.body.len())?;
    let (of, written) = (Arc::clone(&jobs), job.record());
    let written = tokio::task::spawn_blocking(move || of.store.write(&written)).await;
    if let Err(error) = written.unwrap_or_else(|stopped| Err(stopped.into())) {
        jobs.forget(&job.id());
        return Err(finish::unwritten(&error).into());
    }
    tokio::spawn(run(Arc::clone(gateway), jobs, Arc::clone(&job), asked, wish));
    Ok(job)
}

async fn run(gateway: Arc<Gateway>, jobs: Arc<Jobs>, job: Arc<Job>, asked: Asked, wish: Wish) {
    let outcome = tokio::select! {
        biased;
        () = job.cancelled() => Err(live::cancelled()),
        outcome = road::travel(gateway, &job, asked, wish) => outcome,
    };
    let _ = tokio::task::spawn_blocking(move || {
        jobs.finish(&job, outcome);
        jobs.sweep();
    })
    .await;
}

impl Jobs {
    /// A place among those that wait or run, if there is one.
    fn admit(&self, record: Record, request_bytes: usize) -> Result<Arc<Job>, ApiError> {
        let mut live = self.live();
        let active = live.values().filter(|job| !job.has_ended());
        let (count, bytes) =
            active.fold((0, 0), |(count, bytes), job| (count + 1, bytes + job.request_bytes));
        if count >= self.options.max_active || bytes + request_bytes > self.options.max_request_bytes {
            let message = format!("{count} jobs wait or run already, with requests of {bytes} bytes");
            let remedy = "Submit it again when some have ended, or cancel one.";
            let refused = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_jobs", message, remedy);
            return Err(refused.with("max_active", self.options.max_active));
        }
        let job = Job::new(record, request_bytes);
        live.insert(job.id(), Arc::clone(&job));
        self.listed.send_replace(());
        Ok(job)
    }
}

fn record(asked: &Asked, keep: Duration) -> Result<Record, ApiError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| {
        let message = format!("The system gives no random numbers: {error}");
        ApiError::from(ImageError::new(ErrorCode::GenerationFailed, message, "Try again."))
    })?;
    let mut request = asked.request.to_json();
    if let Some(fields) = request.as_object_mut() {
        for name in ["image", "mask", "stream"] {
            fields.remove(name);
        }
    }
    let now = now_ms();
    Ok(Record {
        id: format!("{:032x}", u128::from_be_bytes(id)),
        model: asked.model.clone(),
        state: JobState::Queued,
        created_ms: now,
        updated_ms: now,
        ended_ms: None,
        keep_ms: u64::try_from(keep.as_millis()).unwrap_or(u64::MAX / 2),
        request,
        n: asked.request.n,
        place: None,
        progress: None,
        error: None,
        images: Vec::new(),
        format: asked.request.format,
        size: asked.request.size,
        parameters: serde_json::Map::new(),
        timings: loadmaster_images::Timings::default(),
    })
}
