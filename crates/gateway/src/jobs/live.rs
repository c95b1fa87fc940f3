//! A job while this program runs: its record, who listens to it, and how it is called off.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use loadmaster_images::{ErrorCode, ImageError, ImageFormat, Progress};
use tokio::sync::{Notify, watch};

use super::{JobState, Record};
use crate::told::Told;

/// A job. Everybody who changes it changes the record, and whoever listens is told.
#[derive(Debug)]
pub(crate) struct Job {
    record: watch::Sender<Record>,
    cancel: Notify,
    /// Bytes that its request takes while it waits or runs.
    pub(super) request_bytes: usize,
    /// What the latest image looks like so far.
    preview: Mutex<Option<(Bytes, ImageFormat)>>,
}

impl Job {
    pub(crate) fn new(record: Record, request_bytes: usize) -> Arc<Self> {
        let record = watch::Sender::new(record);
        Arc::new(Self { record, cancel: Notify::new(), request_bytes, preview: Mutex::default() })
    }

    /// One of an earlier run of this program.
    pub(super) fn ended(record: Record) -> Arc<Self> {
        Self::new(record, 0)
    }

    pub(crate) fn record(&self) -> Record {
        self.record.borrow().clone()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Record> {
        self.record.subscribe()
    }

    pub(crate) fn id(&self) -> String {
        self.record.borrow().id.clone()
    }

    pub(crate) fn created(&self) -> u64 {
        self.record.borrow().created_ms
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.record.borrow().state.has_ended()
    }

    /// Whether it has been kept long enough.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        let record = self.record.borrow();
        record.ended_ms.is_some_and(|ended| now_ms >= ended.saturating_add(record.keep_ms))
    }

    /// What its images take.
    pub(crate) fn bytes(&self) -> u64 {
        self.record.borrow().images.iter().map(|image| image.bytes).fold(0, u64::saturating_add)
    }

    /// Changes the record of a job that has not ended; whether it had not.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Record)) -> bool {
        self.record.send_if_modified(|record| {
            let changes = !record.state.has_ended();
            if changes {
                change(record);
                record.touch();
            }
            changes
        })
    }

    /// Ends a job as `ended` says, if it has not ended; whether it had not.
    pub(crate) fn end(&self, ended: Record) -> bool {
        self.record.send_if_modified(|record| {
            let changes = !record.state.has_ended();
            if changes {
                *record = ended;
            }
            changes
        })
    }

    pub(crate) fn waits(&self, place: Option<Told>) {
        self.change(|record| record.place = place);
    }

    pub(crate) fn gets_on(&self, progress: Progress) {
        self.change(|record| {
            (record.state, record.place, record.progress) = (JobState::Running, None, Some(progress));
        });
    }

    pub(crate) fn show(&self, preview: Vec<u8>, format: ImageFormat) {
        *self.preview.lock().unwrap_or_else(PoisonError::into_inner) = Some((preview.into(), format));
    }

    pub(crate) fn preview(&self) -> Option<(Bytes, ImageFormat)> {
        self.preview.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls it off. It has ended when this returns, and its place or its painting is given up soon after.
    pub(crate) fn cancel(&self) -> bool {
        let mut record = self.record();
        record.fail(cancelled());
        let cancelled = self.end(record);
        // Kept for whoever is about to wait for it.
        self.cancel.notify_one();
        cancelled
    }

    /// Waits until it is called off.
    pub(crate) async fn cancelled(&self) {
        self.cancel.notified().await;
    }
}

pub(crate) fn cancelled() -> ImageError {
    ImageError::new(ErrorCode::Cancelled, "The job was cancelled", "Submit it again.")
}
