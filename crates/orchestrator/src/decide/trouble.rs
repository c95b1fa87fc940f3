//! Models whose servers die: started again, with pauses, and in the end not at all for a while.

use std::time::Duration;

use loadmaster_core::Failure;

use super::{InstanceEntry, ModelEntry, Progress, State, Wanted};
use crate::OrchestratorError;

/// Deaths in a row after which requests are turned away instead of waiting for the next start.
const LOOP: u32 = 4;

/// The pause before the start that follows the second death in a row; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Who lived for so long was healthy.
const HEALTHY: Duration = Duration::from_secs(10);

/// A request that ended so shortly before a death may be the one that died of it.
const WITH_ITS_DEATH: Duration = Duration::from_millis(100);

/// The deaths of a model's servers since the last healthy one.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    deaths: u32,
    /// Before then it is not started.
    until: Duration,
    last: Option<Failure>,
}

impl Trouble {
    /// Whether it may be started at `now`.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.until <= now
    }

    /// Notes a death, of one that had been healthy or not.
    fn note(&mut self, failure: Failure, was_healthy: bool, now: Duration) {
        if was_healthy {
            self.deaths = 0;
        }
        self.deaths = self.deaths.saturating_add(1);
        self.last = Some(failure);
        // The first one is followed by a start at once.
        let doublings = self.deaths.checked_sub(2);
        let pause = doublings.map_or(Duration::ZERO, |doublings| {
            FIRST_PAUSE.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(LONGEST_PAUSE)
        });
        self.until = now.saturating_add(pause);
    }
}

#[cfg(test)]
impl Trouble {
    pub(super) fn deaths(&self) -> u32 {
        self.deaths
    }

    pub(super) fn reason(&self) -> Option<&loadmaster_core::FailureReason> {
        self.last.as_ref().map(|failure| &failure.reason)
    }
}

impl InstanceEntry {
    /// Whether it did its work before it died at `now`.
    fn was_healthy(&self, now: Duration) -> bool {
        // A server that hung did nothing good any more while it did.
        let last = if self.watch.ended_for.is_some() { self.watch.last_progress() } else { now };
        let since = |time: Duration| last.saturating_sub(time);
        self.facts.is_some()
            && (since(self.ready) >= HEALTHY
                || self.served.is_some_and(|first| since(first) >= WITH_ITS_DEATH))
    }
}

impl State {
    /// Notes the death of an instance of `model`, or of its start.
    pub(super) fn died(&mut self, model: &str, failure: Failure) {
        let now = self.now;
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        let instance = entry.instance.as_ref().and_then(|id| self.instances.get(id));
        let was_healthy = instance.is_some_and(|instance| instance.was_healthy(now));
        entry.trouble.note(failure, was_healthy, now);
        // What is there without being asked for is there again, unless somebody stopped it.
        let was_stopped = instance.is_some_and(|instance| !instance.stop_tickets.is_empty());
        if entry.rules.preload && was_healthy && !was_stopped {
            entry.wanted = Wanted::Yes;
        }
    }

    /// Why requests for `entry` are turned away now, if they are.
    pub(super) fn crash_loop(&self, model: &str, entry: &ModelEntry) -> Option<OrchestratorError> {
        let Trouble { deaths, until, last } = &entry.trouble;
        let failure = last.clone()?;
        (*deaths >= LOOP && *until > self.now).then(|| OrchestratorError::CrashLoop {
            model: model.to_owned(),
            deaths: *deaths,
            retry_after: until.saturating_sub(self.now),
            failure: Box::new(failure),
        })
    }

    /// When models may be started again that somebody waits for.
    pub(super) fn trouble_times(&self) -> impl Iterator<Item = Duration> {
        let awaited = self.models.busy_values().filter(|entry| {
            matches!(entry.progress, Progress::None)
                && (!entry.waiting.is_empty() || entry.wanted == Wanted::Yes)
        });
        awaited.map(|entry| entry.trouble.until)
    }
}
