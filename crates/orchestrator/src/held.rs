//! Memory that is held for other programs, as the ledger counts it.
//!
//! A program takes what is held for it by and by, and then the machine's free memory lacks it too. So that it
//! is not charged twice, what foreign programs take of a pool is noted when its first hold is granted; by as
//! much as it has risen since, and by no more than is held, the holds count as taken. What somebody else takes
//! meanwhile cannot be told from that, and is lent to them out of the hold; what somebody else gives back
//! stays unused while something is held: either way no more is promised than there is.

use std::collections::{BTreeMap, BTreeSet};

use loadmaster_core::{DeviceId, HoldId};

/// Memory held for one program.
#[derive(Debug, Clone)]
struct Held {
    devices: BTreeMap<DeviceId, u64>,
    /// The pools in which its program may take it now; `None` while it has to wait.
    granted: Option<BTreeSet<DeviceId>>,
}

/// All that is held.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds {
    holds: BTreeMap<HoldId, Held>,
    /// What foreign programs took of each pool before the first of its holds was granted, in bytes.
    before: BTreeMap<DeviceId, u64>,
}

impl Holds {
    /// Reserves memory for a program that has to wait for it.
    pub(crate) fn reserve(&mut self, hold: HoldId, devices: BTreeMap<DeviceId, u64>) {
        self.holds.insert(hold, Held { devices, granted: None });
    }

    /// Its program may take it from now on; `foreign` is what other programs take of each pool now.
    pub(crate) fn grant(&mut self, hold: HoldId, foreign: BTreeMap<DeviceId, u64>) {
        if let Some(held) = self.holds.get_mut(&hold) {
            held.granted = Some(foreign.keys().cloned().collect());
        }
        for (pool, bytes) in foreign {
            self.before.entry(pool).or_insert(bytes);
        }
    }

    /// It is over. Says whether its program had been let in.
    pub(crate) fn release(&mut self, hold: HoldId) -> bool {
        let was_granted = self.holds.remove(&hold).is_some_and(|held| held.granted.is_some());
        let Self { holds, before } = self;
        let in_use: BTreeSet<&DeviceId> =
            holds.values().filter_map(|held| held.granted.as_ref()).flatten().collect();
        before.retain(|pool, _| in_use.contains(pool));
        was_granted
    }

    /// What is held of `device` by all but `gone`, in bytes.
    pub(crate) fn of(&self, device: &DeviceId, gone: &BTreeSet<HoldId>) -> u64 {
        let stay = self.holds.iter().filter(|(hold, _)| !gone.contains(hold));
        stay.filter_map(|(_, held)| held.devices.get(device)).fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// What of the holds on `members`, the devices of `pool`, their programs have taken when foreign programs
    /// take `foreign` bytes of it.
    pub(crate) fn taken<'a>(
        &self,
        pool: &DeviceId,
        members: impl Iterator<Item = &'a DeviceId>,
        foreign: u64,
    ) -> u64 {
        let Some(before) = self.before.get(pool) else { return 0 };
        let waiting: BTreeSet<HoldId> =
            self.holds.iter().filter(|(_, held)| held.granted.is_none()).map(|(hold, _)| *hold).collect();
        let granted = members.fold(0_u64, |sum, device| sum.saturating_add(self.of(device, &waiting)));
        foreign.saturating_sub(*before).min(granted)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.before.is_empty()
    }
}
