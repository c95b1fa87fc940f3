//! The decisions: a pure function from a state and an input to actions.
//!
//! Reads no clock, no memory, no process: what it needs of the world comes with the input. So any
//! history can be replayed, and millions of random ones can be tried.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use loadmaster_core::{
    BackendError, Estimate, Event, Failure, FailureReason, InstanceId, InstanceState, LaunchPlan,
    LoadRequest, Machine,
};

use crate::{
    Budgets, InstanceStatus, ModelStatus, OrchestratorError, Shortage, Status,
    ledger::Ledger,
    steps::{Action, Facts, Input, Prepared, Ticket},
};

#[derive(Debug)]
struct ModelEntry {
    request: LoadRequest,
    waiting: VecDeque<Ticket>,
    /// A plan is being made for those who wait.
    preparing: bool,
    /// The latest instance, dead ones too.
    instance: Option<InstanceId>,
}

#[derive(Debug)]
struct InstanceEntry {
    model: String,
    state: InstanceState,
    plan: Arc<LaunchPlan>,
    predicted: Estimate,
    facts: Option<Facts>,
    leases: usize,
    /// Who waits for its end.
    stop_tickets: Vec<Ticket>,
}

/// All that the orchestrator knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    models: BTreeMap<String, ModelEntry>,
    instances: BTreeMap<InstanceId, InstanceEntry>,
    ledger: Ledger,
    budgets: Budgets,
    /// Counts starts, so that no instance's name is used twice.
    starts: u64,
    closing: bool,
}

impl State {
    pub(crate) fn new(budgets: Budgets) -> Self {
        Self { budgets, ..Self::default() }
    }

    /// Adds a model that may be asked for.
    pub(crate) fn add(&mut self, request: LoadRequest) -> Result<(), OrchestratorError> {
        let id = request.model.id.clone();
        if self.models.contains_key(&id) {
            return Err(OrchestratorError::DuplicateModel(id));
        }
        let entry = ModelEntry { request, waiting: VecDeque::new(), preparing: false, instance: None };
        self.models.insert(id, entry);
        Ok(())
    }

    /// The request that a model was added with.
    pub(crate) fn request(&self, model: &str) -> Result<&LoadRequest, OrchestratorError> {
        self.models.get(model).map(|entry| &entry.request).ok_or_else(|| self.unknown(model))
    }

    /// What keeps `estimate` from fitting now.
    pub(crate) fn shortages(&self, estimate: &Estimate, machine: &Machine) -> Vec<Shortage> {
        self.ledger.shortages(estimate, machine, &self.budgets)
    }

    /// Everything, for those who ask.
    pub(crate) fn status(&self) -> Status {
        let models = self.models.iter().map(|(id, entry)| ModelStatus {
            id: id.clone(),
            kind: entry.request.model.kind,
            waiting: entry.waiting.len(),
            instance: entry.instance.as_ref().and_then(|id| self.instance_status(id)),
        });
        Status { models: models.collect() }
    }

    fn instance_status(&self, id: &InstanceId) -> Option<InstanceStatus> {
        let entry = self.instances.get(id)?;
        Some(InstanceStatus {
            id: id.clone(),
            model: entry.model.clone(),
            state: entry.state.clone(),
            pid: entry.facts.as_ref().and_then(|facts| facts.pid),
            endpoint: entry.facts.as_ref().map(|facts| facts.endpoint.clone()),
            leases: entry.leases,
            plan: LaunchPlan::clone(&entry.plan),
            predicted: entry.predicted.clone(),
            actual: entry.facts.as_ref().and_then(|facts| facts.measured.clone()),
        })
    }

    /// Takes in what happened and says what to do, in this order.
    pub(crate) fn apply(&mut self, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::LeaseAsked { ticket, model } => self.lease_asked(ticket, &model, &mut actions),
            Input::LeaseReturned { instance } => self.lease_returned(&instance, &mut actions),
            Input::Prepared { model, outcome } => self.prepared(&model, outcome, &mut actions),
            Input::Started { instance, outcome } => self.started(&instance, outcome, &mut actions),
            Input::Exited { instance, failure } => self.exited(&instance, failure, &mut actions),
            Input::StopAsked { ticket, model } => self.stop_asked(ticket, &model, &mut actions),
            Input::DrainExpired { instance } => self.drain_expired(&instance, &mut actions),
            Input::StopDone { instance, outcome } => self.stop_done(&instance, outcome, &mut actions),
            Input::CloseAsked => self.close_asked(&mut actions),
        }
        if self.closing && !self.instances.values().any(|entry| entry.state.is_alive()) {
            actions.push(Action::Closed);
        }
        actions
    }

    fn unknown(&self, model: &str) -> OrchestratorError {
        OrchestratorError::UnknownModel {
            model: model.to_owned(),
            known: self.models.keys().cloned().collect(),
        }
    }

    fn lease_asked(&mut self, ticket: Ticket, model: &str, actions: &mut Vec<Action>) {
        let refusal =
            if self.closing { Err(OrchestratorError::Closing) } else { self.request(model).map(drop) };
        if let Err(error) = refusal {
            actions.push(Action::Tell(Event::Refused { model: model.to_owned(), cause: error.to_string() }));
            actions.push(Action::Refuse { ticket, error });
            return;
        }
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        entry.waiting.push_back(ticket);
        self.serve(model, actions);
    }

    /// Moves the requests that wait for `model` on, by what its instance is doing.
    fn serve(&mut self, model: &str, actions: &mut Vec<Action>) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        if entry.waiting.is_empty() {
            return;
        }
        let current = entry.instance.as_ref().and_then(|id| Some((id, self.instances.get_mut(id)?)));
        match current {
            Some((id, instance)) if instance.state == InstanceState::Ready => {
                instance.leases += entry.waiting.len();
                let grant = |ticket| Action::Grant { ticket, instance: id.clone() };
                actions.extend(entry.waiting.drain(..).map(grant));
            }
            // It is on its way up, or still on its way down: its next input brings us here again.
            Some((_, instance)) if instance.state.is_alive() => {}
            _ if entry.preparing => {}
            _ => {
                entry.preparing = true;
                actions.push(Action::Prepare { request: entry.request.clone() });
            }
        }
    }

    fn lease_returned(&mut self, id: &InstanceId, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        instance.leases = instance.leases.saturating_sub(1);
        if instance.leases == 0 && instance.state == InstanceState::Draining {
            self.begin_stop(id, actions);
        }
    }

    fn prepared(
        &mut self,
        model: &str,
        outcome: Result<Prepared, OrchestratorError>,
        actions: &mut Vec<Action>,
    ) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        // Nobody waits for this plan any more: the model was stopped meanwhile.
        if !std::mem::take(&mut entry.preparing) {
            return;
        }
        let admitted = outcome.and_then(|prepared| self.admit(model, prepared));
        match admitted {
            Ok(prepared) => self.begin_start(model, prepared, actions),
            Err(error) => self.refuse_all(model, &error, actions),
        }
    }

    /// The prepared plan, if it fits.
    fn admit(&self, model: &str, prepared: Prepared) -> Result<Prepared, OrchestratorError> {
        let shortages = self.shortages(&prepared.estimate, &prepared.machine);
        if shortages.is_empty() {
            return Ok(prepared);
        }
        let alive = self.instances.values().filter(|instance| instance.state.is_alive());
        let running = alive.map(|instance| instance.model.clone()).collect();
        Err(OrchestratorError::DoesNotFit { model: model.to_owned(), shortages, running })
    }

    fn begin_start(&mut self, model: &str, prepared: Prepared, actions: &mut Vec<Action>) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        self.starts += 1;
        let id = InstanceId::new(model, self.starts);
        // The record of the last one, kept to tell why it ended, has served.
        if let Some(earlier) = entry.instance.replace(id.clone()) {
            self.instances.remove(&earlier);
        }
        let estimate = prepared.estimate.clone();
        self.ledger.reserve(id.clone(), estimate.clone());
        let instance = InstanceEntry {
            model: model.to_owned(),
            state: InstanceState::Starting,
            plan: Arc::clone(&prepared.plan),
            predicted: estimate.clone(),
            facts: None,
            leases: 0,
            stop_tickets: Vec::new(),
        };
        self.instances.insert(id.clone(), instance);
        actions.push(Action::Tell(Event::Reserved { instance: id.clone(), estimate }));
        actions.push(Action::Tell(Event::State { instance: id.clone(), state: InstanceState::Starting }));
        actions.push(Action::Start { instance: id, prepared });
    }

    fn started(&mut self, id: &InstanceId, outcome: Result<Facts, BackendError>, actions: &mut Vec<Action>) {
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
                instance.facts = Some(facts);
                self.ledger.taken(id);
                self.change(id, InstanceState::Ready, actions);
                self.serve(&model, actions);
            }
            Err(error) => {
                let failure = failure_of(&error);
                self.ledger.release(id);
                self.change(id, InstanceState::Crashed { failure }, actions);
                self.refuse_all(&model, &OrchestratorError::Backend(error), actions);
            }
        }
    }

    fn exited(&mut self, id: &InstanceId, failure: Failure, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        // While it stops, its end is no news: the stop's own answer comes.
        if !matches!(instance.state, InstanceState::Ready | InstanceState::Draining) {
            return;
        }
        let model = instance.model.clone();
        let tickets = std::mem::take(&mut instance.stop_tickets);
        self.ledger.release(id);
        self.change(id, InstanceState::Crashed { failure }, actions);
        actions.extend(tickets.into_iter().map(|ticket| Action::AnswerStop { ticket, outcome: Ok(()) }));
        self.serve(&model, actions);
    }

    fn stop_asked(&mut self, ticket: Ticket, model: &str, actions: &mut Vec<Action>) {
        let Some(entry) = self.models.get_mut(model) else {
            actions.push(Action::AnswerStop { ticket, outcome: Err(self.unknown(model)) });
            return;
        };
        // A plan that is being made is for nobody now.
        entry.preparing = false;
        let id = entry.instance.clone();
        let alive = id.and_then(|id| self.instances.get_mut(&id).map(|instance| (id, instance)));
        let alive = alive.filter(|(_, instance)| instance.state.is_alive());
        let Some((id, instance)) = alive else {
            self.refuse_all(model, &OrchestratorError::CalledOff(model.to_owned()), actions);
            actions.push(Action::AnswerStop { ticket, outcome: Ok(()) });
            return;
        };
        instance.stop_tickets.push(ticket);
        // Those who wait for this very start are told now; those who come later start it again.
        let starting = instance.state == InstanceState::Starting;
        self.begin_drain(&id, actions);
        if starting {
            self.refuse_all(model, &OrchestratorError::CalledOff(model.to_owned()), actions);
        }
    }

    /// Lets the instance finish what it has, then ends it.
    fn begin_drain(&mut self, id: &InstanceId, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get(id) else {
            return;
        };
        match (&instance.state, instance.leases) {
            (InstanceState::Starting, _) | (InstanceState::Ready, 0) => self.begin_stop(id, actions),
            (InstanceState::Ready, _) => {
                self.change(id, InstanceState::Draining, actions);
                actions.push(Action::LimitDrain { instance: id.clone() });
            }
            _ => {}
        }
    }

    fn drain_expired(&mut self, id: &InstanceId, actions: &mut Vec<Action>) {
        if self.instances.get(id).is_some_and(|instance| instance.state == InstanceState::Draining) {
            self.begin_stop(id, actions);
        }
    }

    fn begin_stop(&mut self, id: &InstanceId, actions: &mut Vec<Action>) {
        self.change(id, InstanceState::Stopping, actions);
        actions.push(Action::Stop { instance: id.clone() });
    }

    fn stop_done(&mut self, id: &InstanceId, outcome: Result<(), BackendError>, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        if instance.state != InstanceState::Stopping {
            return;
        }
        let model = instance.model.clone();
        let tickets = std::mem::take(&mut instance.stop_tickets);
        // Also when it would not end: what it still holds is missing from the machine's free memory.
        self.ledger.release(id);
        let next = match &outcome {
            Ok(()) => InstanceState::Stopped,
            Err(error) => InstanceState::Crashed { failure: failure_of(error) },
        };
        self.change(id, next, actions);
        let outcome = outcome.map_err(OrchestratorError::Backend);
        let answer = |ticket| Action::AnswerStop { ticket, outcome: outcome.clone() };
        actions.extend(tickets.into_iter().map(answer));
        self.serve(&model, actions);
    }

    fn close_asked(&mut self, actions: &mut Vec<Action>) {
        self.closing = true;
        let models: Vec<String> = self.models.keys().cloned().collect();
        for model in models {
            self.refuse_all(&model, &OrchestratorError::Closing, actions);
        }
        let alive: Vec<InstanceId> = self.instances.keys().cloned().collect();
        for id in alive {
            self.begin_drain(&id, actions);
        }
    }

    fn refuse_all(&mut self, model: &str, error: &OrchestratorError, actions: &mut Vec<Action>) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        entry.preparing = false;
        if entry.waiting.is_empty() {
            return;
        }
        actions.push(Action::Tell(Event::Refused { model: model.to_owned(), cause: error.to_string() }));
        let refuse = |ticket| Action::Refuse { ticket, error: error.clone() };
        actions.extend(entry.waiting.drain(..).map(refuse));
    }

    fn change(&mut self, id: &InstanceId, next: InstanceState, actions: &mut Vec<Action>) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        debug_assert!(instance.state.may_become(&next), "{id}: {:?} -> {next:?}", instance.state);
        instance.state = next.clone();
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

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
