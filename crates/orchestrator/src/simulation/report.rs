//! What a simulation tells.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What came of a pattern of requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Requests that were sent.
    pub asked: u64,
    /// Requests that were answered before the clients ended.
    pub completed: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were turned away.
    pub refused: u64,
    /// Requests whose server was stopped while it worked on them.
    pub cut_off: u64,
    /// Servers that were started.
    pub loads: u64,
    /// Bytes of all that were started.
    pub bytes_loaded: u64,
    /// Starts that took more of a device than it had: out of memory, or swapping, on a real machine.
    pub overcommitted: u64,
    /// The most that was ever loaded of a device, in percent of it.
    pub peak_percent: f64,
    /// How much of the memory was loaded, in percent, on average over the time in which clients asked.
    pub used_percent: f64,
    /// From the request until its server begins to work on it.
    pub waits: Waits,
    /// From the request until it is answered.
    pub answers: Waits,
    /// When the last request ended, in virtual time.
    pub ended: Duration,
    /// What the decisions cost in real time, where the scheduler takes note of it.
    pub cost: Cost,
}

/// How long requests waited, or whatever else took its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The sum of all of them over their number.
    pub mean: Duration,
    /// The one that half of them did not exceed.
    pub median: Duration,
    /// The one that 95 of a hundred did not exceed.
    pub p95: Duration,
    /// The one that 99 of a hundred did not exceed.
    pub p99: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Waits {
    pub(super) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |percent: usize| {
            let rank = (all.len() * percent).div_ceil(100);
            all.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
        let mean = all.iter().sum::<Duration>() / count;
        Self { mean, median: at(50), p95: at(95), p99: at(99), longest: at(100) }
    }
}

/// What decisions cost in real time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// How many inputs were decided on.
    pub decisions: u64,
    /// How long each took.
    pub each: Waits,
}
