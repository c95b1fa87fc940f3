//! The memory of a random world, as far as its machine tells of it.

use super::{
    super::*,
    world::{TOTAL, plan_of},
};
use crate::steps::Preparation;

/// How long a driver takes to give back what a process had, in milliseconds.
const LAG: u64 = 100;

/// What one server takes.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub(super) device: DeviceId,
    pub(super) bytes: u64,
    /// Until it is ready, half of it is taken.
    pub(super) loaded: bool,
}

/// The machine, and who takes what of it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// How many GPUs stand beside the host, on which all models run then.
    pub(super) gpus: usize,
    /// Whether the machine says what is free.
    tells: bool,
    /// What lives.
    pub(super) alive: BTreeMap<InstanceId, Share>,
    /// Holds that were granted and are not over; their programs have taken half of it.
    pub(super) holds: BTreeMap<HoldId, (DeviceId, u64)>,
    /// What is on its way back, and until when.
    returning: Vec<(u64, DeviceId, u64)>,
}

impl Memory {
    /// One that says nothing, one that says what is free, and two with GPUs.
    pub(super) fn of(seed: u8) -> Self {
        let kind = usize::from(seed % 4);
        Self { gpus: kind.saturating_sub(1), tells: kind > 0, ..Self::default() }
    }

    fn devices(&self) -> impl Iterator<Item = DeviceId> {
        let gpus = (0..self.gpus).map(|number| DeviceId::from(format!("gpu{number}")));
        std::iter::once(DeviceId::host()).chain(gpus)
    }

    /// What a hold asks for.
    pub(super) fn name(&self, pick: u8) -> String {
        let names: Vec<DeviceId> = self.devices().collect();
        names[usize::from(pick) % names.len()].to_string()
    }

    pub(super) fn budgets(&self, budget: u64) -> Budgets {
        Budgets(self.devices().map(|device| (device.to_string(), Budget::Bytes(budget))).collect())
    }

    /// A reading; `settled` when two of them agreed.
    pub(super) fn read(&self, now: u64, settled: bool) -> Machine {
        let mut machine = machine_of(TOTAL);
        let gpu = |id: DeviceId| Device {
            id,
            kind: DeviceKind::Discrete,
            aliases: Vec::new(),
            ..machine_of(TOTAL).devices.remove(0)
        };
        machine.devices.extend(self.devices().skip(1).map(gpu));
        for device in machine.devices.iter_mut().filter(|_| self.tells) {
            let shares = self.alive.values().filter(|share| share.device == device.id);
            let servers: u64 =
                shares.map(|share| if share.loaded { share.bytes } else { share.bytes / 2 }).sum();
            let programs = self.holds.values().filter(|(of, _)| *of == device.id).map(|(_, bytes)| bytes / 2);
            let late = self.returning.iter().filter(|(until, of, _)| *until > now && *of == device.id);
            let late: u64 = late.map(|(.., bytes)| bytes).sum();
            let taken = servers + programs.sum::<u64>() + if settled { 0 } else { late };
            device.free = Some(TOTAL.saturating_sub(taken));
        }
        machine
    }

    pub(super) fn end(&mut self, instance: &InstanceId, now: u64) {
        if let Some(Share { device, bytes, .. }) = self.alive.remove(instance) {
            self.returning.push((now + LAG, device, bytes));
        }
    }

    pub(super) fn end_hold(&mut self, hold: HoldId, now: u64) {
        if let Some((device, bytes)) = self.holds.remove(&hold) {
            self.returning.push((now + LAG, device, bytes / 2));
        }
    }

    /// What servers, and holds, have of a device.
    pub(super) fn taken(&self, device: &DeviceId) -> (u64, u64) {
        let servers = self.alive.values().filter(|share| share.device == *device).map(|share| share.bytes);
        let holds = self.holds.values().filter(|(of, _)| of == device).map(|(_, bytes)| bytes);
        (servers.sum(), holds.sum())
    }

    /// Whatever budgets say, no more is given away than there is.
    pub(super) fn check(&self) {
        for device in self.devices() {
            let (servers, holds) = self.taken(&device);
            assert!(servers + holds <= TOTAL, "{device}: {:?} {:?}", self.alive, self.holds);
        }
    }

    /// The plan that a planner makes, which takes the GPU with most free.
    pub(super) fn plan(&self, preparation: &Preparation, bytes: u64, now: u64) -> Prepared {
        let real = self.read(now, preparation.settle);
        let on = |device: DeviceId| Estimate {
            source: EstimateSource::Computed,
            margin_percent: 0,
            devices: vec![DeviceEstimate { weights: bytes, ..DeviceEstimate::on(device) }],
        };
        let best = |machine: &Machine| {
            let places = machine.devices.iter().skip(usize::from(self.gpus > 0));
            on(places.max_by_key(|device| device.free).expect("there is the host").id.clone())
        };
        let outlook = &preparation.outlook;
        let mut estimate = best(&outlook.machine(&real));
        if let Some(again) = &preparation.again {
            estimate = on(DeviceId::from(again.settings["device"].as_str().expect("it is ours")));
        } else if let Some(gentle) = outlook.gentle(&real, &estimate) {
            estimate = best(&gentle);
        }
        let device = estimate.devices[0].device.to_string();
        let mut plan = plan_of(&preparation.request.model.id, bytes);
        plan.settings.insert("device".to_owned(), device.into());
        Prepared { plan: Arc::new(plan), estimate, machine: real }
    }
}
