//! Who need not be looked at closely, because there cannot be room.
//!
//! Hundreds of models may wait for memory while one instance after another falls idle. What could be had of
//! each device at most is found out once for all of them; those who need more wait on.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use loadmaster_core::{DeviceId, Estimate, InstanceId, InstanceState};

use super::{ModelEntry, Progress, State, verdict::Pressure};
use crate::{
    ledger::Gone,
    steps::{Input, Prepared},
};

/// What could be had at most.
#[derive(Debug, Default)]
pub(super) struct Glance {
    /// In bytes, if all go who may go for whoever has waited longest; a device that is not here is not known.
    pub(super) most: BTreeMap<DeviceId, u64>,
    /// All who could go some time, for anybody.
    pub(super) may_go: BTreeSet<InstanceId>,
}

impl Glance {
    /// Whether `estimate` can neither start now nor have room made for it.
    pub(super) fn excludes(&self, estimate: &Estimate) -> bool {
        let mut parts = estimate.devices.iter();
        parts.any(|part| {
            self.most.get(&part.device).is_some_and(|most| estimate.reservation(&part.device) > *most)
        })
    }
}

impl State {
    /// What could be had of the devices that those know who wait for memory.
    pub(super) fn glance(&self) -> Glance {
        let may_go = self.may_go_for("");
        let blocked = self.models.busy_values().filter_map(|entry| match &entry.progress {
            Progress::Blocked { prepared, .. } => Some((entry, &**prepared)),
            _ => None,
        });
        let since = |(entry, _): (&ModelEntry, &Prepared)| entry.waits_since();
        let longest: Duration = blocked.clone().filter_map(since).min().unwrap_or(self.now);
        let most = blocked.clone().map(|(entry, _)| entry.waiting.len()).max().unwrap_or(0);
        let Some((_, prepared)) = blocked.clone().next() else {
            return Glance { may_go, ..Glance::default() };
        };
        let goes = |(id, instance): (&InstanceId, &super::InstanceEntry)| match instance.state {
            InstanceState::Draining | InstanceState::Stopping => Some(id.clone()),
            _ => self.candidate(Pressure::Since(longest, most), id, instance).map(|candidate| candidate.id),
        };
        let gone =
            Gone { instances: self.instances.busy().filter_map(goes).collect(), holds: self.all_holds() };
        let devices = prepared.machine.devices.iter();
        let most =
            devices.map(|device| (device.id.clone(), self.ledger.limit(device, &self.policy.budgets, &gone)));
        Glance { most: most.collect(), may_go }
    }

    /// Whether one of those who wait for memory may get it by `input`, before anything is done about it.
    /// What happens most often is not that: requests come for models that run, and end where others go on.
    pub(super) fn may_make_room(&self, input: &Input) -> bool {
        match input {
            Input::Tick => false,
            Input::LeaseAsked { model, .. } => {
                let progress = self.models.get(model).map(|entry| &entry.progress);
                matches!(progress, Some(Progress::Blocked { .. }))
            }
            Input::LeaseReturned { instance, .. } => {
                let asked_for = |model| self.models.get(model).is_some_and(|entry| !entry.waiting.is_empty());
                self.instances.get(instance).is_some_and(|instance| {
                    instance.leases + instance.keeps <= 1 || !asked_for(&instance.model)
                })
            }
            _ => true,
        }
    }
}
