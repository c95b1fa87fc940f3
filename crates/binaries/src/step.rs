//! What is being done, as it is done.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{catalog::Variant, report::Attempt};

/// One step of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Another process changes the library: its end is waited for.
    Waiting,
    /// A build is tried.
    Trying {
        /// Its id.
        build: String,
        /// What it is to compute on.
        variant: Variant,
        /// Which of the candidates it is, from 1.
        number: usize,
        /// How many candidates there are.
        of: usize,
    },
    /// A file is on its way.
    Fetching {
        /// What it is.
        what: String,
        /// Bytes that have come.
        bytes: u64,
        /// Bytes there are, if known.
        total: Option<u64>,
    },
    /// An archive is being unpacked.
    Unpacking {
        /// The build's id.
        build: String,
        /// Bytes that have been written.
        bytes: u64,
    },
    /// The build is started, to see that it starts at all.
    Starting {
        /// Its id.
        build: String,
    },
    /// The build works on a small model, to see that it works on what it is for.
    Working {
        /// Its id.
        build: String,
        /// What it computes on.
        variant: Variant,
    },
    /// A build did not do.
    Failed(Attempt),
    /// A build is installed and will be used.
    Installed {
        /// Its id.
        build: String,
        /// What it computes on.
        variant: Variant,
    },
}

/// Hears of each step. Called from the task that installs and from threads of its own: it should not block.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Step) + Send + Sync>);

impl Observer {
    /// An observer that calls `hear`.
    pub fn new(hear: impl Fn(&Step) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Nobody.
    pub fn none() -> Self {
        Self::new(|_| {})
    }

    pub(crate) fn tell(&self, step: &Step) {
        (self.0)(step);
    }

    /// Tells of what goes on and on.
    pub(crate) fn pace(&self) -> Pace {
        Pace { observer: self.clone(), last: Mutex::new(None) }
    }
}

/// Tells an observer of progress ten times a second at most.
#[derive(Debug)]
pub(crate) struct Pace {
    observer: Observer,
    last: Mutex<Option<Instant>>,
}

impl Pace {
    /// Tells of a step, unless another one was told of just now; `at_once` tells in any case.
    pub(crate) fn tell(&self, at_once: bool, step: impl FnOnce() -> Step) {
        const PAUSE: Duration = Duration::from_millis(100);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if at_once || last.is_none_or(|last| last.elapsed() >= PAUSE) {
            *last = Some(Instant::now());
            self.observer.tell(&step());
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
