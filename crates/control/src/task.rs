//! Work that goes on behind the API: downloads, verifications, installations, all of one shape.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::ApiError;

/// What sort of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TaskKind {
    /// A model comes from a hub.
    Download,
    /// A build of a server is fetched, unpacked and proven.
    Install,
    /// Files are compared with what they were when they came.
    Verify,
}

/// How it stands with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TaskState {
    /// It waits for others.
    Queued,
    /// It is at work.
    Running,
    /// Somebody paused it; what came is kept.
    Paused,
    /// What came is checked.
    Verifying,
    /// It came to its end.
    Done,
    /// It could not: `error` says why, and what to do.
    Failed,
    /// Somebody called it off; what came is gone.
    Cancelled,
}

impl TaskState {
    /// Whether nothing more comes of it by itself or by resuming it.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Part {
    /// The file's name.
    pub(crate) name: String,
    /// Bytes that are here.
    pub(crate) bytes: u64,
    /// Its length in bytes, once that is known.
    pub(crate) total: Option<u64>,
}

/// Work, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Task {
    /// What it is called by.
    pub(crate) id: String,
    pub(crate) kind: TaskKind,
    /// The model's name, once it is known; null for builds.
    pub(crate) model: Option<String>,
    /// The server that a build is of: `llama` or `sd`; null for models.
    pub(crate) server: Option<&'static str>,
    /// What was asked for, without secrets.
    pub(crate) source: String,
    pub(crate) state: TaskState,
    /// What is done just now, in a word: `resolve`, `header`, `wait`, `download`, `retry`, `verify`, `unpacking`, ...
    pub(crate) step: Option<String>,
    /// Bytes that are here, of all files.
    pub(crate) bytes: u64,
    /// Bytes of all files, once that is known.
    pub(crate) total: Option<u64>,
    /// How fast they come, smoothed over some seconds.
    pub(crate) bytes_per_second: Option<u64>,
    /// Milliseconds that the rest takes at that speed.
    pub(crate) eta_ms: Option<u64>,
    /// Each file.
    pub(crate) parts: Vec<Part>,
    /// Why it failed: the object that errors of this API have.
    #[schema(value_type = Option<Object>)]
    pub(crate) error: Option<Value>,
    /// When it was asked for: milliseconds since 1970.
    pub(crate) asked_at_ms: u64,
}

impl Task {
    pub(crate) fn new(id: String, kind: TaskKind, source: String) -> Self {
        Self {
            id,
            kind,
            model: None,
            server: None,
            source,
            state: TaskState::Queued,
            step: None,
            bytes: 0,
            total: None,
            bytes_per_second: None,
            eta_ms: None,
            parts: Vec::new(),
            error: None,
            asked_at_ms: crate::state::now_ms(),
        }
    }

    /// It is not at work any more, or not yet.
    pub(crate) fn rest(&mut self, state: TaskState) {
        (self.state, self.step, self.bytes_per_second, self.eta_ms) = (state, None, None, None);
    }

    /// It is over, this way or that.
    pub(crate) fn end(&mut self, outcome: Result<(), ApiError>) {
        match outcome {
            Ok(()) => {
                self.rest(TaskState::Done);
                self.bytes = self.total.unwrap_or(self.bytes);
                for part in &mut self.parts {
                    part.bytes = part.total.unwrap_or(part.bytes);
                }
            }
            Err(error) => {
                self.rest(TaskState::Failed);
                self.error = Some(error.body()["error"].take());
            }
        }
    }

    /// As JSON.
    pub(crate) fn shown(&self) -> Value {
        // Words and numbers can always be shown.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// How long the rest takes: milliseconds.
pub(crate) fn eta_ms(bytes: u64, total: Option<u64>, bytes_per_second: Option<u64>) -> Option<u64> {
    let rest = total?.checked_sub(bytes)?;
    let ms = u128::from(rest) * 1000 / u128::from(bytes_per_second.filter(|&speed| speed > 0)?);
    u64::try_from(ms).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_it_does() {
        assert_eq!(eta_ms(100, Some(1100), Some(500)), Some(2000));
        assert_eq!(eta_ms(100, Some(100), Some(500)), Some(0));
        for (total, speed) in [(None, Some(1)), (Some(2), None), (Some(2), Some(0)), (Some(0), Some(1))] {
            assert_eq!(eta_ms(1, total, speed), None);
        }
        assert_eq!(eta_ms(0, Some(u64::MAX), Some(1)), None);
    }

    #[test]
    fn what_ends_has_no_speed_and_what_fails_says_why() {
        let mut task = Task::new("a".to_owned(), TaskKind::Download, "owner/repo".to_owned());
        task.parts = vec![Part { name: "f".to_owned(), bytes: 1, total: Some(2) }];
        (task.bytes, task.total, task.bytes_per_second, task.eta_ms) = (1, Some(2), Some(1), Some(1000));
        let mut failed = task.clone();
        task.end(Ok(()));
        assert_eq!((task.state, task.bytes, task.parts[0].bytes), (TaskState::Done, 2, 2));
        assert_eq!((task.bytes_per_second, task.eta_ms), (None, None));
        failed.end(Err(ApiError::new(StatusCode::NOT_FOUND, "gone", "It is gone.", "Look elsewhere.")));
        assert_eq!((failed.state, failed.bytes), (TaskState::Failed, 1));
        assert_eq!(failed.shown()["error"]["remedy"], "Look elsewhere.");
    }
}
