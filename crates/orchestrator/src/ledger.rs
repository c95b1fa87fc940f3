//! What is reserved, and what is left.

use std::collections::{BTreeMap, BTreeSet};

use loadmaster_core::{Device, DeviceEstimate, DeviceId, Estimate, HoldId, InstanceId, Machine};

use crate::{Budgets, Shortage, held::Holds};

/// What is thought away when the ledger is asked whether something fits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gone {
    pub(crate) instances: BTreeSet<InstanceId>,
    pub(crate) holds: BTreeSet<HoldId>,
}

impl From<BTreeSet<InstanceId>> for Gone {
    fn from(instances: BTreeSet<InstanceId>) -> Self {
        Self { instances, holds: BTreeSet::new() }
    }
}

/// Memory that an instance may use.
#[derive(Debug, Clone)]
struct Reservation {
    estimate: Estimate,
    /// Whether the instance has taken it: from then on the machine's free memory no longer has it.
    taken: bool,
}

/// What was measured, and on each device no less than was reserved for what grows in use.
fn at_least(reserved: &Estimate, measured: &Estimate) -> Estimate {
    crate::actual::next_time(reserved, measured.clone())
}

/// All reservations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    reservations: BTreeMap<InstanceId, Reservation>,
    holds: Holds,
    /// Counts what changed the machine's free memory, or was about to: a reading from before is of no use.
    changes: u64,
}

impl Ledger {
    /// Reserves `estimate` for an instance that is about to start.
    pub(crate) fn reserve(&mut self, instance: InstanceId, estimate: Estimate) {
        self.reservations.insert(instance, Reservation { estimate, taken: false });
    }

    /// The instance is loaded: what it takes is seen in the machine's free memory now. Where it said how
    /// much that is, this counts from now on, if it is more than was reserved.
    pub(crate) fn taken(&mut self, instance: &InstanceId, measured: Option<&Estimate>) {
        let Some(reservation) = self.reservations.get_mut(instance) else {
            return;
        };
        reservation.taken = true;
        self.changes += 1;
        if let Some(measured) = measured {
            reservation.estimate = at_least(&reservation.estimate, measured);
        }
    }

    /// What is reserved for `instance`.
    pub(crate) fn reservation(&self, instance: &InstanceId) -> Option<&Estimate> {
        self.reservations.get(instance).map(|reservation| &reservation.estimate)
    }

    /// What is reserved of each device by all but `gone`, in bytes.
    pub(crate) fn totals(&self, gone: &BTreeSet<InstanceId>) -> BTreeMap<DeviceId, u64> {
        let mut totals = BTreeMap::new();
        let stay = self.reservations.iter().filter(|(id, _)| !gone.contains(id));
        for (_, Reservation { estimate, .. }) in stay {
            let devices: BTreeSet<&DeviceId> = estimate.devices.iter().map(|part| &part.device).collect();
            for device in devices {
                let total: &mut u64 = totals.entry(device.clone()).or_default();
                *total = total.saturating_add(estimate.reservation(device));
            }
        }
        totals
    }

    /// The instance is gone.
    pub(crate) fn release(&mut self, instance: &InstanceId) {
        if self.reservations.remove(instance).is_some() {
            self.changes += 1;
        }
    }

    /// What was reserved is not needed: nothing was taken of it, and nothing will be.
    pub(crate) fn withdraw(&mut self, instance: &InstanceId) {
        self.reservations.remove(instance);
    }

    /// Holds memory for another program, which has to wait for it.
    pub(crate) fn hold(&mut self, hold: HoldId, devices: BTreeMap<DeviceId, u64>) {
        self.holds.reserve(hold, devices);
    }

    /// The program may take now what is held for it, of `machine` as it is now.
    pub(crate) fn grant_hold(&mut self, hold: HoldId, devices: &BTreeMap<DeviceId, u64>, machine: &Machine) {
        let used = devices.keys().filter_map(|id| machine.device(id.as_str()));
        let pools: BTreeSet<DeviceId> = used.map(Device::pool).collect();
        let pools = machine.devices.iter().filter(|device| pools.contains(&device.id));
        let foreign =
            pools.filter_map(|pool| Some((pool.id.clone(), self.foreign(pool, pool.free?, machine))));
        let foreign = foreign.collect();
        self.holds.grant(hold, foreign);
    }

    /// The program has ended, or does not want it any more.
    pub(crate) fn release_hold(&mut self, hold: HoldId) {
        if self.holds.release(hold) {
            self.changes += 1;
        }
    }

    /// Counts what made readings of the machine outdated.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.reservations.is_empty() && self.holds.is_empty()
    }

    /// What keeps `devices` from being held beside everything but `gone`. Budgets are for models: they do
    /// not matter here.
    pub(crate) fn shortages_of_hold(
        &self,
        devices: &BTreeMap<DeviceId, u64>,
        machine: &Machine,
        gone: &Gone,
    ) -> Vec<Shortage> {
        let parts = devices
            .iter()
            .map(|(device, bytes)| DeviceEstimate { other: *bytes, ..DeviceEstimate::on(device.clone()) });
        let estimate = Estimate { devices: parts.collect(), ..Estimate::nothing() };
        self.shortages(&estimate, machine, &Budgets::default(), gone)
    }

    /// What keeps `estimate` from fitting into `machine` beside all reservations but those of `gone`;
    /// empty when it fits.
    pub(crate) fn shortages(
        &self,
        estimate: &Estimate,
        machine: &Machine,
        budgets: &Budgets,
        gone: &Gone,
    ) -> Vec<Shortage> {
        let on_devices = machine.devices.iter().filter_map(|device| {
            let needed = estimate.reservation(&device.id);
            (needed > 0).then(|| self.shortage_on_device(device, needed, budgets, gone)).flatten()
        });
        let pools = machine.devices.iter().filter(|device| device.pool() == device.id);
        let in_pools = pools.filter_map(|pool| self.shortage_in_pool(pool, estimate, machine, gone));
        let mut shortages: Vec<Shortage> = on_devices.collect();
        for shortage in in_pools {
            if !shortages.iter().any(|earlier| earlier.device == shortage.device) {
                shortages.push(shortage);
            }
        }
        // A plan for a device that is not there any more can not be started.
        for part in estimate.devices.iter().filter(|part| part.total() > 0) {
            if machine.device(part.device.as_str()).is_none() {
                let needed = estimate.reservation(&part.device);
                shortages.push(Shortage { device: part.device.clone(), needed, available: 0, budget: None });
            }
        }
        shortages
    }

    /// `machine` with as much free as it can have been before what is being loaded took any of it.
    pub(crate) fn before_loading(&self, machine: &Machine) -> Machine {
        let mut before = machine.clone();
        let loading = || self.reservations.values().filter(|reservation| !reservation.taken);
        for device in &mut before.devices {
            let members = machine.devices.iter().filter(|member| member.pool() == device.id);
            let loading: u64 = members
                .map(|member| loading().map(|one| one.estimate.reservation(&member.id)).sum::<u64>())
                .fold(0, u64::saturating_add);
            device.free = device.free.map(|free| free.saturating_add(loading).min(device.total));
        }
        before
    }

    /// What is reserved beyond the budgets when those in `gone` are gone: of each such device what it needs
    /// and what it may have. What is really free does not matter here.
    pub(crate) fn beyond(&self, machine: &Machine, budgets: &Budgets, gone: &Gone) -> Vec<Shortage> {
        let beyond = |device: &Device| {
            let (budget, needed) = (budgets.of(device)?, self.reserved(&device.id, gone));
            (needed > budget).then(|| Shortage {
                device: device.id.clone(),
                needed,
                available: budget,
                budget: Some(budget),
            })
        };
        machine.devices.iter().filter_map(beyond).collect()
    }

    /// What `device` has for a plan when those in `gone` are; `None` when nobody knows and nothing limits.
    pub(crate) fn room(
        &self,
        device: &Device,
        machine: &Machine,
        budgets: &Budgets,
        gone: &Gone,
    ) -> Option<u64> {
        let held = self.holds.of(&device.id, &gone.holds) > 0;
        let limit = budgets.of(device).or(held.then_some(u64::MAX));
        let limit = limit.map(|budget| self.below(device, budget, gone));
        let pool = machine.devices.iter().find(|other| other.id == device.pool()).unwrap_or(device);
        let free = pool.free.map(|free| self.free_in(pool, free, machine, gone));
        [limit, free].into_iter().flatten().min()
    }

    /// Checks the device's own limits: its budget and its size.
    fn shortage_on_device(
        &self,
        device: &Device,
        needed: u64,
        budgets: &Budgets,
        gone: &Gone,
    ) -> Option<Shortage> {
        let budget = budgets.of(device);
        let available = self.below(device, budget.unwrap_or(u64::MAX), gone);
        (needed > available).then(|| Shortage {
            device: device.id.clone(),
            needed,
            available,
            budget: budget.filter(|budget| *budget <= self.unheld(device, gone)),
        })
    }

    /// What is left of the smaller of a budget, if there is one, and the device's size, without those in `gone`.
    pub(crate) fn limit(&self, device: &Device, budgets: &Budgets, gone: &Gone) -> u64 {
        self.below(device, budgets.of(device).unwrap_or(u64::MAX), gone)
    }

    /// What is left of the smaller of a budget and the device's size without what is held.
    fn below(&self, device: &Device, budget: u64, gone: &Gone) -> u64 {
        budget.min(self.unheld(device, gone)).saturating_sub(self.reserved(&device.id, gone))
    }

    /// The device's size without what is held of it.
    fn unheld(&self, device: &Device, gone: &Gone) -> u64 {
        device.total.saturating_sub(self.holds.of(&device.id, &gone.holds))
    }

    /// Checks what is really free in a pool that several devices may share.
    fn shortage_in_pool(
        &self,
        pool: &Device,
        estimate: &Estimate,
        machine: &Machine,
        gone: &Gone,
    ) -> Option<Shortage> {
        let members = machine.devices.iter().filter(|device| device.pool() == pool.id);
        let needed: u64 = members.map(|device| estimate.reservation(&device.id)).sum();
        if needed == 0 {
            return None;
        }
        let available = self.free_in(pool, pool.free.unwrap_or(pool.total), machine, gone);
        (needed > available).then(|| Shortage { device: pool.id.clone(), needed, available, budget: None })
    }

    /// What a pool of which `free` is free has beyond all reservations and holds, those of `gone` given back.
    fn free_in(&self, pool: &Device, free: u64, machine: &Machine, gone: &Gone) -> u64 {
        let members = || machine.devices.iter().filter(|device| device.pool() == pool.id);
        let reserved: u64 = members().map(|device| self.reserved(&device.id, gone)).sum();
        let held =
            members().map(|device| self.holds.of(&device.id, &gone.holds)).fold(0, u64::saturating_add);
        let ours: u64 = members().map(|device| self.visible(&device.id)).sum();
        let foreign = self.foreign(pool, free, machine);
        let by_holds = self.holds.taken(&pool.id, members().map(|device| &device.id), foreign);
        free.saturating_add(ours).saturating_add(by_holds).saturating_sub(reserved).saturating_sub(held)
    }

    /// What programs that are not ours take of `pool`; nothing where nobody says.
    pub(crate) fn foreign_in(&self, pool: &DeviceId, machine: &Machine) -> u64 {
        let pool = machine.device(pool.as_str());
        pool.and_then(|pool| Some(self.foreign(pool, pool.free?, machine))).unwrap_or(0)
    }

    /// What programs that are not ours take of a pool of which `free` is free.
    fn foreign(&self, pool: &Device, free: u64, machine: &Machine) -> u64 {
        let members = machine.devices.iter().filter(|device| device.pool() == pool.id);
        let ours: u64 = members.map(|device| self.visible(&device.id)).sum();
        pool.total.saturating_sub(free).saturating_sub(ours)
    }

    fn reserved(&self, device: &DeviceId, gone: &Gone) -> u64 {
        let on_device = self.reservations.iter().map(|(instance, reservation)| {
            let bytes = reservation.estimate.reservation(device);
            if bytes > 0 && !gone.instances.contains(instance) { bytes } else { 0 }
        });
        on_device.sum()
    }

    /// What of our reservations the machine's free memory already lacks. Mapped weights are not
    /// among it: the kernel counts them as available.
    fn visible(&self, device: &DeviceId) -> u64 {
        let taken = self.reservations.values().filter(|reservation| reservation.taken);
        let parts = taken.flat_map(|reservation| &reservation.estimate.devices);
        parts
            .filter(|part| part.device == *device)
            .map(|part| part.total() - part.mapped.min(part.total()))
            .sum()
    }
}

#[cfg(test)]
mod tests;
