//! Why who waits has to wait, and who is in the way.

use loadmaster_core::{DeviceId, InstanceId, InstanceState, Machine};

use super::{InstanceEntry, ModelEntry, Progress, State, verdict};
use crate::{Doing, Other, WaitsFor, Why};

impl State {
    /// Why the requests for `model` wait; `None` where nothing is waited for.
    pub(super) fn why(&self, model: &str, entry: &ModelEntry) -> Option<Why> {
        let waits_for = self.waits_for(model, entry)?;
        let mut others: Vec<Other> = match (&waits_for, &entry.progress) {
            (WaitsFor::Room { leaving }, _) => {
                leaving.iter().filter_map(|id| self.instances.get(id)).filter_map(other).collect()
            }
            (WaitsFor::Memory { shortages }, Progress::Blocked { prepared, .. }) => {
                let machine = &prepared.machine;
                let short = shortages.iter().filter_map(|short| verdict::pool(&short.device, machine));
                self.in_the_way(model, &short.collect::<Vec<_>>(), machine)
            }
            _ => Vec::new(),
        };
        others.sort();
        Some(Why { model: model.to_owned(), kind: entry.request.model.kind, waits_for, others })
    }

    /// Who has something of the memories that `model` lacks, and need not have it for ever.
    fn in_the_way(&self, model: &str, short: &[DeviceId], machine: &Machine) -> Vec<Other> {
        let takes = |id: &InstanceId| self.takes_of(id, short, machine);
        let instances = self.instances.busy().filter(|(id, _)| takes(id)).map(|(_, instance)| instance);
        let instances =
            instances.filter(|instance| instance.model != model && !self.is_pinned(&instance.model));
        let expected = self.models.busy().filter(|(name, entry)| {
            let promised = match &entry.progress {
                Progress::MakingRoom { promised, .. } => Some(promised),
                Progress::Planning { promised, .. } => promised.as_ref(),
                // What is kept for it says who is next, and takes nothing of what others have.
                Progress::None | Progress::Comparing | Progress::Blocked { .. } => None,
            };
            *name != model && promised.is_some_and(takes)
        });
        let expected = expected.map(|(name, _)| Other { doing: Doing::Expected, model: name.clone() });
        instances.filter_map(other).chain(expected).collect()
    }
}

/// What an instance does with its memory, if it is alive.
fn other(instance: &InstanceEntry) -> Option<Other> {
    let doing = match instance.state {
        InstanceState::Starting => Doing::Loading,
        InstanceState::Ready | InstanceState::Draining if instance.leases > 0 => {
            Doing::work(instance.plan.model.kind)
        }
        InstanceState::Ready => Doing::Idle,
        InstanceState::Draining | InstanceState::Stopping => Doing::Leaving,
        InstanceState::Stopped | InstanceState::Crashed { .. } => return None,
    };
    Some(Other { doing, model: instance.model.clone() })
}
