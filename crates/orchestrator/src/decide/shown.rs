//! What is known, for those who ask.

use std::collections::BTreeSet;

use loadmaster_core::{InstanceId, InstanceState, LaunchPlan};

use super::{
    ModelEntry, Progress, State,
    verdict::{Pressure, Verdict},
};
use crate::{InstanceStatus, ModelStatus, Preview, Status, WaitsFor, ledger::Gone, steps::Prepared};

impl State {
    /// Everything, for those who ask.
    pub(crate) fn status(&self) -> Status {
        let models = self.models.iter().map(|(id, entry)| ModelStatus {
            id: id.clone(),
            kind: entry.request.model.kind,
            waiting: entry.waiting.len(),
            waits_for: self.waits_for(id, entry),
            instance: entry.instance.as_ref().and_then(|id| self.instance_status(id)),
        });
        Status {
            models: models.collect(),
            reserved: self.ledger.totals(&self.claims()),
            closing: self.closing,
            last_event: 0,
            budgets: self.policy.budgets.clone(),
            holds: self.hold_statuses(),
            not_returned: self.returns.missing(),
        }
    }

    pub(super) fn waits_for(&self, model: &str, entry: &ModelEntry) -> Option<WaitsFor> {
        match &entry.progress {
            Progress::Planning { .. } => Some(WaitsFor::Plan),
            Progress::Blocked { prepared, .. } => {
                let Prepared { estimate, machine, .. } = &**prepared;
                let shortages =
                    |gone: &Gone| self.ledger.shortages(estimate, machine, &self.policy.budgets, gone);
                let even = Gone { instances: self.may_go_for(model), holds: self.holds_behind(model) };
                let shortages_now = shortages(&Gone::default());
                Some(if shortages(&even).is_empty() {
                    WaitsFor::Memory { shortages: shortages_now }
                } else {
                    WaitsFor::Hold { holds: self.all_holds().into_iter().collect(), shortages: shortages_now }
                })
            }
            Progress::MakingRoom { leaving, .. } => {
                Some(WaitsFor::Room { leaving: leaving.iter().cloned().collect() })
            }
            Progress::None | Progress::Comparing if entry.waiting.is_empty() => None,
            Progress::None | Progress::Comparing => {
                Some(match self.living_of(entry).map(|instance| &instance.state) {
                    Some(InstanceState::Starting) => WaitsFor::Start,
                    Some(InstanceState::Ready) => WaitsFor::Place,
                    Some(_) => WaitsFor::End,
                    None => WaitsFor::Pause,
                })
            }
        }
    }

    fn instance_status(&self, id: &InstanceId) -> Option<InstanceStatus> {
        let entry = self.instances.get(id)?;
        Some(InstanceStatus {
            id: id.clone(),
            model: entry.model.clone(),
            state: entry.state.clone(),
            pid: entry.facts.as_ref().and_then(|facts| facts.pid),
            endpoint: entry.facts.as_ref().map(|facts| facts.endpoint.clone()),
            leases: entry.leases + entry.keeps,
            plan: LaunchPlan::clone(&entry.plan),
            predicted: entry.predicted.clone(),
            actual: entry.facts.as_ref().and_then(|facts| facts.measured.clone()),
        })
    }

    /// What starting `prepared` would lead to.
    pub(crate) fn preview(&self, prepared: Prepared) -> Preview {
        let Prepared { plan, estimate, machine } = prepared;
        let model = &plan.model.id;
        let own: BTreeSet<InstanceId> = self.held_by(model).collect();
        let shortages_without =
            |gone: Gone| self.ledger.shortages(&estimate, &machine, &self.policy.budgets, &gone);
        let shortages = shortages_without(own.clone().into());
        let (mut leaving, mut lacking) = (Vec::new(), Vec::new());
        let may_go = self.may_go_for(model);
        let holds = if shortages_without((&may_go | &own).into()).is_empty() {
            Vec::new()
        } else {
            self.all_holds().into_iter().collect()
        };
        match self.verdict(model, &estimate, &machine, Pressure::Overdue, &may_go) {
            Verdict::MakeRoom(going) => leaving.extend(going),
            Verdict::Never(missing) => lacking = missing,
            Verdict::Start | Verdict::Wait => {}
        }
        Preview { plan: LaunchPlan::clone(&plan), estimate, shortages, leaving, lacking, machine, holds }
    }
}
