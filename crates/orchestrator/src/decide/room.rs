//! Plans, and whom they make go.

use std::{collections::BTreeSet, time::Duration};

use loadmaster_core::{DeviceId, Estimate, Event, HoldId, InstanceId, InstanceState, Machine};

use super::{
    InstanceEntry, Progress, State, Wanted,
    claims::Claimed,
    glance::Glance,
    victims::{self, Candidate},
};
use crate::{
    OrchestratorError, Restore, Shortage,
    ledger::Gone,
    steps::{Action, Preparation, Prepared},
};

/// How long a reading of the machine may be acted on: other programs come and go.
pub(super) const FRESH: Duration = Duration::from_millis(500);

/// What a plan does without that is made after its predecessor ran out of memory, in percent.
const SPARE_PERCENT: u64 = 15;

/// What may happen with a plan now.
#[derive(Debug)]
pub(super) enum Verdict {
    Start,
    /// Those go first.
    MakeRoom(BTreeSet<InstanceId>),
    /// Nobody can go yet.
    Wait,
    /// Not even when all go that may.
    Never(Vec<Shortage>),
}

/// How hard a model presses for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pressure {
    /// Nobody waits for it.
    None,
    /// Nobody waits for it, but it shall always run.
    Always,
    /// Somebody has waited for it since then; so many wait.
    Since(Duration, usize),
    /// As if somebody had waited for a turn.
    Overdue,
}

impl Pressure {
    /// How hard a model presses that nobody waits for.
    pub(super) fn unasked(restore: Restore) -> Self {
        if restore == Restore::Always { Self::Always } else { Self::None }
    }
}

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

    /// The models that hold memory and never make room.
    pub(super) fn pinned_ones(&self) -> Vec<String> {
        let alive = self.instances.busy_values().filter(|instance| instance.state.is_alive());
        alive.map(|instance| instance.model.clone()).filter(|model| self.is_pinned(model)).collect()
    }

    pub(super) fn verdict(
        &self,
        model: &str,
        estimate: &Estimate,
        machine: &Machine,
        pressure: Pressure,
        may_go: &BTreeSet<InstanceId>,
    ) -> Verdict {
        // It would run in its own place.
        let own: BTreeSet<InstanceId> = self.held_by(model).collect();
        let shortages = |gone: &BTreeSet<InstanceId>, holds: BTreeSet<HoldId>| {
            let gone = Gone { instances: gone | &own, holds };
            self.ledger.shortages(estimate, machine, &self.policy.budgets, &gone)
        };
        let behind = self.holds_behind(model);
        let without = |gone: &BTreeSet<InstanceId>| shortages(gone, behind.clone());
        if without(&BTreeSet::new()).is_empty() {
            return Verdict::Start;
        }
        // Those who have something of what it needs.
        let pools = pools(estimate, machine);
        let in_the_way = |id: &InstanceId| {
            let mut parts = self.ledger.reservation(id).into_iter().flat_map(|held| &held.devices);
            parts.any(|part| pool(&part.device, machine).is_none_or(|pool| pools.contains(&pool)))
        };
        let others = || {
            let alive = self.instances.busy().filter(|(_, instance)| instance.state.is_alive());
            let others = alive.filter(|(id, instance)| instance.model != model && in_the_way(id));
            others.filter(|(_, instance)| !self.is_pinned(&instance.model))
        };
        // Holds end: nobody is turned away because of them.
        let lacking = shortages(may_go, self.all_holds());
        if !lacking.is_empty() {
            // What is being loaded is reserved in full and lacks in part among what is free: by how much, nobody
            // can tell before it is loaded.
            let gone = Gone { instances: may_go | &own, holds: self.all_holds() };
            let at_best = self.something_loads().then(|| self.ledger.before_loading(machine));
            let in_doubt = at_best.is_some_and(|machine| {
                self.ledger.shortages(estimate, &machine, &self.policy.budgets, &gone).is_empty()
            });
            return if in_doubt { Verdict::Wait } else { Verdict::Never(lacking) };
        }
        let leaving = self.leaving();
        let fits = |going: &BTreeSet<InstanceId>| without(&(going | &leaving)).is_empty();
        let may_go = |(id, instance): (&InstanceId, &InstanceEntry)| self.candidate(pressure, id, instance);
        match victims::choose(others().filter_map(may_go).collect(), fits) {
            Some(going) => Verdict::MakeRoom(&going | &leaving),
            None => Verdict::Wait,
        }
    }

    /// `instance` as one that may go for who presses so hard.
    pub(super) fn candidate(
        &self,
        pressure: Pressure,
        id: &InstanceId,
        instance: &InstanceEntry,
    ) -> Option<Candidate> {
        let (linger, may_interrupt) = match (pressure, &instance.state) {
            (Pressure::Overdue, InstanceState::Starting | InstanceState::Ready) => (Duration::ZERO, true),
            (Pressure::Since(since, requests), InstanceState::Ready) => {
                let dry = || self.has_run_dry(instance, requests);
                (self.policy.linger, self.is_overdue(since, instance) || dry())
            }
            (Pressure::Always | Pressure::None, InstanceState::Ready) => {
                (self.yields_after(instance, pressure)?, false)
            }
            _ => return None,
        };
        let idle = self.now.saturating_sub(instance.used);
        let asked_for = self.models.get(&instance.model).is_some_and(|entry| !entry.waiting.is_empty());
        let busy = !instance.is_free() || asked_for || idle < linger;
        if busy && !may_interrupt {
            return None;
        }
        let held = self.ledger.reservation(id).map_or(0, |estimate| {
            estimate.devices.iter().map(|part| part.weights).fold(0, u64::saturating_add)
        });
        Some(Candidate { id: id.clone(), busy, bytes: held, idle: if busy { Duration::ZERO } else { idle } })
    }

    /// Whether `instance` works on less than it could, nobody waits for it, and so many wait for another model
    /// that they would fill its places: who asks for it next would be served among empty places, one after
    /// another, while the others wait. Its start must have paid off, or models would change for ever.
    fn has_run_dry(&self, instance: &InstanceEntry, requests: usize) -> bool {
        let slots =
            instance.facts.as_ref().and_then(|facts| facts.slots).and_then(|slots| slots.try_into().ok());
        let Some(slots): Option<usize> = slots else { return false };
        let asked_for = self.models.get(&instance.model).is_some_and(|entry| !entry.waiting.is_empty());
        instance.pays_off() <= self.now
            && !asked_for
            && instance.keeps == 0
            && instance.leases < slots
            && requests >= slots
    }

    /// Whether who waits since then has waited for a turn, and `instance` has had one.
    fn is_overdue(&self, since: Duration, instance: &InstanceEntry) -> bool {
        since.max(instance.ready).saturating_add(self.policy.turn) <= self.now
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

/// Whose memory `device` uses; `None` when the machine no longer has it.
fn pool(device: &DeviceId, machine: &Machine) -> Option<DeviceId> {
    machine.devices.iter().find(|known| known.id == *device).map(loadmaster_core::Device::pool)
}

/// All memories that `estimate` needs something of.
fn pools(estimate: &Estimate, machine: &Machine) -> Vec<DeviceId> {
    let needed = estimate.devices.iter().filter(|part| part.total() > 0);
    needed.filter_map(|part| pool(&part.device, machine)).collect()
}
