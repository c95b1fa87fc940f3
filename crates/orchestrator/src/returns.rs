//! Memory that should have come back when a server ended, and did not.
//!
//! Free memory lacks it already, so it is charged nowhere: no plan counts on it. It is kept to be shown, and
//! dissolves as other programs take less of the pool. What should come back is what the process had just
//! before its stop; so the readings around a stop are compared only when nothing else of ours began or ended
//! between them.

use std::collections::{BTreeMap, BTreeSet};

use loadmaster_core::{DeviceId, InstanceId, Machine};

use crate::machine::ProcessMemory;

/// Less than that is noise, in bytes: other programs are never quite still.
const NOTABLE: u64 = 64 << 20;

/// A server that is about to end.
#[derive(Debug, Clone)]
struct Leaving {
    /// What is free of each pool, in bytes.
    free: BTreeMap<DeviceId, u64>,
    /// What its process has of each pool.
    has: BTreeMap<DeviceId, u64>,
    /// The ledger's count of changes.
    changes: u64,
}

/// What is missing of a pool, in bytes.
#[derive(Debug, Clone)]
struct Missing {
    bytes: u64,
    /// What programs that are not ours took when it was found missing, it included.
    foreign: u64,
}

/// What has not come back, or is to be looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Returns {
    leaving: BTreeMap<InstanceId, Leaving>,
    /// Servers that have ended, and whose memory nobody has looked for yet.
    due: Option<Leaving>,
    missing: BTreeMap<DeviceId, Missing>,
}

impl Returns {
    /// A server is about to end; `changes` is the ledger's count of them.
    pub(crate) fn is_leaving(
        &mut self,
        instance: InstanceId,
        machine: &Machine,
        process: &ProcessMemory,
        changes: u64,
    ) {
        let pools = machine.devices.iter().filter(|device| device.pool() == device.id);
        let free = pools.filter_map(|pool| Some((pool.id.clone(), pool.free?))).collect();
        // Integrated and software devices keep their buffers in the process's own memory.
        let mut has: BTreeMap<DeviceId, u64> =
            process.own.map(|own| (DeviceId::host(), own)).into_iter().collect();
        for (device, bytes) in &process.devices {
            if machine.device(device.as_str()).is_some_and(|found| found.pool() == *device) {
                *has.entry(device.clone()).or_default() += bytes;
            }
        }
        self.leaving.insert(instance, Leaving { free, has, changes });
    }

    /// It has ended, which was the ledger's change of that number. Without a reading from just before it, or
    /// when something else changed since, nobody can tell what is missing.
    pub(crate) fn has_left(&mut self, instance: &InstanceId, changes: u64) {
        let Some(mut leaving) = self.leaving.remove(instance) else {
            self.due = None;
            return;
        };
        // Those that left together are looked for together.
        let earlier = self.due.take().filter(|due| due.changes + 1 == changes);
        if leaving.changes + 1 != changes && earlier.is_none() {
            return;
        }
        if let Some(earlier) = earlier {
            for (pool, bytes) in earlier.has {
                *leaving.has.entry(pool).or_default() += bytes;
            }
            leaving.free = earlier.free;
        }
        self.due = Some(Leaving { changes, ..leaving });
    }

    /// Gives up on those that have ended: what they had cannot be told from what others take now.
    pub(crate) fn look_no_more(&mut self) {
        self.due = None;
    }

    /// Whether something is to be looked for.
    pub(crate) fn is_due(&self) -> bool {
        self.due.is_some()
    }

    /// What is missing of each pool, in bytes.
    pub(crate) fn missing(&self) -> BTreeMap<DeviceId, u64> {
        self.missing.iter().map(|(pool, missing)| (pool.clone(), missing.bytes)).collect()
    }

    /// Compares with a reading that was taken at the ledger's change `changes`; `foreign` says what programs
    /// that are not ours take of a pool. Returns the pools of which another amount is missing now.
    pub(crate) fn look(
        &mut self,
        machine: &Machine,
        foreign: impl Fn(&DeviceId) -> u64,
        changes: u64,
    ) -> Vec<(DeviceId, u64)> {
        let before = self.missing();
        self.missing.retain(|pool, missing| {
            let returned = missing.foreign.saturating_sub(foreign(pool));
            // It never grows again: what somebody else takes later is theirs.
            missing.bytes = missing.bytes.saturating_sub(returned);
            missing.foreign -= returned;
            missing.bytes >= NOTABLE
        });
        let due = self.due.take().filter(|due| due.changes == changes);
        for (pool, has) in due.iter().flat_map(|due| &due.has) {
            let free = due.as_ref().and_then(|due| due.free.get(pool));
            let now = machine.device(pool.as_str()).and_then(|device| device.free);
            let (Some(free), Some(now)) = (free, now) else { continue };
            let lacking = free.saturating_add(*has).saturating_sub(now).min(*has);
            if lacking >= NOTABLE {
                let missing = self.missing.entry(pool.clone());
                let missing = missing.or_insert(Missing { bytes: 0, foreign: 0 });
                missing.bytes = missing.bytes.saturating_add(lacking);
                missing.foreign = foreign(pool);
            }
        }
        let after = self.missing();
        let pools: BTreeSet<&DeviceId> = before.keys().chain(after.keys()).collect();
        let others = pools.into_iter().filter(|pool| before.get(*pool) != after.get(*pool));
        others.map(|pool| (pool.clone(), after.get(pool).copied().unwrap_or(0))).collect()
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{Device, DeviceKind};

    use super::*;

    const GIB: u64 = 1 << 30;

    fn machine(free: u64) -> Machine {
        let device = Device {
            id: DeviceId::from("gpu0"),
            name: "GPU".to_owned(),
            kind: DeviceKind::Discrete,
            aliases: Vec::new(),
            total: 8 * GIB,
            free: Some(free),
        };
        Machine { physical_cores: 1, usable_threads: 1, hypothetical: false, devices: vec![device] }
    }

    fn process(bytes: u64) -> ProcessMemory {
        ProcessMemory { own: Some(GIB), devices: vec![(DeviceId::from("gpu0"), bytes)] }
    }

    /// What is missing after a look at so much free memory, when all else is foreign.
    fn look(returns: &mut Returns, free: u64, changes: u64) -> Vec<u64> {
        let told = returns.look(&machine(free), |_| 8 * GIB - free, changes);
        told.into_iter().map(|(_, bytes)| bytes).collect()
    }

    fn id(count: u64) -> InstanceId {
        InstanceId::new("a", count)
    }

    #[test]
    fn what_does_not_come_back_is_kept_until_it_does() {
        let mut returns = Returns::default();
        returns.is_leaving(id(1), &machine(2 * GIB), &process(4 * GIB), 5);
        returns.has_left(&id(1), 6);
        assert_eq!(look(&mut returns, 5 * GIB, 6), [GIB]);
        assert_eq!(returns.missing()[&DeviceId::from("gpu0")], GIB);
        // What somebody else takes is not ours.
        assert_eq!(look(&mut returns, 4 * GIB, 6), [0_u64; 0]);
        // It comes back by and by; when that was noise is left, it is forgotten.
        assert_eq!(look(&mut returns, 5 * GIB + GIB / 2, 7), [GIB / 2]);
        assert_eq!(look(&mut returns, 6 * GIB - (1 << 20), 9), [0]);
        assert!(returns.missing().is_empty());
    }

    #[test]
    fn what_comes_back_is_not_missed() {
        let mut returns = Returns::default();
        returns.is_leaving(id(1), &machine(2 * GIB), &process(4 * GIB), 5);
        returns.has_left(&id(1), 6);
        assert_eq!(look(&mut returns, 6 * GIB, 6), [0_u64; 0]);
        assert!(!returns.is_due());
    }

    #[test]
    fn those_that_left_together_are_looked_for_together() {
        let mut returns = Returns::default();
        returns.is_leaving(id(1), &machine(GIB), &process(2 * GIB), 5);
        returns.is_leaving(id(2), &machine(GIB), &process(3 * GIB), 5);
        returns.has_left(&id(1), 6);
        returns.has_left(&id(2), 7);
        assert_eq!(look(&mut returns, 4 * GIB, 7), [2 * GIB]);
    }

    #[test]
    fn what_changed_meanwhile_cannot_be_told_apart() {
        let mut returns = Returns::default();
        returns.is_leaving(id(1), &machine(GIB), &process(4 * GIB), 5);
        // Something was loaded between the reading and the end.
        returns.has_left(&id(1), 7);
        assert!(!returns.is_due());
        returns.is_leaving(id(2), &machine(GIB), &process(4 * GIB), 7);
        returns.has_left(&id(2), 8);
        // And here between the end and the look.
        assert_eq!(look(&mut returns, GIB, 9), [0_u64; 0]);
    }
}
