//! What is known of a job, as it is kept on disk and shown.

use loadmaster_images::{ErrorCode, ImageError, ImageFormat, Progress, Size, Timings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::now_ms;
use crate::told::Told;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl JobState {
    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// An image in the job's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImageFile {
    /// Its file's name: `0.png`.
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) bytes: u64,
}

/// A job. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) state: JobState,
    pub(crate) created_ms: u64,
    /// Grows with each change, over restarts too: the number of its latest event.
    pub(crate) updated_ms: u64,
    pub(crate) ended_ms: Option<u64>,
    /// How long it is kept after its end.
    pub(crate) keep_ms: u64,
    /// What was asked for, without its images.
    pub(crate) request: Value,
    /// How many images were asked for.
    pub(crate) n: u32,
    /// Where it stands in the queue, and why it waits.
    #[serde(skip)]
    pub(crate) place: Option<Told>,
    #[serde(default)]
    pub(crate) progress: Option<Progress>,
    #[serde(default)]
    pub(crate) error: Option<ImageError>,
    #[serde(default)]
    pub(crate) images: Vec<ImageFile>,
    #[serde(default)]
    pub(crate) format: ImageFormat,
    #[serde(default)]
    pub(crate) size: Option<Size>,
    #[serde(default)]
    pub(crate) parameters: Map<String, Value>,
    #[serde(default)]
    pub(crate) timings: Timings,
}

impl Record {
    /// Counts a change.
    pub(crate) fn touch(&mut self) {
        self.updated_ms = now_ms().max(self.updated_ms.saturating_add(1));
    }

    fn end(&mut self, state: JobState) {
        self.touch();
        (self.state, self.place, self.ended_ms) = (state, None, Some(self.updated_ms));
    }

    pub(crate) fn complete(&mut self) {
        self.end(JobState::Completed);
    }

    pub(crate) fn fail(&mut self, error: ImageError) {
        let cancelled = error.code == ErrorCode::Cancelled;
        self.end(if cancelled { JobState::Cancelled } else { JobState::Failed });
        self.error = Some(error);
    }

    /// Where it is found.
    pub(crate) fn path(&self) -> String {
        format!("/api/v1/jobs/{}", self.id)
    }

    /// As the API shows it; times are in seconds there.
    pub(crate) fn shown(&self) -> Value {
        let path = self.path();
        let progress = self.progress.clone().unwrap_or_default();
        let fraction = if self.state == JobState::Completed { 1.0 } else { progress.fraction };
        let running = self.state == JobState::Running;
        let urls: Vec<String> =
            self.images.iter().map(|image| format!("{path}/images/{}", image.name)).collect();
        json!({
            "id": self.id,
            "object": "job",
            "kind": "image",
            "model": self.model,
            "state": self.state,
            "stage": running.then_some(progress.stage),
            "step": running.then_some(progress.step),
            "steps": running.then_some(progress.steps),
            "image": running.then_some(progress.image),
            "n": self.n,
            "fraction": fraction,
            "eta_ms": progress.eta_ms.filter(|_| running),
            "place": self.place.as_ref().map(|told| told.place),
            "places": self.place.as_ref().map(|told| told.of),
            "why": self.place.as_ref().and_then(|told| told.why.as_deref()),
            "created_at": self.created_ms / 1000,
            "updated_at": self.updated_ms / 1000,
            "ended_at": self.ended_ms.map(|ended| ended / 1000),
            "expires_at": self.ended_ms.map(|ended| ended.saturating_add(self.keep_ms) / 1000),
            "request": self.request,
            "error": self.error,
            "images": urls,
            "timings": (self.state == JobState::Completed).then_some(self.timings),
            "poll_url": path,
            "events_url": format!("{path}/events"),
            "result_url": format!("{path}/result"),
            "cancel_url": format!("{path}/cancel"),
        })
    }
}
