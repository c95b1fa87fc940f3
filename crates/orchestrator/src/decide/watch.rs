//! Whether what runs gets anything done: the watchdog.
//!
//! An open port says little: llama-server answers `/health`, and even `/slots`, from threads that do no work,
//! and it says nothing of itself while it computes one batch, which may take minutes. So progress is what
//! counts, by two signs. The strong one is the backend's own ([`Health`]): another number than last time, or an
//! answer that it works on nothing. The weak one is that the machine works for its process. Who shows neither
//! for as long as [`Policy::hang`](crate::Policy::hang) is stopped, or waits for what never comes; who shows
//! the weak one alone turns in a circle, or is very slow, and has [`BENEFIT`] times as long.

use std::time::Duration;

use loadmaster_core::{Failure, FailureReason, Health, InstanceId, InstanceState};

use super::{InstanceEntry, State};
use crate::steps::{Action, Look};

/// How often an instance is looked at that works, or did not look well last time, at most.
const BUSY_EVERY: Duration = Duration::from_secs(5);

/// How often an instance is looked at that has nothing to do, at most.
const IDLE_EVERY: Duration = Duration::from_secs(30);

/// Looks in the time after which it counts as hung, at least: one alone may come at a bad moment.
const LOOKS: u32 = 4;

/// Nobody looks that rarely: in between the machine slept, or this program did not run.
const SLEPT: Duration = Duration::from_mins(1);

/// How many times longer it may show no progress but that its process works. A batch of 2048 tokens, of which
/// llama-server says nothing while it computes, then takes 20 minutes at 1.7 tokens a second.
const BENEFIT: u32 = 10;

/// A process counts as one that works from this much on, and from this part of the time on: answering looks
/// takes some time too, 0.3 ms each of llama-server.
const WORK: Duration = Duration::from_millis(50);
const WORK_PART: u32 = 500;

/// What was seen of one instance.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// A look is under way.
    looking: bool,
    /// When the last look ended.
    looked: Duration,
    /// What the last look saw.
    progress: Option<u64>,
    /// When it last got on, by the strong sign.
    got_on: Duration,
    /// When it last got on, by either sign.
    worked: Duration,
    /// How much the machine had worked for it then.
    work: Option<Duration>,
    /// Why it was ended.
    pub(super) ended_for: Option<Failure>,
}

impl Watch {
    /// It is ready.
    pub(super) fn begin(&mut self, now: Duration) {
        *self = Self { looked: now, got_on: now, worked: now, ..Self::default() };
    }

    /// It is given work: what it did not do before is no sign.
    pub(super) fn has_work(&mut self, now: Duration) {
        if self.looks_well() {
            (self.got_on, self.worked) = (now, now);
        }
    }

    /// When it last got on.
    pub(super) fn last_progress(&self) -> Duration {
        self.got_on
    }

    /// Whether the last look saw it getting on.
    fn looks_well(&self) -> bool {
        self.got_on >= self.looked
    }

    /// A look ended that nobody is interested in any more.
    fn ignore(&mut self) {
        self.looking = false;
    }

    /// Takes in a look; says for how long it has hung, if it has.
    fn take_in(&mut self, look: &Look, now: Duration, hang: Duration) -> Option<Duration> {
        let slept = now.saturating_sub(self.looked) > SLEPT;
        (self.looking, self.looked) = (false, now);
        let before = std::mem::replace(&mut self.progress, progress_of(&look.health));
        let got_on = match look.health {
            Health::Working { progress } => before != Some(progress),
            Health::Failing { .. } => false,
            // That its process is gone is told by its end.
            Health::Ready | Health::Loading | Health::Dead => true,
        };
        if got_on || slept {
            (self.got_on, self.worked, self.work) = (now, now, look.worked);
            return None;
        }
        if self.has_worked(look.worked, now) {
            (self.worked, self.work) = (now, look.worked);
        }
        let quiet = |since: Duration| now.saturating_sub(since);
        let hangs = quiet(self.worked) >= hang || quiet(self.got_on) >= hang.saturating_mul(BENEFIT);
        hangs.then(|| quiet(self.got_on))
    }

    /// Whether the machine has worked for it since it last got on. Where nobody can tell, it has.
    fn has_worked(&self, work: Option<Duration>, now: Duration) -> bool {
        let Some((work, before)) = work.zip(self.work) else { return true };
        let enough = WORK + now.saturating_sub(self.worked) / WORK_PART;
        work.saturating_sub(before) >= enough
    }
}

fn progress_of(health: &Health) -> Option<u64> {
    match health {
        Health::Working { progress } => Some(*progress),
        _ => None,
    }
}

impl State {
    /// Looks at whatever it is time to look at.
    pub(super) fn look_at_what_runs(&mut self, actions: &mut Vec<Action>) {
        let (now, hang) = (self.now, self.policy.hang);
        for (id, instance) in self.instances.busy_mut() {
            if instance.next_look(hang).is_some_and(|due| due <= now) {
                instance.watch.looking = true;
                actions.push(Action::Look { instance: id.clone() });
            }
        }
    }

    /// Ends an instance that gets nothing done. What it was asked fails with it, or is asked anew.
    pub(super) fn looked(&mut self, id: &InstanceId, look: &Look, actions: &mut Vec<Action>) {
        let (now, limit) = (self.now, self.policy.hang);
        let Some(instance) = self.instances.get_mut(id) else { return };
        let Some(limit) = limit else { return instance.watch.ignore() };
        let hung = instance.watch.take_in(look, now, limit);
        let runs = matches!(instance.state, InstanceState::Ready | InstanceState::Draining);
        let Some(hung) = hung.filter(|_| runs) else { return };
        let detail = match &look.health {
            Health::Failing { cause } => Some(cause.clone()),
            _ => None,
        };
        let failure = Failure { detail, ..Failure::new(FailureReason::Hung { seconds: hung.as_secs() }) };
        instance.watch.ended_for = Some(failure.clone());
        instance.drained_by = None;
        self.change(id, InstanceState::Stopping, actions);
        actions.push(Action::End { instance: id.clone(), failure });
    }

    pub(super) fn watch_times(&self) -> impl Iterator<Item = Duration> {
        let hang = self.policy.hang;
        self.instances.busy_values().filter_map(move |instance| instance.next_look(hang))
    }
}

impl InstanceEntry {
    /// When it is to be looked at.
    fn next_look(&self, hang: Option<Duration>) -> Option<Duration> {
        let runs = matches!(self.state, InstanceState::Ready | InstanceState::Draining);
        let hang = hang.filter(|_| runs && !self.watch.looking)?;
        let closely = self.leases > 0 || !self.watch.looks_well();
        let every = if closely { BUSY_EVERY } else { IDLE_EVERY };
        Some(self.watch.looked.saturating_add(every.min(hang / LOOKS)))
    }
}
