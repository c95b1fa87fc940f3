//! Whether a plan fits, and who goes for it.

use std::{collections::BTreeSet, time::Duration};

use loadmaster_core::{DeviceId, Estimate, HoldId, InstanceId, InstanceState, Machine};

use super::{
    InstanceEntry, State,
    victims::{self, Candidate},
};
use crate::{Restore, Shortage, ledger::Gone};

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
        let others = || {
            let alive = self.instances.busy().filter(|(_, instance)| instance.state.is_alive());
            let others =
                alive.filter(|(id, instance)| instance.model != model && self.takes_of(id, &pools, machine));
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

    /// Whether something of `pools` is reserved for `id`.
    pub(super) fn takes_of(&self, id: &InstanceId, pools: &[DeviceId], machine: &Machine) -> bool {
        let mut parts = self.ledger.reservation(id).into_iter().flat_map(|held| &held.devices);
        parts.any(|part| pool(&part.device, machine).is_none_or(|pool| pools.contains(&pool)))
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
}

/// Whose memory `device` uses; `None` when the machine no longer has it.
pub(super) fn pool(device: &DeviceId, machine: &Machine) -> Option<DeviceId> {
    machine.devices.iter().find(|known| known.id == *device).map(loadmaster_core::Device::pool)
}

/// All memories that `estimate` needs something of.
fn pools(estimate: &Estimate, machine: &Machine) -> Vec<DeviceId> {
    let needed = estimate.devices.iter().filter(|part| part.total() > 0);
    needed.filter_map(|part| pool(&part.device, machine)).collect()
}
