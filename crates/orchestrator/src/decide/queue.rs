//! Requests that wait, and the leases they are granted.

use std::time::Duration;

use loadmaster_core::{Event, InstanceId, InstanceState};

use super::{ModelEntry, State, Waiter, Wanted};
use crate::{
    OrchestratorError, Priority, QueuePlace, Wish,
    steps::{Action, Ticket},
};

impl State {
    pub(super) fn lease_asked(&mut self, ticket: Ticket, model: &str, wish: Wish, actions: &mut Vec<Action>) {
        let refusal = match self.known(model) {
            _ if self.closing => OrchestratorError::Closing,
            None => self.unknown(model),
            Some(entry) if entry.waiting.len() >= self.policy.queue => {
                OrchestratorError::QueueFull { model: model.to_owned(), waiting: self.policy.queue }
            }
            Some(entry) => match self.crash_loop(model, entry) {
                Some(refusal) => refusal,
                None => return self.enqueue(ticket, model, wish),
            },
        };
        refuse(ticket, model, refusal, actions);
    }

    /// Its instance ended before it had answered: it waits anew, unless somebody wanted that end.
    pub(super) fn lease_asked_again(
        &mut self,
        ticket: Ticket,
        lost: &InstanceId,
        model: &str,
        wish: Wish,
        actions: &mut Vec<Action>,
    ) {
        let was_stopped = self.instances.get(lost).is_some_and(|instance| {
            let ends = matches!(instance.state, InstanceState::Stopping | InstanceState::Stopped);
            ends && !instance.comes_back && instance.watch.ended_for.is_none()
        });
        if was_stopped && !self.closing {
            return refuse(ticket, model, OrchestratorError::CalledOff(model.to_owned()), actions);
        }
        self.lease_asked(ticket, model, wish, actions);
    }

    fn enqueue(&mut self, ticket: Ticket, model: &str, wish: Wish) {
        let since = self.now;
        let until = since.saturating_add(wish.wait.unwrap_or(self.policy.wait));
        if let Some(entry) = self.models.get_mut(model) {
            let Wish { priority, keep, keep_alive, .. } = wish;
            entry.waiting.push(Waiter { ticket, priority, keep, keep_alive, since, until });
        }
    }

    pub(super) fn gave_up(&mut self, ticket: Ticket) {
        for entry in self.models.busy_values_mut() {
            entry.waiting.retain(|waiter| waiter.ticket != ticket);
        }
    }

    /// Where a request stands among those who wait for the same model, and why they wait.
    pub(crate) fn place(&self, ticket: Ticket) -> Option<QueuePlace> {
        let holds = |entry: &ModelEntry| entry.waiting.iter().any(|waiter| waiter.ticket == ticket);
        let (model, entry) = self.models.busy().find(|(_, entry)| holds(entry))?;
        let waiting = &entry.waiting;
        let order = |waiter: &Waiter| waiter.order(self.now, self.policy.turn);
        let own = order(waiting.iter().find(|waiter| waiter.ticket == ticket)?);
        let before = waiting.iter().filter(|waiter| order(waiter) < own).count();
        Some(QueuePlace { place: before + 1, of: waiting.len(), why: self.why(model, entry) })
    }

    pub(super) fn lease_returned(&mut self, id: &InstanceId, keep: bool) {
        if let Some(instance) = self.instances.get_mut(id) {
            let count = if keep { &mut instance.keeps } else { &mut instance.leases };
            *count = count.saturating_sub(1);
            instance.used = self.now;
            instance.served.get_or_insert(self.now);
        }
    }

    /// Turns away who has waited long enough.
    pub(super) fn expire_waiters(&mut self, actions: &mut Vec<Action>) {
        let now = self.now;
        for (model, entry) in self.models.busy_mut() {
            let late: Vec<Waiter> = entry.waiting.extract_if(.., |waiter| waiter.until <= now).collect();
            actions.extend(late.into_iter().map(|waiter| Action::Refuse {
                ticket: waiter.ticket,
                error: OrchestratorError::WaitedTooLong {
                    model: model.clone(),
                    waited: now.saturating_sub(waiter.since),
                },
            }));
        }
    }

    /// Gives every ready instance as many requests as it works on at once. The others wait here, where
    /// they can still be taken elsewhere, told, or turned away.
    pub(super) fn grant(&mut self, actions: &mut Vec<Action>) {
        let (now, turn) = (self.now, self.policy.turn);
        for entry in self.models.busy_values_mut().filter(|entry| !entry.waiting.is_empty()) {
            let Some((id, instance)) =
                entry.instance.as_ref().and_then(|id| Some((id, self.instances.get_mut(id)?)))
            else {
                continue;
            };
            if instance.state != InstanceState::Ready {
                continue;
            }
            let slots = instance.facts.as_ref().and_then(|facts| facts.slots);
            let slots = slots.map_or(usize::MAX, |slots| usize::try_from(slots).unwrap_or(usize::MAX));
            while let Some(waiter) = take_next(&mut entry.waiting, instance.leases < slots.max(1), now, turn)
            {
                let count = if waiter.keep { &mut instance.keeps } else { &mut instance.leases };
                *count += 1;
                instance.used = now;
                instance.watch.has_work(now);
                let Waiter { ticket, keep, keep_alive, .. } = waiter;
                instance.keep_alive = keep_alive.or(instance.keep_alive);
                actions.push(Action::Grant { ticket, instance: id.clone(), keep });
            }
        }
    }

    /// Turns away all who wait for `model`.
    pub(super) fn refuse_all(&mut self, model: &str, error: &OrchestratorError, actions: &mut Vec<Action>) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        entry.wanted = Wanted::No;
        if entry.waiting.is_empty() {
            return;
        }
        actions.push(Action::Tell(Event::Refused { model: model.to_owned(), cause: error.to_string() }));
        let refuse = |waiter: Waiter| Action::Refuse { ticket: waiter.ticket, error: error.clone() };
        actions.extend(entry.waiting.drain(..).map(refuse));
    }

    pub(super) fn queue_times(&self) -> impl Iterator<Item = Duration> {
        self.models.busy_values().flat_map(|entry| entry.waiting.iter().map(|waiter| waiter.until))
    }
}

impl ModelEntry {
    /// When the first of those who wait came.
    pub(super) fn waits_since(&self) -> Option<Duration> {
        self.waiting.iter().map(|waiter| waiter.since).min()
    }

    /// The most pressing priority among those who wait.
    pub(super) fn priority(&self, now: Duration, turn: Duration) -> Priority {
        self.waiting.iter().map(|waiter| waiter.priority(now, turn)).min().unwrap_or(Priority::Batch)
    }
}

impl Waiter {
    /// Who only keeps the model loaded goes first, and then interactive requests; among equals, and once a
    /// whole turn has passed, the first come.
    fn order(&self, now: Duration, turn: Duration) -> (bool, Priority, Duration, Ticket) {
        (!self.keep, self.priority(now, turn), self.since, self.ticket)
    }

    /// Whoever has waited for a whole turn presses as hard as anybody.
    fn priority(&self, now: Duration, turn: Duration) -> Priority {
        let overdue = now.saturating_sub(self.since) >= turn;
        if overdue { Priority::Interactive } else { self.priority }
    }
}

fn refuse(ticket: Ticket, model: &str, error: OrchestratorError, actions: &mut Vec<Action>) {
    actions.push(Action::Tell(Event::Refused { model: model.to_owned(), cause: error.to_string() }));
    actions.push(Action::Refuse { ticket, error });
}

/// The first of those who may go: who only keeps the model loaded, and the others where there is a place.
fn take_next(waiting: &mut Vec<Waiter>, has_place: bool, now: Duration, turn: Duration) -> Option<Waiter> {
    let may_go = waiting.iter().enumerate().filter(|(_, waiter)| waiter.keep || has_place);
    let (place, _) = may_go.min_by_key(|(_, waiter)| waiter.order(now, turn))?;
    Some(waiting.remove(place))
}
