//! Machines with several GPUs: a plan is for one of them, and another one may do.

use loadmaster_core::{InstanceId, InstanceState};

use super::{
    InstanceEntry, Progress, State,
    glance::Glance,
    verdict::{Pressure, Verdict},
    victims,
};
use crate::{
    outlook::elsewhere,
    steps::{Action, Prepared},
};

impl State {
    /// Plans again, when the plan is no longer new, where the model would not have to wait on another GPU
    /// than the one that was best when its plan was made.
    pub(super) fn look_elsewhere(
        &mut self,
        model: &str,
        may_run: bool,
        stale: bool,
        actions: &mut Vec<Action>,
    ) {
        let changes = self.ledger.changes();
        if may_run && stale {
            self.prepare(model, None, false, actions);
        } else if let Some(entry) = self.models.get_mut(model)
            && let Progress::Blocked { elsewhere, possible, .. } = &mut entry.progress
        {
            *elsewhere = may_run;
            *possible = Some(changes);
        }
    }

    /// Whether it would not have to wait on another GPU.
    pub(super) fn may_run_elsewhere(
        &self,
        model: &str,
        prepared: &Prepared,
        pressure: Pressure,
        glance: &Glance,
    ) -> bool {
        let ways = elsewhere(&prepared.machine, &prepared.estimate);
        ways.iter().filter(|estimate| !glance.excludes(estimate)).any(|estimate| {
            let verdict = self.verdict(model, estimate, &prepared.machine, pressure, &glance.may_go);
            matches!(verdict, Verdict::Start | Verdict::MakeRoom(_))
        })
    }

    /// Those who may have to leave for `model`, from whoever goes most easily to whoever is dearest.
    pub(super) fn leaving_order(&self, model: &str) -> Vec<InstanceId> {
        let others = || {
            let others = self.instances.busy().filter(|(_, instance)| instance.model != model);
            others.filter(|(_, instance)| instance.state.is_alive() && !self.is_pinned(&instance.model))
        };
        let going = |instance: &InstanceEntry| {
            matches!(instance.state, InstanceState::Draining | InstanceState::Stopping)
        };
        let gone_soon = others().filter(|(_, instance)| going(instance)).map(|(id, _)| id.clone());
        let candidate = |(id, instance)| self.candidate(Pressure::Overdue, id, instance);
        let candidates = victims::in_order(others().filter_map(candidate).collect());
        gone_soon.chain(candidates.into_iter().map(|candidate| candidate.id)).collect()
    }
}
