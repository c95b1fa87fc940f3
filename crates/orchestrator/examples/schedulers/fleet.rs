//! What a scheduler without reservations knows: which servers there are, and what they took.

use std::{collections::BTreeMap, time::Duration};

use loadmaster_core::{DeviceId, Estimate, Machine};
use loadmaster_orchestrator::simulation::{Happening, Step};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Loading,
    Ready,
    Unloading,
}

struct Server {
    model: usize,
    place: Estimate,
    stage: Stage,
    /// Requests that it has.
    busy: usize,
    used: Duration,
}

pub(crate) struct Fleet {
    servers: BTreeMap<u64, Server>,
    started: u64,
    free: BTreeMap<DeviceId, i128>,
}

impl Fleet {
    pub(crate) fn on(machine: &Machine) -> Self {
        let free = machine.devices.iter().map(|device| (device.id.clone(), i128::from(device.total)));
        Self { servers: BTreeMap::new(), started: 0, free: free.collect() }
    }

    /// The server of `model`, if it has one.
    pub(crate) fn of(&self, model: usize) -> Option<(u64, Stage, usize)> {
        let (id, server) = self.servers.iter().find(|(_, server)| server.model == model)?;
        Some((*id, server.stage, server.busy))
    }

    pub(crate) fn count(&self) -> usize {
        self.servers.len()
    }

    pub(crate) fn unloading(&self) -> usize {
        self.servers.values().filter(|server| server.stage == Stage::Unloading).count()
    }

    pub(crate) fn is_unloading(&self) -> bool {
        self.unloading() > 0
    }

    /// Takes in what became of servers and their requests.
    pub(crate) fn take_in(&mut self, now: Duration, happening: &Happening) {
        match happening {
            Happening::Answered { instance, .. } => {
                if let Some(server) = self.servers.get_mut(instance) {
                    server.busy -= 1;
                    server.used = now;
                }
            }
            Happening::Loaded { instance } => {
                if let Some(server) = self.servers.get_mut(instance) {
                    server.stage = Stage::Ready;
                    server.used = now;
                }
            }
            Happening::Unloaded { instance } => {
                if let Some(server) = self.servers.remove(instance) {
                    self.charge(&server.place, 1);
                }
            }
            Happening::Asked { .. } | Happening::Woken => {}
        }
    }

    fn charge(&mut self, place: &Estimate, sign: i128) {
        for part in &place.devices {
            *self.free.entry(part.device.clone()).or_default() += sign * i128::from(part.total());
        }
    }

    pub(crate) fn serve(&mut self, instance: u64, request: u64, now: Duration) -> Step {
        if let Some(server) = self.servers.get_mut(&instance) {
            server.busy += 1;
            server.used = now;
        }
        Step::Serve { request, instance }
    }

    pub(crate) fn load(&mut self, model: usize, place: Estimate, now: Duration) -> Step {
        self.started += 1;
        self.charge(&place, -1);
        let server = Server { model, place: place.clone(), stage: Stage::Loading, busy: 0, used: now };
        self.servers.insert(self.started, server);
        Step::Load { instance: self.started, model, place }
    }

    pub(crate) fn unload(&mut self, instance: u64) -> Step {
        if let Some(server) = self.servers.get_mut(&instance) {
            server.stage = Stage::Unloading;
        }
        Step::Unload { instance }
    }

    pub(crate) fn fits(&self, place: &Estimate) -> bool {
        self.spare(place) >= 0
    }

    /// What `place` leaves free of the device that it fills most.
    fn spare(&self, place: &Estimate) -> i128 {
        let free = |device: &DeviceId| self.free.get(device).copied().unwrap_or_default();
        let parts = place.devices.iter().map(|part| free(&part.device) - i128::from(part.total()));
        parts.min().unwrap_or_default()
    }

    /// The place on the device that has most free.
    pub(crate) fn emptiest(&self, places: &[Estimate]) -> Option<Estimate> {
        places.iter().max_by_key(|place| self.spare(place)).cloned()
    }

    /// Those that may go, the least recently used first.
    fn idle(&self) -> Vec<(Duration, u64)> {
        let idle = self.servers.iter().filter(|(_, server)| server.stage == Stage::Ready && server.busy == 0);
        let mut idle: Vec<_> = idle.map(|(id, server)| (server.used, *id)).collect();
        idle.sort_unstable();
        idle
    }

    pub(crate) fn least_recently_used(&self) -> Option<u64> {
        self.idle().first().map(|(_, id)| *id)
    }

    /// The idle ones that must go for `place` to fit, the least recently used first; `None` if all of them
    /// are not enough.
    pub(crate) fn in_the_way(&self, place: &Estimate) -> Option<Vec<u64>> {
        let mut free = self.free.clone();
        let mut going = Vec::new();
        for (_, id) in self.idle() {
            let fits = |free: &BTreeMap<DeviceId, i128>| {
                place
                    .devices
                    .iter()
                    .all(|part| free.get(&part.device).is_some_and(|free| *free >= i128::from(part.total())))
            };
            if fits(&free) {
                break;
            }
            let server = &self.servers[&id];
            let helps = |part: &loadmaster_core::DeviceEstimate| {
                place.devices.iter().any(|p| p.device == part.device)
            };
            if server.place.devices.iter().any(helps) {
                for part in &server.place.devices {
                    *free.entry(part.device.clone()).or_default() += i128::from(part.total());
                }
                going.push(id);
            }
            if fits(&free) {
                return Some(going);
            }
        }
        None
    }

    /// When the last of them was used.
    pub(crate) fn last_used(&self, instances: &[u64]) -> Duration {
        instances.iter().map(|id| self.servers[id].used).max().unwrap_or_default()
    }
}
