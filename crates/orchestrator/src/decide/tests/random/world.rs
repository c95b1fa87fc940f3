//! A world that answers what is decided, with random luck.

use std::collections::{BTreeMap, BTreeSet};

use loadmaster_core::Health;

use super::super::*;
use super::memory::{Memory, Share};
use crate::{HoldRequest, Resident, steps::Look};

/// What the machine has.
pub(super) const TOTAL: u64 = 130;
/// What models may take of it: the first in the beginning, any of them later.
const BUDGETS: [u64; 5] = [100, 60, 130, 30, 80];
pub(super) const MODELS: [(&str, u64); 4] = [("a", 40), ("b", 60), ("c", 70), ("d", 10)];

pub(super) fn bytes_of(model: &str) -> u64 {
    MODELS.iter().find(|(name, _)| *name == model).map_or(0, |(_, bytes)| *bytes)
}

/// A world that answers the actions, in random order and with random luck.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) now: u64,
    pub(super) pending: Vec<Input>,
    /// Leases that requests hold, by instance.
    pub(super) held: Vec<(InstanceId, bool)>,
    pub(super) open: BTreeSet<Ticket>,
    pub(super) memory: Memory,
    looking: BTreeSet<InstanceId>,
    /// Those whose last look showed progress.
    got_on: BTreeSet<InstanceId>,
    /// Those that get nothing done any more.
    hanging: BTreeSet<InstanceId>,
    looks: u64,
    /// Instances that ended while somebody had a lease on them, and their models.
    lost: Vec<(InstanceId, String)>,
    /// The bytes that a model takes since it was changed.
    changed: BTreeMap<String, u64>,
    /// Models that were taken away.
    pub(super) removed: BTreeSet<String>,
    pub(super) budget: u64,
    /// Whether any model was ever pinned.
    pins: bool,
    /// Holds that wait for an answer.
    pub(super) open_holds: BTreeMap<HoldId, (DeviceId, u64)>,
}

impl World {
    /// One in which nothing has happened yet.
    pub(super) fn of(machine: u8) -> Self {
        Self { budget: BUDGETS[0], memory: Memory::of(machine), ..Self::default() }
    }

    /// How `instance` is. Luck lets some hang for good, and some be silent now and then.
    fn look(&mut self, instance: &InstanceId, luck: u8) -> Look {
        self.looks += 1;
        if luck.is_multiple_of(6) {
            self.hanging.insert(instance.clone());
        }
        let silent = Health::Failing { cause: "no answer".to_owned() };
        if self.hanging.contains(instance) {
            self.got_on.remove(instance);
            let health = if luck.is_multiple_of(2) { silent } else { Health::Working { progress: 0 } };
            return Look { health, worked: Some(Duration::ZERO) };
        }
        let health = match luck % 3 {
            0 => silent,
            1 => Health::Ready,
            _ => Health::Working { progress: self.looks },
        };
        if !matches!(health, Health::Failing { .. }) {
            self.got_on.insert(instance.clone());
        }
        Look { health, worked: Some(Duration::from_secs(self.looks)) }
    }

    pub(super) fn apply(&mut self, state: &mut State, input: Input, luck: u8) {
        self.bury(&input);
        let actions = state.apply(Duration::from_millis(self.now), input);
        self.take(actions, luck);
        // Nothing is left undone that time alone would allow.
        let again = state.apply(Duration::from_millis(self.now), Input::Tick);
        let again = short(&again);
        assert!(again.is_empty() || again == ["closed"], "{again:?}");
        for place in self.open.iter().filter_map(|ticket| state.place(*ticket)) {
            let why = place.why.expect("who waits can be told why");
            assert!(why.others.iter().all(|other| other.model != why.model), "it is in its own way: {why:?}");
        }
    }

    /// Notes what the actions lead to, and checks that each is allowed.
    fn take(&mut self, actions: Vec<Action>, luck: u8) {
        for action in actions {
            match action {
                Action::Prepare(preparation) => {
                    let request = &preparation.request;
                    let model = request.model.id.clone();
                    let asked = request.settings.get("bytes").and_then(serde_json::Value::as_u64);
                    let bytes = match &preparation.again {
                        Some(plan) => plan.settings["bytes"].as_u64().expect("it is ours"),
                        None => asked.unwrap_or(bytes_of(&model)),
                    };
                    let outcome = Ok(self.memory.plan(&preparation, bytes, self.now));
                    let (edition, number) = (preparation.edition, preparation.number);
                    self.pending.push(Input::Prepared { model, edition, number, outcome });
                }
                Action::Start { instance, prepared } => {
                    let (model, bytes) = (&prepared.plan.model.id, prepared.plan.settings["bytes"].as_u64());
                    assert!(!self.removed.contains(model), "{instance} was started and is taken away");
                    assert_eq!(bytes, Some(self.bytes_of(model)), "{instance} is what it was once");
                    let device = prepared.estimate.devices[0].device.clone();
                    let share = Share { device: device.clone(), bytes: self.bytes_of(model), loaded: false };
                    let twice = self.memory.alive.insert(instance.clone(), share);
                    assert!(twice.is_none(), "{instance} was started twice");
                    self.memory.check();
                    let (taken, _) = self.memory.taken(&device);
                    assert!(taken <= self.budget, "{taken} of {}: {:?}", self.budget, self.memory);
                    self.pending.push(match luck % 5 {
                        0 => failed(&instance.to_string(), FailureReason::Unknown),
                        1 => failed(&instance.to_string(), FailureReason::OutOfMemory { device: None }),
                        _ => ready(&instance, luck.is_multiple_of(2).then_some(1)),
                    });
                }
                Action::Grant { ticket, instance, keep } => {
                    assert!(self.open.remove(&ticket), "{ticket} was answered twice");
                    assert!(self.memory.alive.contains_key(&instance), "{instance} was granted and is dead");
                    self.held.push((instance, keep));
                }
                Action::Refuse { ticket, error } => {
                    assert!(self.open.remove(&ticket), "{ticket} was answered twice");
                    self.check_refusal(&error);
                }
                Action::AnswerStop { ticket, .. } => {
                    assert!(self.open.remove(&ticket), "{ticket} was answered twice");
                }
                Action::Stop { instance, .. } => {
                    assert!(self.memory.alive.contains_key(&instance), "{instance} was stopped and is dead");
                    // A start that is called off reports nothing more.
                    self.pending.retain(
                        |input| !matches!(input, Input::Started { instance: id, .. } if *id == instance),
                    );
                    self.pending.push(Input::StopDone { instance, outcome: Ok(()) });
                }
                Action::Read(Reading { hold, settle }) => {
                    let outcome = match luck % 7 {
                        0 => Err(OrchestratorError::Machine("it does not tell".to_owned())),
                        _ => Ok(self.memory.read(self.now, settle)),
                    };
                    self.pending.push(Input::HoldRead { hold, outcome });
                }
                Action::Recheck { changes } => {
                    let machine = Some(self.memory.read(self.now, true));
                    self.pending.push(Input::Rechecked { machine, changes });
                }
                Action::GrantHold { hold } => {
                    let bytes = self.open_holds.remove(&hold).expect("it waited");
                    self.memory.holds.insert(hold, bytes);
                    self.memory.check();
                }
                Action::RefuseHold { hold, .. } => {
                    assert!(self.open_holds.remove(&hold).is_some(), "{hold} was answered twice");
                }
                Action::Tell(Event::HoldReleased { hold }) => self.memory.end_hold(hold, self.now),
                Action::Tell(_) | Action::Closed => {}
                Action::Look { instance } => {
                    assert!(
                        self.memory.alive.contains_key(&instance),
                        "{instance} was looked at and is dead"
                    );
                    assert!(self.looking.insert(instance.clone()), "{instance} is looked at already");
                    let look = self.look(&instance, luck);
                    self.pending.push(Input::Looked { instance, look });
                }
                Action::End { instance, .. } => {
                    assert!(self.memory.alive.contains_key(&instance), "{instance} was ended and is dead");
                    assert!(!self.got_on.contains(&instance), "{instance} had just got on");
                    self.pending.push(Input::StopDone { instance, outcome: Ok(()) });
                }
            }
        }
    }

    /// Nobody is told that it never fits, unless it is more than a device may have.
    fn check_refusal(&self, error: &OrchestratorError) {
        if let OrchestratorError::DoesNotFit { shortages, .. } = error
            && !self.pins
        {
            let most = self.budget.min(TOTAL);
            assert!(shortages.iter().any(|shortage| shortage.needed > most), "{error}: {:?}", self.memory);
        }
    }

    /// What the world itself knows to be dead after `input`.
    fn bury(&mut self, input: &Input) {
        match input {
            Input::Looked { instance, .. } => {
                self.looking.remove(instance);
            }
            Input::Started { instance, outcome: Ok(_) } => {
                if let Some(share) = self.memory.alive.get_mut(instance) {
                    share.loaded = true;
                }
            }
            Input::Started { instance, outcome: Err(_) }
            | Input::StopDone { instance, .. }
            | Input::Exited { instance, .. } => {
                self.memory.end(instance, self.now);
                if self.held.iter().any(|(held, _)| held == instance) {
                    self.lost.push((instance.clone(), instance.to_string()[..1].to_owned()));
                }
            }
            _ => {}
        }
    }

    pub(super) fn rules(&mut self, seed: u8) -> ModelRules {
        let rules = rules(seed);
        self.pins |= rules.pinned;
        rules
    }

    pub(super) fn policy(&self) -> Policy {
        Policy { budgets: self.memory.budgets(self.budget), hang: None, ..Policy::default() }
    }

    fn bytes_of(&self, model: &str) -> u64 {
        self.changed.get(model).copied().unwrap_or(bytes_of(model))
    }

    /// A model is changed, taken away, or added again.
    fn change(&mut self, state: &mut State, model: String, pick: u8) -> Input {
        let bytes = 10 + u64::from(pick);
        let changed = request(&model).with("bytes", bytes);
        match (self.removed.contains(&model), pick % 4) {
            (true, _) => {
                let rules = self.rules(pick);
                state.add(changed.clone(), rules).expect("it was taken away");
                let plan =
                    state.models.get(&model).unwrap().instance.is_none().then(|| plan_of(&model, bytes));
                // As after a restart.
                state.resume(vec![Resident { request: changed, plan }]);
                self.removed.remove(&model);
                self.changed.insert(model, bytes);
                Input::Tick
            }
            (false, 0) => {
                self.removed.insert(model.clone());
                Input::ModelRemoved { model }
            }
            (false, 1) => {
                let request = state.request(&model).expect("it is there").clone();
                Input::ModelChanged { request, rules: self.rules(pick) }
            }
            (false, _) => {
                self.changed.insert(model, bytes);
                Input::ModelChanged { request: changed, rules: self.rules(pick) }
            }
        }
    }

    /// The next thing that happens.
    pub(super) fn next(&mut self, state: &mut State, ticket: Ticket, kind: u8, pick: u8) -> Option<Input> {
        let place = usize::from(pick);
        let model = MODELS[place % MODELS.len()].0.to_owned();
        let wait = (pick > 200).then(|| Duration::from_millis(u64::from(pick)));
        let priority = if pick.is_multiple_of(3) { Priority::Batch } else { Priority::Interactive };
        Some(match kind {
            0 | 1 => {
                self.open.insert(ticket);
                let keep_alive = match pick % 16 {
                    0 => Some(KeepAlive::For(Duration::ZERO)),
                    5 => Some(KeepAlive::For(Duration::from_millis(u64::from(pick) * 40))),
                    10 => Some(KeepAlive::Forever),
                    _ => None,
                };
                let wish = Wish { priority, wait, keep: pick.is_multiple_of(7), keep_alive, not_for: None };
                match self.lost.pop().filter(|(_, of)| *of == model) {
                    Some((lost, _)) => Input::LeaseAskedAgain { ticket, lost, model, wish },
                    None => ask_with(ticket, &model, wish),
                }
            }
            2 if !self.held.is_empty() => {
                let (instance, keep) = self.held.swap_remove(place % self.held.len());
                Input::LeaseReturned { instance, keep }
            }
            3 if pick < 60 => {
                self.open.insert(ticket);
                Input::StopAsked { ticket, model }
            }
            4 if pick < 60 => {
                let mut ready = state.instances.iter().filter(|(_, one)| one.state == InstanceState::Ready);
                let (instance, _) = ready.next()?;
                Input::Exited { instance: instance.clone(), failure: Failure::new(FailureReason::Unknown) }
            }
            5 if pick < 60 => {
                let waiting = state.models.get(&model)?.waiting.first()?.ticket;
                self.open.remove(&waiting);
                Input::GaveUp { ticket: waiting }
            }
            6 => {
                self.now += u64::from(pick) * 20;
                Input::Tick
            }
            7 if pick < 40 => Input::LoadAsked { model },
            8 if pick < 60 => self.change(state, model, pick),
            9 if pick < 20 => {
                let turn = Duration::from_secs(u64::from(pick));
                Input::PolicyChanged { policy: Box::new(Policy { turn, ..self.policy() }) }
            }
            10 if pick < 120 => {
                let (hold, bytes) = (HoldId::new(ticket), u64::from(pick) * 2);
                let name = self.memory.name(pick);
                self.open_holds.insert(hold, (DeviceId::from(name.clone()), bytes));
                let time = |count: u8| Duration::from_millis(u64::from(count) * 50);
                let devices = [(if pick < 3 { "gpu7".to_owned() } else { name }, bytes)].into();
                let (wait, ttl) = (pick.is_multiple_of(3), pick.is_multiple_of(5));
                let (wait, ttl) = (wait.then(|| time(pick)), ttl.then(|| time(pick)));
                Input::HoldAsked {
                    hold,
                    request: HoldRequest { devices, wait, ttl, ..HoldRequest::default() },
                }
            }
            11 => {
                let all: Vec<HoldId> =
                    self.memory.holds.keys().chain(self.open_holds.keys()).copied().collect();
                let hold = *all.get(place % all.len().max(1))?;
                if pick.is_multiple_of(2) {
                    return Some(Input::HoldReleased { hold });
                }
                // Nobody waits for an answer any more.
                self.open_holds.remove(&hold);
                Input::HoldDropped { hold }
            }
            12 if pick < 120 => {
                self.budget = BUDGETS[place % BUDGETS.len()];
                let machine = self.memory.read(self.now, false);
                Input::BudgetsChanged { budgets: self.memory.budgets(self.budget), machine }
            }
            _ if !self.pending.is_empty() => self.pending.swap_remove(place % self.pending.len()),
            _ => return None,
        })
    }
}

pub(super) fn plan_of(model: &str, bytes: u64) -> LaunchPlan {
    let mut plan = LaunchPlan::new("test", request(model).model);
    plan.settings.insert("bytes".to_owned(), bytes.into());
    plan.settings.insert("device".to_owned(), "host".into());
    plan
}

fn rules(seed: u8) -> ModelRules {
    ModelRules {
        preload: seed & 1 > 0,
        pinned: seed & 6 == 6,
        idle_seconds: (seed & 8 > 0).then_some(3),
        restore: [Restore::Always, Restore::WhenIdle, Restore::Never][usize::from(seed >> 4) % 3],
        yields_seconds: (seed & 0xc0 == 0x40).then_some(1),
        drain_seconds: (seed & 0xc0 == 0x80).then_some(60),
    }
}
