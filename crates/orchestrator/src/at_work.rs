//! Memory that comes with work and goes with it: what a model of images takes to paint.
//!
//! It is reserved all the time, and the ledger takes the machine's free memory to have it
//! ([`DeviceEstimate::mapped`](loadmaster_core::DeviceEstimate::mapped)). While there is work it has not: it would be
//! missed twice, once as reserved and once as not free. A reading of the machine is therefore taken as if all rested.

use std::collections::BTreeMap;

use loadmaster_core::{Device, DeviceId, Estimate, Machine};

use crate::machine::ProcessMemory;

/// An instance that works.
#[derive(Debug, Clone)]
pub(crate) struct AtWork {
    /// The process that works.
    pub(crate) pid: u32,
    /// What is reserved for the instance.
    pub(crate) reserved: Estimate,
}

impl AtWork {
    /// What the process holds beyond what its instance holds at rest, in bytes of each pool: never more than what may
    /// come and go there.
    fn beyond_rest(&self, process: &ProcessMemory, machine: &Machine) -> BTreeMap<DeviceId, u64> {
        let own = process.own.map(|own| (DeviceId::host(), own));
        let held = own.into_iter().chain(process.devices.iter().cloned());
        let beyond = held.map(|(pool, held)| {
            let parts = self.reserved.devices.iter().filter(|part| {
                machine.device(part.device.as_str()).map_or_else(|| part.device.clone(), Device::pool) == pool
            });
            let (rests, comes) = parts.fold((0_u64, 0_u64), |(rests, comes), part| {
                let mapped = part.mapped.min(part.total());
                (rests.saturating_add(part.total() - mapped), comes.saturating_add(mapped))
            });
            (pool, held.saturating_sub(rests).min(comes))
        });
        beyond.collect()
    }

    /// Counts as free in `machine` what the process holds for its work. `before` and `after` are what it held before
    /// and after the machine was read: what was in both was in that reading.
    pub(crate) fn rest_in(&self, machine: &mut Machine, before: &ProcessMemory, after: &ProcessMemory) {
        let (before, after) = (self.beyond_rest(before, machine), self.beyond_rest(after, machine));
        for (pool, bytes) in before {
            let bytes = bytes.min(after.get(&pool).copied().unwrap_or(0));
            if let Some(device) = machine.devices.iter_mut().find(|device| device.id == pool) {
                device.free = device.free.map(|free| free.saturating_add(bytes).min(device.total));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{DeviceEstimate, DeviceKind};

    use super::*;

    const TOTAL: u64 = 1000;

    fn machine(free: u64) -> Machine {
        let device = |id: &str, kind, free| Device {
            id: DeviceId::from(id),
            name: id.to_owned(),
            kind,
            aliases: Vec::new(),
            total: TOTAL,
            free,
        };
        let devices = vec![
            device("host", DeviceKind::Host, Some(free)),
            device("gpu0", DeviceKind::Discrete, Some(free)),
            device("gpu1", DeviceKind::Integrated, None),
        ];
        Machine { physical_cores: 1, usable_threads: 1, devices, hypothetical: false }
    }

    fn holds(own: u64, gpu: u64) -> ProcessMemory {
        ProcessMemory { own: Some(own), devices: vec![(DeviceId::from("gpu0"), gpu)] }
    }

    /// What is free of the host and of the GPU when 500 of each are, and one works that has 100 at rest of `device`
    /// and up to 200 more for its work.
    fn check(device: &str, before: &ProcessMemory, after: &ProcessMemory, free: (u64, u64)) {
        let part = DeviceEstimate {
            weights: 100,
            compute: 200,
            mapped: 200,
            ..DeviceEstimate::on(DeviceId::from(device))
        };
        let reserved = Estimate { devices: vec![part], ..Estimate::nothing() };
        let mut machine = machine(500);
        AtWork { pid: 1, reserved }.rest_in(&mut machine, before, after);
        let of = |index: usize| machine.devices[index].free.unwrap();
        assert_eq!((of(0), of(1)), free, "{device} {before:?} {after:?}");
    }

    #[test]
    fn what_is_held_for_work_counts_as_free() {
        check("host", &holds(250, 0), &holds(250, 0), (650, 500));
        check("gpu0", &holds(30, 250), &holds(30, 250), (500, 650));
        // An integrated GPU's memory is the process's own.
        check("gpu1", &holds(250, 0), &holds(250, 0), (650, 500));
    }

    #[test]
    fn what_it_has_at_rest_or_beyond_its_reservation_does_not() {
        check("host", &holds(100, 0), &holds(100, 0), (500, 500));
        check("host", &holds(40, 0), &holds(40, 0), (500, 500));
        check("host", &holds(900, 0), &holds(900, 0), (700, 500));
    }

    #[test]
    fn of_two_readings_the_smaller_counts() {
        check("host", &holds(300, 0), &holds(150, 0), (550, 500));
        check("host", &holds(150, 0), &holds(300, 0), (550, 500));
        // It has ended meanwhile, or nobody can tell.
        check("host", &holds(300, 0), &ProcessMemory::default(), (500, 500));
        check("host", &ProcessMemory::default(), &holds(300, 0), (500, 500));
    }

    #[test]
    fn there_is_never_more_free_than_there_is() {
        let part = DeviceEstimate { compute: 900, mapped: 900, ..DeviceEstimate::on(DeviceId::host()) };
        let reserved = Estimate { devices: vec![part], ..Estimate::nothing() };
        let mut machine = machine(500);
        AtWork { pid: 1, reserved }.rest_in(&mut machine, &holds(900, 0), &holds(900, 0));
        assert_eq!(machine.devices[0].free, Some(TOTAL));
    }
}
