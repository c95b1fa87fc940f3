//! What is counted from the program's start on.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use loadmaster_core::{Event, InstanceState};
use loadmaster_orchestrator::{Lease, OrchestratorError};

use crate::ApiError;

/// Totals that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) granted: AtomicU64,
    pub(crate) starts: AtomicU64,
    pub(crate) swaps: AtomicU64,
    pub(crate) crashes: AtomicU64,
    /// By the code of the error. Locked for an instant at a time, never across an await.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counts {
    /// Counts how a request for a lease ended.
    pub(crate) fn answered(&self, outcome: Result<Lease, OrchestratorError>) -> Result<Lease, ApiError> {
        match outcome {
            Ok(lease) => {
                self.granted.fetch_add(1, Relaxed);
                Ok(lease)
            }
            Err(error) => {
                let error = ApiError::from(error);
                *self
                    .refused
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(error.code())
                    .or_default() += 1;
                Err(error)
            }
        }
    }

    pub(crate) fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts what happened.
    pub(crate) fn happened(&self, event: &Event) {
        let counter = match event {
            Event::State { state: InstanceState::Starting, .. } => &self.starts,
            Event::State { state: InstanceState::Crashed { .. }, .. } => &self.crashes,
            Event::MakingRoom { .. } => &self.swaps,
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}
