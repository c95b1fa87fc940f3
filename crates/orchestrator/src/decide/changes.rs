//! Models that are taken away, changed, or come back after a restart, while all else goes on.

use std::sync::Arc;

use loadmaster_core::{Event, InstanceState, LoadRequest};

use super::{InstanceEntry, ModelEntry, Progress, State, Wanted, trouble::Trouble};
use crate::{
    Configured, ModelRules, OrchestratorError, Policy, Resident, Restore,
    steps::{Action, Preparation, Prepared},
};

impl State {
    /// `model` may not be asked for any more: who waits is turned away, what is served may finish.
    pub(super) fn model_removed(&mut self, model: &str, actions: &mut Vec<Action>) {
        self.call_off(model);
        let Some(entry) = self.models.get_mut(model).filter(|entry| !entry.removed) else {
            return;
        };
        entry.removed = true;
        let made_room = std::mem::take(&mut entry.made_room);
        // Plans that are under way are for nobody, also if a model of that name is added again.
        self.editions += 1;
        // Nothing holds it here any more, and nothing brings it back.
        (entry.rules, entry.offloaded, entry.too_large) = (ModelRules::default(), None, None);
        self.refuse_all(model, &OrchestratorError::Removed(model.to_owned()), actions);
        if made_room {
            self.something_ended(model);
        }
        if let Some(id) = self.living(model).map(|(id, _)| id.clone()) {
            self.begin_drain(&id, self.drain_of(model), actions);
        }
    }

    /// Forgets the models that were taken away, once nothing of them runs.
    pub(super) fn forget_the_removed(&mut self) {
        let gone = |entry: &ModelEntry| entry.removed && self.living_of(entry).is_none();
        let gone: Vec<String> =
            self.models.busy().filter(|(_, entry)| gone(entry)).map(|(model, _)| model.clone()).collect();
        for model in gone {
            if let Some(id) = self.models.remove(&model).and_then(|entry| entry.instance) {
                self.instances.remove(&id);
            }
        }
    }

    /// A model that was taken away is there again before the last of it has ended.
    pub(super) fn bring_back(&mut self, request: LoadRequest, rules: ModelRules) {
        self.editions += 1;
        if let Some(entry) = self.models.get_mut(&request.model.id) {
            (entry.removed, entry.edition) = (false, self.editions);
            entry.wanted = if rules.preload { Wanted::Yes } else { Wanted::No };
            (entry.request, entry.rules, entry.trouble) = (request, rules, Trouble::default());
        }
    }

    /// `request` takes the place of what its model was loaded by, and `rules` that of its rules.
    pub(super) fn model_changed(
        &mut self,
        request: LoadRequest,
        rules: ModelRules,
        actions: &mut Vec<Action>,
    ) {
        let model = request.model.id.clone();
        let Some(entry) = self.models.get_mut(&model).filter(|entry| !entry.removed) else {
            return;
        };
        let pins_change = entry.rules.pinned != rules.pinned;
        entry.follow(rules);
        if pins_change {
            self.may_be_impossible_now();
        }
        let Some(entry) = self.models.get_mut(&model).filter(|entry| entry.request != request) else {
            return;
        };
        self.editions += 1;
        (entry.request, entry.edition) = (request, self.editions);
        // What is known of it was true of what it was.
        (entry.offloaded, entry.too_large, entry.trouble) = (None, None, Trouble::default());
        if self.closing {
            return;
        }
        match std::mem::replace(&mut entry.progress, Progress::None) {
            Progress::Planning { promised, .. } => self.prepare(&model, promised, true, actions),
            // It is planned when the room is made.
            room @ Progress::MakingRoom { .. } => entry.progress = room,
            // Planned anew for those who wait, if there are any.
            waits @ (Progress::Blocked { .. } | Progress::None | Progress::Comparing) => {
                if let Some(claim) = waits.promised() {
                    self.ledger.withdraw(&claim);
                }
                self.compare(&model, actions);
            }
        }
    }

    /// What is pinned has changed: whoever waits may wait in vain.
    fn may_be_impossible_now(&mut self) {
        for entry in self.models.busy_values_mut() {
            if let Progress::Blocked { possible, .. } = &mut entry.progress {
                *possible = None;
            }
        }
    }

    /// Other times and queues hold from now on; budgets have an input of their own.
    pub(super) fn policy_changed(&mut self, policy: Policy) {
        let budgets = std::mem::take(&mut self.policy.budgets);
        self.policy = Policy { budgets, ..policy };
    }

    /// Asks for the plan that `model` would be run by now, if it runs.
    fn compare(&mut self, model: &str, actions: &mut Vec<Action>) {
        if !self.living(model).is_some_and(|(_, instance)| instance.stays()) {
            return;
        }
        let outlook = self.outlook_instead_of(model);
        let Some(entry) = self.models.get_mut(model) else { return };
        self.preparations += 1;
        let number = self.preparations;
        (entry.progress, entry.asked) = (Progress::Comparing, number);
        let (request, edition) = (entry.request.clone(), entry.edition);
        let preparation = Preparation { request, again: None, outlook, settle: false, edition, number };
        actions.push(Action::Prepare(Box::new(preparation)));
    }

    /// Takes in the plan that `model` would be run by now: if it runs by another one, it is loaded anew.
    pub(super) fn compared(
        &mut self,
        model: &str,
        outcome: Result<Prepared, OrchestratorError>,
        actions: &mut Vec<Action>,
    ) {
        let comparing = |entry: &ModelEntry| matches!(entry.progress, Progress::Comparing);
        // Nobody waits for this plan any more: the model was stopped or ended meanwhile.
        if !self.models.get(model).is_some_and(comparing) {
            return;
        }
        self.call_off(model);
        let Some((id, instance)) = self.living(model) else { return };
        match outcome {
            // It runs on; when it is loaded the next time, whoever asks for it is told.
            Err(error) => {
                let cause = error.to_string();
                actions.push(Action::Tell(Event::Refused { model: model.to_owned(), cause }));
            }
            Ok(prepared) if prepared.plan == instance.plan => {
                let (id, edition) = (id.clone(), self.models.get(model).map(|entry| entry.edition));
                if let (Some(instance), Some(edition)) = (self.instances.get_mut(&id), edition) {
                    instance.edition = edition;
                }
            }
            Ok(_) if !instance.stays() => {}
            Ok(_) => {
                let id = id.clone();
                if let Some(entry) = self.models.get_mut(model) {
                    entry.wanted = Wanted::Yes;
                }
                actions.push(Action::Tell(Event::Outdated { instance: id.clone() }));
                self.begin_drain(&id, self.drain_of(model), actions);
            }
        }
    }

    /// What ended has no plan that another one could be compared with.
    pub(super) fn compares_no_more(&mut self, model: &str) {
        if let Some(entry) = self.models.get_mut(model)
            && matches!(entry.progress, Progress::Comparing)
        {
            entry.progress = Progress::None;
        }
    }

    /// How `model` is loaded and treated, and what it runs by now.
    pub(crate) fn configured(&self, model: &str) -> Result<Configured, OrchestratorError> {
        let entry = self.known(model).ok_or_else(|| self.unknown(model))?;
        let runs = self.living_of(entry).filter(|instance| instance.stays());
        let plan = runs.map(|instance| Arc::clone(&instance.plan));
        let comparing = matches!(entry.progress, Progress::Comparing);
        Ok(Configured { request: entry.request.clone(), rules: entry.rules, plan, comparing })
    }

    /// What is loaded or comes back, the latest used first, then what makes room for others.
    pub(crate) fn residents(&self) -> Vec<Resident> {
        let resident = |entry: &ModelEntry| {
            let instance = self.living_of(entry);
            let plan = match instance.filter(|instance| instance.stays()) {
                Some(instance) => Some(&instance.plan).filter(|_| instance.edition == entry.edition),
                None if entry.wanted == Wanted::No => return None,
                None => entry.offloaded.as_ref(),
            };
            let used = instance.map(|instance| instance.used);
            let (request, plan) = (entry.request.clone(), plan.map(|plan| (**plan).clone()));
            Some((used, entry.resumed, Resident { request, plan }))
        };
        let mut residents: Vec<_> =
            self.models.busy_values().filter(|entry| !entry.removed).filter_map(resident).collect();
        residents.sort_by_key(|(used, resumed, _)| (std::cmp::Reverse(*used), *resumed));
        residents.into_iter().map(|(.., resident)| resident).collect()
    }

    /// Loads what was there before a restart, in this order, as soon as nothing waits for memory. By the
    /// plan that it had, where it is still asked for in the same way.
    pub(crate) fn resume(&mut self, residents: Vec<Resident>) {
        for (place, resident) in residents.into_iter().enumerate() {
            let entry = self.models.get_mut(&resident.request.model.id);
            let Some(entry) = entry.filter(|entry| !entry.removed && entry.instance.is_none()) else {
                continue;
            };
            (entry.wanted, entry.resumed) = (Wanted::Yes, Some(place));
            entry.offloaded = resident.plan.filter(|_| entry.request == resident.request).map(Arc::new);
        }
    }

    /// Whether `model` came back after a restart with a plan that never fits here now, and is planned anew.
    pub(super) fn gives_its_plan_up(&mut self, model: &str) -> bool {
        let entry = self.models.get_mut(model).filter(|entry| entry.resumed.is_some());
        entry.is_some_and(|entry| entry.offloaded.take().is_some())
    }
}

impl InstanceEntry {
    /// Whether it runs or starts, and is not about to end.
    fn stays(&self) -> bool {
        matches!(self.state, InstanceState::Starting | InstanceState::Ready)
    }
}

impl ModelEntry {
    /// Is treated as `rules` say from now on.
    fn follow(&mut self, rules: ModelRules) {
        let before = std::mem::replace(&mut self.rules, rules);
        if before == rules {
            return;
        }
        if rules.preload && !before.preload {
            self.wanted = Wanted::Yes;
        }
        let comes_back = self.offloaded.is_some() && rules.restore != Restore::Never;
        if !rules.preload && !comes_back && (before.preload || self.offloaded.take().is_some()) {
            self.wanted = Wanted::No;
        }
    }
}
