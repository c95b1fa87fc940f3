//! What a planner may count on: what is free, and what could be made free.

use std::{cmp::Reverse, collections::BTreeSet};

use loadmaster_core::{Device, DeviceEstimate, DeviceKind, Estimate, HoldId, InstanceId, Machine};

use crate::{
    Budgets, Shortage,
    ledger::{Gone, Ledger},
};

/// What planners may leave of a GPU to its driver, in bytes: one with just enough room would get a smaller
/// plan than an empty one. llama-server's takes 512 MiB.
const SPARED_BY_PLANNERS: u64 = 1 << 30;

/// The ledger at the moment a plan is asked for, and who may be moved out of the way for it.
///
/// A model that is planned for what happens to be free beside an idle one would be squeezed into the
/// rest of a GPU that it could have had to itself. But where several GPUs would do, all of them look empty
/// to a planner that counts on everybody's leaving: it would choose the same one for each model, which
/// drove each other out of it while the others are empty. So it is asked a second time, for the machine
/// with the least harm done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook {
    pub(crate) ledger: Ledger,
    /// What the model holds already: it would run in its own place.
    pub(crate) own: BTreeSet<InstanceId>,
    /// All that could go.
    pub(crate) may_go: BTreeSet<InstanceId>,
    /// Those of them who run, from whoever goes most easily to whoever is dearest.
    pub(crate) order: Vec<InstanceId>,
    /// The holds that came later, and do not count.
    pub(crate) holds: BTreeSet<HoldId>,
    /// What may be taken of each device.
    pub(crate) budgets: Budgets,
    /// Percent of it that the plan shall do without: it ran out of memory a moment ago.
    pub(crate) spare_percent: u64,
}

/// A way to make room on one GPU; the least is the best.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    /// The place in [`Outlook::order`] of the dearest who goes, counted from 1; 0 when nobody does.
    dearest: usize,
    /// What is free there then.
    free: Reverse<u64>,
    gone: BTreeSet<InstanceId>,
}

impl Outlook {
    /// The machine as it would be for the plan: `free` is what it may have of each device.
    pub(crate) fn machine(&self, real: &Machine) -> Machine {
        self.without(&(&self.may_go | &self.own), real)
    }

    /// The machine as it is for a plan for which nobody goes.
    pub(crate) fn undisturbed(&self, real: &Machine) -> Machine {
        self.without(&self.own, real)
    }

    /// What keeps `estimate` from fitting beside everything but what the model holds already.
    pub(crate) fn shortages(&self, estimate: &Estimate, real: &Machine) -> Vec<Shortage> {
        self.ledger.shortages(estimate, real, &self.budgets, &self.gone(&self.own))
    }

    fn gone(&self, instances: &BTreeSet<InstanceId>) -> Gone {
        Gone { instances: instances.clone(), holds: self.holds.clone() }
    }

    fn without(&self, gone: &BTreeSet<InstanceId>, real: &Machine) -> Machine {
        let gone = self.gone(gone);
        let mut machine = real.clone();
        for device in &mut machine.devices {
            let room = self.ledger.room(device, real, &self.budgets, &gone);
            let spared = room.map(|room| room - room / 100 * self.spare_percent.min(100));
            device.free = spared.or(device.free);
        }
        machine
    }

    /// The machine with the least harm done: where only those go whom it takes to run `best`, the plan
    /// for [`Outlook::machine`], on the GPU where they go most easily. `None` where there is no choice.
    pub(crate) fn gentle(&self, real: &Machine, best: &Estimate) -> Option<Machine> {
        on_one_of_several(real, best)?;
        if self.shortages(best, real).is_empty() {
            return None;
        }
        let ways = gpus(real).filter_map(|gpu| self.way_onto(gpu, real, best));
        Some(self.without(&ways.min()?.gone, real))
    }

    /// Who goes for `best` to run on `gpu`; `None` when it cannot.
    fn way_onto(&self, gpu: &Device, real: &Machine, best: &Estimate) -> Option<Way> {
        let needed: u64 = gpus(real).map(|gpu| best.reservation(&gpu.id)).sum();
        let room = |gone: &BTreeSet<InstanceId>| {
            self.ledger.room(gpu, real, &self.budgets, &self.gone(gone)).unwrap_or(gpu.total)
        };
        let most = room(&(&self.may_go | &self.own));
        let enough = needed.saturating_add(SPARED_BY_PLANNERS.min(most.checked_sub(needed)?));
        let mut gone = self.own.clone();
        if room(&gone) >= enough {
            return Some(Way { dearest: 0, free: Reverse(room(&gone)), gone });
        }
        for (place, id) in self.order.iter().enumerate() {
            if self.ledger.reservation(id).is_some_and(|estimate| estimate.reservation(&gpu.id) > 0) {
                gone.insert(id.clone());
                if room(&gone) >= enough {
                    return Some(Way { dearest: place + 1, free: Reverse(room(&gone)), gone });
                }
            }
        }
        None
    }
}

/// Whether a plan leaves no more to the host than `best` does, and is no smaller. The same plan on another
/// GPU of its kind is both; a percent is for GPUs that differ.
pub(crate) fn as_good(real: &Machine, best: &Estimate, other: &Estimate) -> bool {
    let total = |estimate: &Estimate| estimate.devices.iter().map(DeviceEstimate::total).sum::<u64>();
    let on_gpus = |estimate: &Estimate| gpus(real).map(|gpu| estimate.reservation(&gpu.id)).sum::<u64>();
    let no_less = |other: u64, best: u64| other >= best - best / 100;
    no_less(total(other), total(best)) && no_less(on_gpus(other), on_gpus(best))
}

/// What `estimate` would be on each other GPU, when it takes one GPU of several.
pub(crate) fn elsewhere(machine: &Machine, estimate: &Estimate) -> Vec<Estimate> {
    let Some(own) = on_one_of_several(machine, estimate) else {
        return Vec::new();
    };
    let others = gpus(machine).filter(|gpu| gpu.id != own.id);
    let moved = others.map(|gpu| {
        let mut estimate = estimate.clone();
        for part in estimate.devices.iter_mut().filter(|part| part.device == own.id) {
            part.device = gpu.id.clone();
        }
        estimate
    });
    moved.collect()
}

/// The only GPU that `estimate` takes, of a machine with several.
fn on_one_of_several<'a>(machine: &'a Machine, estimate: &Estimate) -> Option<&'a Device> {
    let mut taken = gpus(machine).filter(|gpu| estimate.reservation(&gpu.id) > 0);
    let one = taken.next().filter(|_| gpus(machine).count() > 1);
    if taken.next().is_some() { None } else { one }
}

/// Those with memory of their own.
fn gpus(machine: &Machine) -> impl Iterator<Item = &Device> {
    machine.devices.iter().filter(|device| device.kind == DeviceKind::Discrete)
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{DeviceId, EstimateSource};

    use super::*;

    const GIB: u64 = 1 << 30;

    fn machine(gpus: &[u64]) -> Machine {
        let gpu = |(number, size): (usize, &u64)| Device {
            id: DeviceId::from(format!("gpu{number}")),
            name: "GPU".to_owned(),
            kind: DeviceKind::Discrete,
            aliases: Vec::new(),
            total: size * GIB,
            free: Some(size * GIB),
        };
        let devices = gpus.iter().enumerate().map(gpu).collect();
        Machine { physical_cores: 1, usable_threads: 1, devices, hypothetical: false }
    }

    fn takes(parts: &[(&str, u64)]) -> Estimate {
        let part = |(device, size): &(&str, u64)| DeviceEstimate {
            weights: size * GIB,
            ..DeviceEstimate::on(DeviceId::from(*device))
        };
        let devices = parts.iter().map(part).collect();
        Estimate { source: EstimateSource::Computed, margin_percent: 0, devices }
    }

    /// Who runs where, from the easiest to go to the dearest; none is seen in the free memory yet.
    fn outlook(running: &[(&str, &str, u64)]) -> Outlook {
        let mut outlook = Outlook::default();
        for (name, device, size) in running {
            let id = InstanceId::new(name, 1);
            outlook.ledger.reserve(id.clone(), takes(&[(device, *size)]));
            outlook.may_go.insert(id.clone());
            outlook.order.push(id);
        }
        outlook
    }

    /// What is free of each GPU, in GiB, for the second plan.
    fn gentle(running: &[(&str, &str, u64)], gpus: &[u64], best: &[(&str, u64)]) -> Option<Vec<u64>> {
        let machine = outlook(running).gentle(&machine(gpus), &takes(best))?;
        Some(machine.devices.iter().map(|device| device.free.unwrap_or_default() / GIB).collect())
    }

    #[test]
    fn an_empty_gpu_is_taken_before_anybody_goes() {
        assert_eq!(gentle(&[("a", "gpu1", 6)], &[8, 8], &[("gpu1", 6)]), Some(vec![8, 2]));
    }

    #[test]
    fn those_go_who_go_most_easily_and_no_others() {
        let running = [("old", "gpu0", 6), ("small", "gpu1", 1), ("new", "gpu1", 6)];
        assert_eq!(gentle(&running, &[8, 8], &[("gpu1", 6)]), Some(vec![8, 1]));
        let running = [("small", "gpu1", 1), ("new", "gpu1", 6), ("old", "gpu0", 6)];
        assert_eq!(gentle(&running, &[8, 8], &[("gpu1", 6)]), Some(vec![2, 8]));
        // A GPU that is too small for it is none.
        assert_eq!(gentle(&[("a", "gpu1", 6)], &[4, 8], &[("gpu1", 6)]), Some(vec![4, 8]));
    }

    #[test]
    fn there_is_no_second_way_where_there_is_no_choice() {
        assert_eq!(gentle(&[("a", "gpu0", 6)], &[8], &[("gpu0", 6)]), None);
        assert_eq!(gentle(&[("a", "gpu1", 6)], &[8, 8], &[("gpu0", 6), ("gpu1", 6)]), None);
        // It runs as it is.
        assert_eq!(gentle(&[("a", "gpu1", 6)], &[8, 8], &[("gpu0", 6)]), None);
    }

    #[test]
    fn a_smaller_plan_is_not_as_good() {
        let machine = machine(&[8, 8]);
        let check = |other: &[(&str, u64)]| as_good(&machine, &takes(&[("gpu1", 6)]), &takes(other));
        assert!(check(&[("gpu0", 6)]));
        assert!(!check(&[("gpu0", 5)]));
        assert!(!check(&[("gpu0", 5), ("host", 1)]));
    }
}
