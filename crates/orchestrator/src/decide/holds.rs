//! Memory that is held for other programs: room is made for it as for a model.
//!
//! A hold is asked for, the machine is read, and it is granted when it fits beside everything. Else the
//! cheapest set of models makes room, the room is reserved, and when they are gone the machine is read anew
//! until their memory came back. Who came before a hold is not kept waiting by it until room is made for it;
//! who comes after it cannot slip in. A model never turns requests away because of a hold: it will end.

use std::collections::{BTreeMap, BTreeSet};

use loadmaster_core::{DeviceId, Event, HoldId, InstanceId, InstanceState, Machine};

use super::{
    InstanceEntry, ModelEntry, Progress, State,
    hold_entries::{HoldEntry, Stage},
    room::FRESH,
    verdict::Pressure,
    victims::{self, Candidate},
};
use crate::{
    HoldRequest, OrchestratorError,
    ledger::Gone,
    steps::{Action, Reading},
};

/// What may happen with a hold now.
enum Verdict {
    Grant,
    /// Those go first.
    MakeRoom(BTreeSet<InstanceId>),
    Wait,
    Refuse(OrchestratorError),
}

impl State {
    pub(super) fn hold_asked(&mut self, id: HoldId, request: HoldRequest, actions: &mut Vec<Action>) {
        let settle = self.something_ended_just_now();
        let entry = HoldEntry {
            devices: BTreeMap::new(),
            stage: Stage::Reading { changes: self.ledger.changes(), settle },
            promised: false,
            since: self.now,
            until: self.now.saturating_add(request.wait.unwrap_or(self.policy.wait)),
            request,
        };
        let nothing = !entry.request.devices.values().any(|bytes| *bytes > 0);
        self.holds.insert(id, entry);
        if self.closing {
            self.refuse_hold(id, OrchestratorError::Closing, actions);
        } else if nothing {
            self.refuse_hold(id, OrchestratorError::NothingToHold, actions);
        } else {
            actions.push(Action::Read(Reading { hold: id, settle }));
        }
    }

    /// The machine was read for a hold. Whether it fits is looked at by [`State::admit_the_holds`].
    pub(super) fn read_for_hold(
        &mut self,
        id: HoldId,
        outcome: Result<Machine, OrchestratorError>,
        actions: &mut Vec<Action>,
    ) {
        let Some(HoldEntry { stage: Stage::Reading { changes, settle }, request, .. }) = self.holds.get(&id)
        else {
            return;
        };
        let (changes, settle, read) = (*changes, *settle, self.now);
        let resolved = outcome.and_then(|machine| Ok((resolved(&request.devices, &machine)?, machine)));
        match resolved {
            Err(error) => self.refuse_hold(id, error, actions),
            Ok((devices, machine)) => {
                if settle {
                    self.look_for_returns(&machine, changes, actions);
                }
                self.ledger.hold(id, devices.clone());
                if let Some(entry) = self.holds.get_mut(&id) {
                    entry.devices = devices;
                    entry.stage = Stage::Blocked { machine: Box::new(machine), read, changes };
                }
            }
        }
    }

    /// Reads the machine again where all have gone who had to.
    pub(super) fn read_when_room_was_made(&mut self, actions: &mut Vec<Action>) {
        let alive = |id: &InstanceId| self.instances.get(id).is_some_and(|entry| entry.state.is_alive());
        let made = |(id, entry): (&HoldId, &HoldEntry)| match &entry.stage {
            Stage::MakingRoom { leaving } if !leaving.iter().any(alive) => Some(*id),
            _ => None,
        };
        let made: Vec<HoldId> = self.holds.iter().filter_map(made).collect();
        for id in made {
            self.read_again(id, true, actions);
        }
    }

    fn read_again(&mut self, id: HoldId, settle: bool, actions: &mut Vec<Action>) {
        let settle = settle || self.something_ended_just_now();
        let changes = self.ledger.changes();
        if let Some(entry) = self.holds.get_mut(&id) {
            entry.stage = Stage::Reading { changes, settle };
            actions.push(Action::Read(Reading { hold: id, settle }));
        }
    }

    /// Grants what fits and makes room for what may, in the order in which they came. Says whether a promise
    /// was taken back: those that were looked at before may fit now.
    pub(super) fn admit_the_holds(&mut self, actions: &mut Vec<Action>) -> bool {
        let promised = |state: &Self| state.holds.values().filter(|entry| entry.promised).count();
        let before = promised(self);
        let blocked = |(id, entry): (&HoldId, &HoldEntry)| match &entry.stage {
            Stage::Blocked { changes, read, .. } => Some((*id, *changes, *read)),
            _ => None,
        };
        let blocked: Vec<_> = self.holds.iter().filter_map(blocked).collect();
        for (id, changes, read) in blocked {
            if changes == self.ledger.changes() {
                self.admit_hold(id, self.now.saturating_sub(read) > FRESH, actions);
            } else {
                self.read_again(id, true, actions);
            }
        }
        promised(self) < before
    }

    /// `stale`: other programs may have taken or given back anything since the machine was read.
    fn admit_hold(&mut self, id: HoldId, stale: bool, actions: &mut Vec<Action>) {
        match self.verdict_on_hold(id) {
            Verdict::Grant | Verdict::Refuse(_) if stale => self.read_again(id, false, actions),
            Verdict::Grant => self.grant_hold(id, actions),
            Verdict::MakeRoom(leaving) => self.make_room_for_hold(id, leaving, actions),
            Verdict::Refuse(error) => self.refuse_hold(id, error, actions),
            Verdict::Wait => {
                if let Some(entry) = self.holds.get_mut(&id) {
                    entry.promised = false;
                }
            }
        }
    }

    fn verdict_on_hold(&self, id: HoldId) -> Verdict {
        let Some(HoldEntry { devices, stage: Stage::Blocked { machine, .. }, since, .. }) =
            self.holds.get(&id)
        else {
            return Verdict::Wait;
        };
        let mut not_before_it = self.holds_after(*since, Some(id));
        not_before_it.insert(id);
        let shortages = |instances: BTreeSet<InstanceId>, holds: BTreeSet<HoldId>| {
            self.ledger.shortages_of_hold(devices, machine, &Gone { instances, holds })
        };
        let without = |going: BTreeSet<InstanceId>| shortages(going, not_before_it.clone());
        if without(BTreeSet::new()).is_empty() {
            return Verdict::Grant;
        }
        let all: BTreeSet<InstanceId> = self
            .models
            .keys()
            .filter(|model| !self.is_pinned(model))
            .flat_map(|model| self.held_by(model))
            .collect();
        let lacking = shortages(all.clone(), self.holds.keys().copied().collect());
        if !lacking.is_empty() {
            let all = Gone { instances: all, holds: self.all_holds() };
            let at_best = self.something_loads().then(|| self.ledger.before_loading(machine));
            let fits = |machine| self.ledger.shortages_of_hold(devices, &machine, &all).is_empty();
            if at_best.is_some_and(fits) {
                return Verdict::Wait;
            }
            return Verdict::Refuse(OrchestratorError::CannotHold {
                shortages: lacking,
                pinned: self.pinned_ones(),
            });
        }
        let leaving = self.leaving();
        let movable = self
            .instances
            .busy()
            .filter(|(_, instance)| instance.state.is_alive() && !self.is_pinned(&instance.model));
        let may_go = |(id, instance): (&InstanceId, &InstanceEntry)| {
            self.candidate(Pressure::Since(*since, 1), id, instance)
        };
        let candidates: Vec<Candidate> = movable.filter_map(may_go).collect();
        match victims::choose(candidates, |going| without(going | &leaving).is_empty()) {
            Some(going) => Verdict::MakeRoom(&going | &leaving),
            None => Verdict::Wait,
        }
    }

    fn grant_hold(&mut self, id: HoldId, actions: &mut Vec<Action>) {
        let now = self.now;
        let Some(entry) = self.holds.get_mut(&id) else { return };
        let until = entry.request.ttl.map(|ttl| now.saturating_add(ttl));
        if let Stage::Blocked { machine, .. } = std::mem::replace(&mut entry.stage, Stage::Granted { until })
        {
            self.ledger.grant_hold(id, &entry.devices, &machine);
            // What its program takes from now on is not told apart from what is missing.
            self.returns.look_no_more();
        }
        let (note, devices) = (entry.request.note.clone(), entry.devices.clone());
        actions.push(Action::Tell(Event::HoldGranted { hold: id, note, devices }));
        actions.push(Action::GrantHold { hold: id });
    }

    fn make_room_for_hold(&mut self, id: HoldId, leaving: BTreeSet<InstanceId>, actions: &mut Vec<Action>) {
        let Some(entry) = self.holds.get_mut(&id) else { return };
        entry.promised = true;
        entry.stage = Stage::MakingRoom { leaving: leaving.clone() };
        let (note, told) = (entry.request.note.clone(), leaving.iter().cloned().collect());
        actions.push(Action::Tell(Event::HoldWaits { hold: id, note, leaving: told }));
        for instance in leaving {
            if self.instances.get(&instance).is_some_and(|one| one.state == InstanceState::Ready) {
                self.offload(&instance);
                self.move_away(&instance, actions);
            }
        }
    }

    fn refuse_hold(&mut self, id: HoldId, error: OrchestratorError, actions: &mut Vec<Action>) {
        self.forget_hold(id);
        actions.push(Action::Tell(Event::HoldRefused { hold: id, cause: error.to_string() }));
        actions.push(Action::RefuseHold { hold: id, error });
    }

    /// Somebody ends a hold: who waits for it is told.
    pub(super) fn hold_released(&mut self, id: HoldId, actions: &mut Vec<Action>) {
        let waits = self.holds.get(&id).is_some_and(|entry| !entry.is_granted());
        self.end_hold(id, actions);
        if waits {
            actions.push(Action::RefuseHold { hold: id, error: OrchestratorError::HoldCalledOff });
        }
    }

    /// A hold is over, or is not wanted any more. One that is not there is over already.
    pub(super) fn end_hold(&mut self, id: HoldId, actions: &mut Vec<Action>) {
        let Some(entry) = self.holds.get(&id) else { return };
        let granted = entry.is_granted();
        self.forget_hold(id);
        actions.push(Action::Tell(Event::HoldReleased { hold: id }));
        if granted {
            // Its program has given its memory back a moment ago.
            self.ended = Some(self.now);
        }
        if granted && !self.closing {
            self.plan_the_blocked_anew(actions);
        }
    }

    fn forget_hold(&mut self, id: HoldId) {
        self.holds.remove(&id);
        self.ledger.release_hold(id);
        self.look_for_room_again();
    }

    fn plan_the_blocked_anew(&mut self, actions: &mut Vec<Action>) {
        let blocked = |entry: &ModelEntry| matches!(entry.progress, Progress::Blocked { .. });
        let blocked: Vec<String> =
            self.models.busy().filter(|(_, entry)| blocked(entry)).map(|(model, _)| model.clone()).collect();
        for model in blocked {
            self.prepare(&model, None, true, actions);
        }
    }

    /// Ends the holds whose time is over, and turns away those that have waited long enough.
    pub(super) fn expire_holds(&mut self, actions: &mut Vec<Action>) {
        let now = self.now;
        let over =
            |(id, entry): (&HoldId, &HoldEntry)| (entry.end()? <= now).then(|| (*id, entry.is_granted()));
        let over: Vec<_> = self.holds.iter().filter_map(over).collect();
        for (id, granted) in over {
            if granted {
                self.end_hold(id, actions);
            } else if let Some(entry) = self.holds.get(&id) {
                let waited = now.saturating_sub(entry.since);
                self.refuse_hold(id, OrchestratorError::HoldWaitedTooLong { waited }, actions);
            }
        }
    }

    /// Turns away who waits, and ends the rest.
    pub(super) fn close_holds(&mut self, actions: &mut Vec<Action>) {
        let all: Vec<_> = self.holds.iter().map(|(id, entry)| (*id, entry.is_granted())).collect();
        for (id, granted) in all {
            if granted {
                self.end_hold(id, actions);
            } else {
                self.refuse_hold(id, OrchestratorError::Closing, actions);
            }
        }
    }
}

/// The devices by their ids; names of the same device add up.
fn resolved(
    devices: &BTreeMap<String, u64>,
    machine: &Machine,
) -> Result<BTreeMap<DeviceId, u64>, OrchestratorError> {
    let mut found: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for (name, bytes) in devices {
        let device = machine.device(name).ok_or_else(|| OrchestratorError::UnknownDevice {
            device: name.clone(),
            known: machine.devices.iter().map(|device| device.id.to_string()).collect(),
        })?;
        let sum = found.entry(device.id.clone()).or_default();
        *sum = sum.saturating_add(*bytes);
    }
    Ok(found)
}
