//! Plans: made, looked at again and again while they do not fit, and carried out.

use std::{collections::BTreeSet, time::Duration};

use loadmaster_core::{Estimate, Event, InstanceId, InstanceState};

use super::{
    Progress, State, Wanted,
    claims::Claimed,
    glance::Glance,
    verdict::{Pressure, Verdict},
};
use crate::{
    OrchestratorError,
    steps::{Action, Preparation, Prepared},
};

/// How long a reading of the machine may be acted on: other programs come and go.
pub(super) const FRESH: Duration = Duration::from_millis(500);

/// What a plan does without that is made after its predecessor ran out of memory, in percent.
const SPARE_PERCENT: u64 = 15;

impl State {
    /// Plans every model that somebody waits for and that nothing is done for yet.
    pub(super) fn plan_what_is_asked_for(&mut self, actions: &mut Vec<Action>) {
        let asked = |(model, entry): (&String, &super::ModelEntry)| {
            let asked = !entry.waiting.is_empty() && matches!(entry.progress, Progress::None);
            let may_start = || self.living_of(entry).is_none() && entry.trouble.is_over(self.now);
            (asked && may_start()).then(|| model.clone())
        };
        let models: Vec<String> = self.models.busy().filter_map(asked).collect();
        for model in models {
            self.prepare(&model, None, false, actions);
        }
    }

    /// Plans again, with a fresh reading, where all have gone who had to.
    pub(super) fn plan_when_room_was_made(&mut self, actions: &mut Vec<Action>) {
        let alive = |id: &InstanceId| self.instances.get(id).is_some_and(|entry| entry.state.is_alive());
        let made = |(model, entry): (&String, &super::ModelEntry)| match &entry.progress {
            Progress::MakingRoom { promised, leaving } => {
                let needless = entry.waiting.is_empty() && entry.wanted == Wanted::No;
                let done = !leaving.iter().any(alive);
                (needless || done).then(|| (model.clone(), promised.clone(), needless))
            }
            _ => None,
        };
        let made: Vec<_> = self.models.busy().filter_map(made).collect();
        for (model, promised, needless) in made {
            if needless {
                self.call_off(&model);
            } else {
                self.prepare(&model, Some(promised), true, actions);
            }
        }
    }

    pub(super) fn prepare(
        &mut self,
        model: &str,
        promised: Option<InstanceId>,
        settle: bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        // What is kept for it while it waits is kept while it is planned anew.
        let claim = std::mem::replace(&mut entry.progress, Progress::None).promised();
        let promised = promised.or(claim);
        let mut outlook = self.outlook(model);
        outlook.own.extend(promised.clone());
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        if entry.too_large.is_some() {
            outlook.spare_percent = SPARE_PERCENT;
        }
        // What was offloaded comes back as it was; a request takes what is best now.
        let again = entry.offloaded.clone().filter(|_| entry.waiting.is_empty());
        let settle = settle || self.something_ended_just_now();
        let changes = self.ledger.changes();
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        entry.progress = Progress::Planning { promised, changes, settle, outdated: false };
        self.preparations += 1;
        let number = self.preparations;
        entry.asked = number;
        let (request, edition) = (entry.request.clone(), entry.edition);
        let preparation = Preparation { request, again, outlook, settle, edition, number };
        actions.push(Action::Prepare(Box::new(preparation)));
    }

    /// Takes in a plan. Whether it fits is looked at by [`State::admit_the_blocked`].
    pub(super) fn prepared(
        &mut self,
        model: &str,
        (edition, number): (u64, u64),
        outcome: Result<Prepared, OrchestratorError>,
        actions: &mut Vec<Action>,
    ) {
        // Nobody waits for this plan any more: the model was stopped or changed meanwhile.
        let expected = |entry: &&super::ModelEntry| (entry.edition, entry.asked) == (edition, number);
        let Some(entry) = self.models.get(model).filter(expected) else { return };
        let Progress::Planning { promised, changes, settle, outdated } = &entry.progress else {
            return self.compared(model, outcome, actions);
        };
        let (promised, changes, settle, outdated) = (promised.clone(), *changes, *settle, *outdated);
        if let Ok(Prepared { machine, .. }) = &outcome
            && settle
        {
            self.look_for_returns(machine, changes, actions);
        }
        if outdated {
            self.prepare(model, promised, true, actions);
            return;
        }
        self.call_off(model);
        let now = self.now;
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        match outcome {
            // The plan it had is of no use any more: it is planned anew.
            Err(_) if entry.offloaded.take().is_some() => {}
            Err(error) => self.refuse_all(model, &error, actions),
            Ok(prepared) => {
                if let Some((larger, error)) = &entry.too_large
                    && larger.settings == prepared.plan.settings
                {
                    let error = error.clone();
                    entry.too_large = None;
                    self.refuse_all(model, &error, actions);
                    return;
                }
                let prepared = Box::new(prepared);
                entry.progress = Progress::Blocked {
                    prepared,
                    read: now,
                    changes,
                    possible: None,
                    elsewhere: false,
                    claim: None,
                };
            }
        }
    }

    /// Lets go of what was under way for a model that does not run.
    pub(super) fn call_off(&mut self, model: &str) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        let promised = std::mem::replace(&mut entry.progress, Progress::None).promised();
        if let Some(id) = promised {
            self.ledger.withdraw(&id);
        }
    }

    /// Starts what fits and makes room for what may, the most pressing first.
    pub(super) fn admit_the_blocked(&mut self, actions: &mut Vec<Action>) {
        let blocked = |entry: &super::ModelEntry| matches!(entry.progress, Progress::Blocked { .. });
        let mut models: Vec<_> = self
            .models
            .iter()
            .filter(|(_, entry)| blocked(entry))
            .map(|(model, entry)| {
                let since = entry.waits_since();
                ((since.is_none(), entry.priority(self.now, self.policy.turn), since), model.clone())
            })
            .collect();
        models.sort();
        self.look_again = false;
        self.withdraw_claims();
        let (mut glance, mut claimed) = (self.glance(), Claimed::default());
        for (_, model) in models {
            let before = actions.len();
            self.admit(&model, &mut glance, &mut claimed, actions);
            if actions.len() > before {
                glance = self.glance();
            }
        }
        self.look_at = self.room_times().filter(|time| *time > self.now).min();
    }

    fn admit(&mut self, model: &str, glance: &mut Glance, claimed: &mut Claimed, actions: &mut Vec<Action>) {
        let Some(entry) = self.models.get(model) else { return };
        let Progress::Blocked { prepared, read, changes, possible, .. } = &entry.progress else { return };
        let for_a_request = !entry.waiting.is_empty();
        if !for_a_request && entry.wanted == Wanted::No {
            self.call_off(model);
            return;
        }
        let pressure = match entry.waits_since() {
            Some(since) => Pressure::Since(since, entry.waiting.len()),
            None => Pressure::unasked(entry.rules.restore),
        };
        let known_possible = *possible == Some(self.ledger.changes());
        let verdict = if for_a_request && known_possible && glance.excludes(&prepared.estimate) {
            Verdict::Wait
        } else {
            self.verdict(model, &prepared.estimate, &prepared.machine, pressure, &glance.may_go)
        };
        let stale = self.now.saturating_sub(*read) > FRESH;
        // What came back since is in neither the reading nor the ledger, and what was taken is in both: too
        // little is seen, or too much.
        let outdated = self.ledger.changes() != *changes;
        if matches!(verdict, Verdict::Wait) && for_a_request {
            let elsewhere = self.may_run_elsewhere(model, prepared, pressure, glance);
            self.claim(model, claimed, glance);
            return self.look_elsewhere(model, elsewhere, stale, actions);
        }
        let prepared = prepared.clone();
        if stale || outdated && !matches!(verdict, Verdict::MakeRoom(_)) {
            self.claim(model, claimed, glance);
        }
        match verdict {
            Verdict::Never(_) if !for_a_request && self.gives_its_plan_up(model) => self.call_off(model),
            Verdict::Wait | Verdict::Never(_) if !for_a_request => self.give_up_for_now(model),
            _ if stale => self.prepare(model, None, false, actions),
            Verdict::Start | Verdict::Never(_) if outdated => self.prepare(model, None, true, actions),
            Verdict::Start => self.begin_start(model, *prepared, actions),
            Verdict::MakeRoom(leaving) => self.make_room(model, &prepared.estimate, leaving, actions),
            Verdict::Never(shortages) => {
                self.call_off(model);
                let pinned = self.pinned_ones();
                let error = OrchestratorError::DoesNotFit { model: model.to_owned(), shortages, pinned };
                self.refuse_all(model, &error, actions);
                // What was moved away comes back when budgets grow, whoever asked in vain meanwhile.
                if let Some(entry) = self.models.get_mut(model).filter(|entry| entry.offloaded.is_some()) {
                    entry.wanted = Wanted::NoRoom { tried: self.now };
                }
            }
            Verdict::Wait => {}
        }
    }

    fn make_room(
        &mut self,
        model: &str,
        estimate: &Estimate,
        leaving: BTreeSet<InstanceId>,
        actions: &mut Vec<Action>,
    ) {
        let Some(entry) = self.models.get_mut(model) else {
            return;
        };
        let for_a_request = !entry.waiting.is_empty();
        // Not used by anything that lives: it is greater than all that were.
        let promised = InstanceId::new(model, self.starts + 1);
        entry.progress = Progress::MakingRoom { promised: promised.clone(), leaving: leaving.clone() };
        entry.made_room = true;
        self.ledger.reserve(promised, estimate.clone());
        let event = Event::MakingRoom { model: model.to_owned(), leaving: leaving.iter().cloned().collect() };
        actions.push(Action::Tell(event));
        for id in leaving {
            if self.instances.get(&id).is_none_or(|one| one.state != InstanceState::Ready) {
                continue;
            }
            if for_a_request {
                self.offload(&id);
            }
            self.move_away(&id, actions);
        }
    }

    pub(super) fn room_times(&self) -> impl Iterator<Item = Duration> {
        let blocked = |entry: &&super::ModelEntry| matches!(entry.progress, Progress::Blocked { .. });
        let new_plans = self.models.busy_values().filter_map(|entry| match entry.progress {
            Progress::Blocked { read, elsewhere: true, .. } => {
                Some(read.saturating_add(FRESH + Duration::from_millis(1)))
            }
            _ => None,
        });
        let models = self.models.busy_values().filter(blocked).filter_map(super::ModelEntry::waits_since);
        let waits = models.chain(self.holds_wait_since());
        let (first, turn, now) = (waits.clone().min(), self.policy.turn, self.now);
        // For instances that have had their turn, the next one who will have waited for one decides.
        let next = waits.map(|since| since.saturating_add(turn)).filter(|time| *time > self.now).min();
        let ready = self.instances.busy_values().filter(|instance| instance.state == InstanceState::Ready);
        let ready = ready.flat_map(move |instance| {
            let pays_off = first.map(|_| instance.pays_off());
            let lingers = instance.used.saturating_add(self.policy.linger);
            let had_its_turn = instance.ready.saturating_add(turn) <= now;
            let first = first.map(|since| since.max(instance.ready).saturating_add(turn));
            let lingers = (first.is_some() && instance.is_free()).then_some(lingers);
            let turns = if had_its_turn { next } else { first };
            turns.into_iter().chain(lingers).chain(pays_off)
        });
        ready.chain(new_plans)
    }
}
