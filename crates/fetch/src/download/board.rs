//! What the threads of a download know of each other.

use std::{
    ops::Range,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{error::FetchError, ranges::Ranges};

/// Shared by those who receive, write, hash, sync and watch.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    moved: Condvar,
    /// Wakes whoever watches, when something failed.
    pub(crate) failed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What is written.
    done: Ranges,
    hashed: u64,
    length: Option<u64>,
    /// Nothing will be written any more.
    closed: bool,
    failure: Option<FetchError>,
}

/// What the hash can go on with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// These bytes.
    Bytes(Range<u64>),
    /// All is hashed.
    End,
    /// The download ended before the file did.
    Never,
}

impl Board {
    pub(crate) fn new(done: Ranges, length: Option<u64>) -> Self {
        Self { state: Mutex::new(State { done, length, ..State::default() }), ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `range` is written.
    pub(crate) fn wrote(&self, range: Range<u64>) {
        let mut state = self.state();
        let front = state.done.front();
        state.done.insert(range);
        let moved = state.done.front() > front;
        drop(state);
        if moved {
            self.moved.notify_all();
        }
    }

    /// Notes how long the file turned out to be.
    pub(crate) fn ends_at(&self, length: u64) {
        self.state().length = Some(length);
    }

    /// Notes that nothing will be written any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.moved.notify_all();
    }

    /// Notes what went wrong; the first one counts.
    pub(crate) fn fail(&self, error: FetchError) {
        self.state().failure.get_or_insert(error);
        self.moved.notify_all();
        self.failed.notify_one();
    }

    pub(crate) fn failure(&self) -> Option<FetchError> {
        self.state().failure.clone()
    }

    pub(crate) fn done(&self) -> Ranges {
        self.state().done.clone()
    }

    /// Bytes that are written, and bytes that are hashed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.done.count(), state.hashed)
    }

    /// Bytes of the file that are missing, as far as that is known.
    pub(crate) fn missing(&self) -> u64 {
        let state = self.state();
        state.length.map_or(0, |length| state.done.missing(length))
    }

    /// Whether the whole file is written.
    pub(crate) fn is_whole(&self) -> bool {
        let state = self.state();
        state.length.is_some_and(|length| state.done.front() >= length)
    }

    /// Waits for bytes behind `hashed`, which are those that are hashed.
    pub(crate) fn wait_for_bytes(&self, hashed: u64) -> Next {
        let mut state = self.state();
        state.hashed = hashed;
        loop {
            let front = state.done.front();
            if state.failure.is_some() || state.closed && state.length.is_none_or(|length| front < length) {
                return Next::Never;
            }
            if front > hashed {
                return Next::Bytes(hashed..front);
            }
            if state.closed {
                return Next::End;
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until nothing will be written any more, or for `pause`. Whether it is the former.
    pub(crate) fn wait_for_close(&self, pause: Duration) -> bool {
        let state = self.state();
        let waited = self.moved.wait_timeout_while(state, pause, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}
