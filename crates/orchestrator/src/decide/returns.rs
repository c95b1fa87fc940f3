//! Looking for memory that should have come back.

use std::time::Duration;

use loadmaster_core::{DeviceId, Event, InstanceId, InstanceState, Machine};

use super::{Progress, State};
use crate::{ProcessMemory, steps::Action};

/// How often what is missing is looked for when nobody asks for anything.
const AGAIN: Duration = Duration::from_secs(10);

/// Drivers give back what a process had some time after its end; far more than they need.
const COMES_BACK: Duration = Duration::from_secs(2);

/// The looks at memory that is missing.
#[derive(Debug, Default)]
pub(super) struct Rechecks {
    /// Whether one is under way.
    under_way: bool,
    last: Duration,
}

impl State {
    /// A server is about to be stopped; so much memory is free, and so much its process has.
    pub(super) fn is_leaving(&mut self, id: InstanceId, machine: &Machine, process: &ProcessMemory) {
        // What is being loaded takes memory that is not told apart from what is missing.
        if !self.something_loads() {
            self.returns.is_leaving(id, machine, process, self.ledger.changes());
        }
    }

    /// It has ended, and was released.
    pub(super) fn has_left(&mut self, id: &InstanceId) {
        self.returns.has_left(id, self.ledger.changes());
    }

    /// Compares with a reading from when the ledger had changed so often.
    pub(super) fn look_for_returns(&mut self, machine: &Machine, changes: u64, actions: &mut Vec<Action>) {
        if changes != self.ledger.changes() || self.something_loads() {
            return;
        }
        self.rechecks.last = self.now;
        let foreign = |pool: &DeviceId| self.ledger.foreign_in(pool, machine);
        for (device, bytes) in self.returns.look(machine, foreign, changes) {
            actions.push(Action::Tell(Event::NotReturned { device, bytes }));
        }
    }

    pub(super) fn rechecked(&mut self, machine: Option<&Machine>, changes: u64, actions: &mut Vec<Action>) {
        self.rechecks = Rechecks { under_way: false, last: self.now };
        if let Some(machine) = machine {
            self.look_for_returns(machine, changes, actions);
        }
    }

    /// Rechecks when nothing else is going on, which would read the machine itself.
    pub(super) fn recheck_when_it_is_quiet(&mut self, actions: &mut Vec<Action>) {
        let busy = self.something_loads()
            || self.reads_for_a_hold()
            || self.instances.busy_values().any(|one| one.state == InstanceState::Stopping)
            || self.models.busy_values().any(|entry| !matches!(entry.progress, Progress::None));
        let due = self.returns.is_due() || self.recheck_time().is_some_and(|time| time <= self.now);
        if due && !busy && !self.rechecks.under_way {
            self.rechecks.under_way = true;
            actions.push(Action::Recheck { changes: self.ledger.changes() });
        }
    }

    /// Whether some of what a server had may still be on its way back.
    pub(super) fn something_ended_just_now(&self) -> bool {
        self.ended.is_some_and(|ended| self.now.saturating_sub(ended) < COMES_BACK)
    }

    pub(super) fn something_loads(&self) -> bool {
        self.instances.busy_values().any(|one| one.state == InstanceState::Starting)
    }

    /// When what is missing is looked for again.
    pub(super) fn recheck_time(&self) -> Option<Duration> {
        let missing = !self.returns.missing().is_empty() && !self.rechecks.under_way;
        missing.then(|| self.rechecks.last.saturating_add(AGAIN))
    }
}
