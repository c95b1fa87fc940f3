//! Room that is kept for whoever has waited longest.
//!
//! A large model may have to wait until several others have had their turn, and these end one after another.
//! If whoever came later took each place as it falls free, the large one would wait for ever. So of those who
//! have waited for two turns, the first one on each device has its memory reserved although it cannot have it yet:
//! whoever comes after it gets in only where there is room for both. It then waits for what runs already and
//! for nothing else.

use std::collections::{BTreeMap, BTreeSet};

use loadmaster_core::{DeviceId, InstanceId};

use super::{ModelEntry, Progress, State, glance::Glance};
use crate::ledger::Gone;

/// After so many turns, room is kept. After one, most of those who wait find a place by themselves, and what is
/// kept stays empty: with 1000 models on 16 GPUs the longest wait doubles.
const TURNS: u32 = 2;

/// What was kept in one look at all who wait.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// The devices of which somebody keeps all that comes free.
    devices: BTreeSet<DeviceId>,
    /// Somebody waits who could keep nothing, because another one had kept it before. It may find a place on
    /// any device: whoever came later keeps none from it.
    full: bool,
}

impl State {
    /// Takes back what is kept, before all who wait are looked at anew.
    pub(super) fn withdraw_claims(&mut self) {
        for entry in self.models.busy_values_mut() {
            if let Progress::Blocked { claim, .. } = &mut entry.progress
                && let Some(id) = claim.take()
            {
                self.ledger.withdraw(&id);
            }
        }
    }

    /// All that is kept. It says who is next, and takes nothing of what others have.
    pub(super) fn claims(&self) -> BTreeSet<InstanceId> {
        let claim = |entry: &ModelEntry| match &entry.progress {
            Progress::Blocked { claim, .. } => claim.clone(),
            _ => None,
        };
        self.models.busy_values().filter_map(claim).collect()
    }

    /// Keeps what `model` waits for, if it has waited for two turns and nobody before it waits for the same.
    pub(super) fn claim(&mut self, model: &str, claimed: &mut Claimed, glance: &mut Glance) {
        let Some(entry) = self.models.get(model) else { return };
        let Progress::Blocked { prepared, claim: None, .. } = &entry.progress else { return };
        let Some(since) = entry.waits_since() else { return };
        let overdue = since.saturating_add(self.policy.turn.saturating_mul(TURNS)) <= self.now;
        // A hold keeps its room by itself, and who came after it waits for it.
        let behind_a_hold = || self.holds_wait_since().any(|hold| hold <= since);
        let (estimate, machine) = (&prepared.estimate, &prepared.machine);
        if !overdue || claimed.full || behind_a_hold() {
            return;
        }
        if estimate.devices.iter().any(|part| claimed.devices.contains(&part.device)) {
            claimed.full = true;
            return;
        }
        let lacking = self.ledger.shortages(estimate, machine, &self.policy.budgets, &Gone::default());
        claimed.devices.extend(lacking.into_iter().map(|shortage| shortage.device));
        let (id, estimate) = (InstanceId::new(model, self.starts + 1), estimate.clone());
        glance.keep(&id, &estimate);
        self.ledger.reserve(id.clone(), estimate);
        if let Some(ModelEntry { progress: Progress::Blocked { claim, .. }, .. }) = self.models.get_mut(model)
        {
            *claim = Some(id);
        }
    }
}

impl Glance {
    /// So much less is there for those who come after.
    fn keep(&mut self, id: &InstanceId, estimate: &loadmaster_core::Estimate) {
        let most: &mut BTreeMap<DeviceId, u64> = &mut self.most;
        for part in &estimate.devices {
            if let Some(most) = most.get_mut(&part.device) {
                *most = most.saturating_sub(estimate.reservation(&part.device));
            }
        }
        self.may_go.insert(id.clone());
    }
}
