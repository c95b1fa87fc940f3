//! Instances, from their start to their end.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{BackendError, Event, Failure, FailureReason, InstanceId, InstanceState};

use super::{InstanceEntry, State, Wanted, watch::Watch};
use crate::{
    OrchestratorError,
    steps::{Action, Facts, Prepared, Ticket},
};

impl State {
    pub(super) fn begin_start(&mut self, model: &str, prepared: Prepared, actions: &mut Vec<Action>) {
        let now = self.now;
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        entry.progress = super::Progress::None;
        entry.made_room = false;
        self.starts += 1;
        let id = InstanceId::new(model, self.starts);
        let edition = entry.edition;
        // What went for others, or to be loaded in another way, stays for as long as it was to stay before.
        let comes_back = entry.wanted != Wanted::No;
        // The record of the last one, kept to tell why it ended, has served.
        let earlier = entry.instance.replace(id.clone()).and_then(|earlier| self.instances.remove(&earlier));
        let keep_alive = earlier.filter(|_| comes_back).and_then(|earlier| earlier.keep_alive);
        let estimate = prepared.estimate.clone();
        self.ledger.reserve(id.clone(), estimate.clone());
        let instance = InstanceEntry {
            model: model.to_owned(),
            state: InstanceState::Starting,
            plan: Arc::clone(&prepared.plan),
            predicted: estimate.clone(),
            facts: None,
            leases: 0,
            keeps: 0,
            begun: now,
            ready: now,
            used: now,
            served: None,
            drained_by: None,
            comes_back: false,
            stop_tickets: Vec::new(),
            watch: Watch::default(),
            keep_alive,
            edition,
        };
        self.instances.insert(id.clone(), instance);
        actions.push(Action::Tell(Event::Reserved { instance: id.clone(), estimate }));
        actions.push(Action::Tell(Event::State { instance: id.clone(), state: InstanceState::Starting }));
        actions.push(Action::Start { instance: id, prepared });
    }

    pub(super) fn started(
        &mut self,
        id: &InstanceId,
        outcome: Result<Facts, BackendError>,
        actions: &mut Vec<Action>,
    ) {
        let now = self.now;
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        // Called off meanwhile: the stop that is under way ends it.
        if instance.state != InstanceState::Starting {
            return;
        }
        let model = instance.model.clone();
        match outcome {
            Ok(facts) => {
                if let Some(actual) = facts.measured.clone() {
                    let predicted = instance.predicted.clone();
                    actions.push(Action::Tell(Event::Measured { instance: id.clone(), predicted, actual }));
                }
                self.ledger.taken(id, facts.measured.as_ref());
                instance.facts = Some(facts);
                (instance.ready, instance.used) = (now, now);
                instance.watch.begin(now);
                if let Some(entry) = self.models.get_mut(&model) {
                    (entry.wanted, entry.offloaded, entry.too_large) = (Wanted::No, None, None);
                    entry.resumed = None;
                }
                self.change(id, InstanceState::Ready, actions);
            }
            Err(error) => self.start_failed(id, &model, error, actions),
        }
    }

    /// Tells who waited. Where memory ran out, a smaller plan is tried first, once.
    fn start_failed(&mut self, id: &InstanceId, model: &str, error: BackendError, actions: &mut Vec<Action>) {
        let failure = failure_of(&error);
        let out_of_memory = matches!(failure.reason, FailureReason::OutOfMemory { .. });
        self.ledger.release(id);
        self.change(id, InstanceState::Crashed { failure: failure.clone() }, actions);
        let error = OrchestratorError::Backend(error);
        let (Some(entry), Some(instance)) = (self.models.get_mut(model), self.instances.get(id)) else {
            return;
        };
        if out_of_memory && entry.too_large.is_none() && !entry.waiting.is_empty() {
            // It is planned again because somebody waits.
            entry.too_large = Some((Arc::clone(&instance.plan), error));
            return;
        }
        entry.too_large = None;
        // What came back as it was is planned anew before it is given up.
        let plan_anew = entry.offloaded.take().is_some() && entry.waiting.is_empty();
        self.died(model, failure);
        if !plan_anew {
            self.refuse_all(model, &error, actions);
        }
    }

    pub(super) fn exited(&mut self, id: &InstanceId, failure: Failure, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        // While it stops, its end is no news: the stop's own answer comes.
        if !matches!(instance.state, InstanceState::Ready | InstanceState::Draining) {
            return;
        }
        let model = instance.model.clone();
        self.ledger.release(id);
        self.died(&model, failure.clone());
        let tickets = self.stop_tickets_of(id);
        self.change(id, InstanceState::Crashed { failure }, actions);
        actions.extend(tickets.into_iter().map(|ticket| Action::AnswerStop { ticket, outcome: Ok(()) }));
    }

    pub(super) fn stop_asked(&mut self, ticket: Ticket, model: &str, actions: &mut Vec<Action>) {
        if !self.models.contains_key(model) {
            actions.push(Action::AnswerStop { ticket, outcome: Err(self.unknown(model)) });
            return;
        }
        // A plan that is being made is for nobody now.
        self.call_off(model);
        if let Some(entry) = self.models.get_mut(model) {
            (entry.wanted, entry.offloaded) = (Wanted::No, None);
        }
        let called_off = OrchestratorError::CalledOff(model.to_owned());
        let Some((id, instance)) = self.living(model) else {
            self.refuse_all(model, &called_off, actions);
            actions.push(Action::AnswerStop { ticket, outcome: Ok(()) });
            return;
        };
        // Those who wait for this very start are told now; those who come later start it again.
        let (id, starting) = (id.clone(), instance.state == InstanceState::Starting);
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.stop_tickets.push(ticket);
            // Also when it was about to make room.
            instance.comes_back = false;
        }
        self.begin_drain(&id, self.policy.drain, actions);
        if starting {
            self.refuse_all(model, &called_off, actions);
        }
    }

    /// Lets the instance finish what it has, for so long at most, then ends it.
    pub(super) fn begin_drain(&mut self, id: &InstanceId, drain: Duration, actions: &mut Vec<Action>) {
        let drained_by = self.now.saturating_add(drain);
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        match (&instance.state, instance.is_free()) {
            (InstanceState::Starting, _) | (InstanceState::Ready, true) => self.begin_stop(id, actions),
            (InstanceState::Ready, _) => {
                instance.drained_by = Some(drained_by);
                self.change(id, InstanceState::Draining, actions);
            }
            _ => {}
        }
    }

    /// Ends what has drained, or had its time to.
    pub(super) fn end_drains(&mut self, actions: &mut Vec<Action>) {
        let drained = |(id, instance): (&InstanceId, &InstanceEntry)| {
            let over = instance.drained_by.is_some_and(|deadline| deadline <= self.now);
            let draining = instance.state == InstanceState::Draining;
            (draining && (instance.is_free() || over)).then(|| id.clone())
        };
        let drained: Vec<InstanceId> = self.instances.busy().filter_map(drained).collect();
        for id in drained {
            self.begin_stop(&id, actions);
        }
    }

    fn begin_stop(&mut self, id: &InstanceId, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        instance.drained_by = None;
        // What still works on something would have to finish it first.
        let save = instance.comes_back && instance.is_free() && instance.facts.is_some();
        self.change(id, InstanceState::Stopping, actions);
        actions.push(Action::Stop { instance: id.clone(), save });
    }

    /// Unloads an instance whose model may be asked for again, for the sake of others.
    pub(super) fn move_away(&mut self, id: &InstanceId, actions: &mut Vec<Action>) {
        let model = self.instances.get(id).map(|instance| instance.model.clone());
        let drain = model.map_or(self.policy.drain, |model| self.drain_of(&model));
        self.unload(id, drain, actions);
    }

    /// How long an instance of `model` may take to finish what it has when others need its place.
    pub(super) fn drain_of(&self, model: &str) -> Duration {
        let own = self.models.get(model).and_then(|entry| entry.rules.drain_seconds);
        own.map_or(self.policy.drain, Duration::from_secs)
    }

    /// Unloads an instance that may come back, with so much time to finish what it has.
    fn unload(&mut self, id: &InstanceId, drain: Duration, actions: &mut Vec<Action>) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.comes_back = true;
        }
        self.begin_drain(id, drain, actions);
    }

    pub(super) fn stop_done(
        &mut self,
        id: &InstanceId,
        outcome: Result<(), BackendError>,
        actions: &mut Vec<Action>,
    ) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        if instance.state != InstanceState::Stopping {
            return;
        }
        let hung = instance.watch.ended_for.clone();
        let model = instance.model.clone();
        // Also when it would not end: what it still holds is missing from the machine's free memory.
        self.ledger.release(id);
        self.has_left(id);
        if let Some(failure) = hung.clone() {
            self.died(&model, failure);
        }
        let tickets = self.stop_tickets_of(id);
        let next = match (&outcome, hung) {
            (_, Some(failure)) => InstanceState::Crashed { failure },
            (Ok(()), None) => InstanceState::Stopped,
            (Err(error), None) => InstanceState::Crashed { failure: failure_of(error) },
        };
        self.change(id, next, actions);
        let outcome = outcome.map_err(OrchestratorError::Backend);
        let answer = |ticket| Action::AnswerStop { ticket, outcome: outcome.clone() };
        actions.extend(tickets.into_iter().map(answer));
    }

    /// Those who wait for its end, who are told now.
    fn stop_tickets_of(&mut self, id: &InstanceId) -> Vec<Ticket> {
        let instance = self.instances.get_mut(id);
        instance.map(|instance| std::mem::take(&mut instance.stop_tickets)).unwrap_or_default()
    }

    pub(super) fn close_asked(&mut self, actions: &mut Vec<Action>) {
        self.closing = true;
        self.close_holds(actions);
        let models: Vec<String> = self.models.keys().cloned().collect();
        for model in models {
            self.call_off(&model);
            self.refuse_all(&model, &OrchestratorError::Closing, actions);
        }
        let alive: Vec<InstanceId> = self.instances.keys().cloned().collect();
        for id in alive {
            if self.policy.resume {
                self.unload(&id, self.policy.drain, actions);
                continue;
            }
            self.begin_drain(&id, self.policy.drain, actions);
        }
    }

    pub(super) fn change(&mut self, id: &InstanceId, next: InstanceState, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        debug_assert!(instance.state.may_become(&next), "{id}: {:?} -> {next:?}", instance.state);
        instance.state = next.clone();
        if !next.is_alive() {
            instance.drained_by = None;
            let model = instance.model.clone();
            self.ended = Some(self.now);
            self.compares_no_more(&model);
            self.something_ended(&model);
        }
        actions.push(Action::Tell(Event::State { instance: id.clone(), state: next }));
    }
}

/// The typed reason within an error of a backend.
fn failure_of(error: &BackendError) -> Failure {
    match error {
        BackendError::StartFailed { failure, .. } => (**failure).clone(),
        other => Failure { detail: Some(other.to_string()), ..Failure::new(FailureReason::Unknown) },
    }
}
