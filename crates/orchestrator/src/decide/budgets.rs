//! Budgets that change at run time.

use std::collections::{BTreeMap, BTreeSet};

use loadmaster_core::{DeviceId, Event, InstanceId, InstanceState, Machine};

use super::{
    Progress, State, Wanted,
    verdict::Pressure,
    victims::{self, Candidate},
};
use crate::{Budgets, Shortage, steps::Action};

impl State {
    /// Takes in new budgets: moves away what they no longer allow, and plans anew what has not begun.
    pub(super) fn budgets_changed(&mut self, budgets: Budgets, machine: &Machine, actions: &mut Vec<Action>) {
        self.policy.budgets = budgets;
        if self.closing {
            return;
        }
        // Room that is being made was meant for another plan.
        self.plan_all_anew(actions);
        let going = self.beyond_the_budgets(machine);
        let written = self.policy.budgets.0.iter();
        actions.push(Action::Tell(Event::BudgetsChanged {
            budgets: written.map(|(device, budget)| (device.clone(), budget.to_string())).collect(),
            leaving: going.iter().cloned().collect(),
        }));
        let gone = &going | &self.leaving();
        for over in self.ledger.beyond(machine, &self.policy.budgets, &gone.clone().into()) {
            actions.push(Action::Tell(Event::OverBudget {
                beyond: over.needed.saturating_sub(over.available),
                device: over.device,
                pinned: self.pinned_ones(),
            }));
        }
        self.look_for_room_again();
        for id in going {
            self.offload(&id);
            self.move_away(&id, actions);
        }
    }

    /// What may be taken of each device.
    pub(crate) fn budgets(&self) -> &Budgets {
        &self.policy.budgets
    }

    /// The cheapest set that has to go, so that no more stays beyond the budgets than what never goes.
    fn beyond_the_budgets(&self, machine: &Machine) -> BTreeSet<InstanceId> {
        let leaving = self.leaving();
        let movable = self.instances.busy().filter(|(_, instance)| !self.is_pinned(&instance.model));
        let candidates: Vec<Candidate> =
            movable.filter_map(|(id, instance)| self.candidate(Pressure::Overdue, id, instance)).collect();
        let beyond = |going: &BTreeSet<InstanceId>| -> BTreeMap<DeviceId, u64> {
            let over = self.ledger.beyond(machine, &self.policy.budgets, &(going | &leaving).into());
            over.into_iter().map(|Shortage { device, needed, .. }| (device, needed)).collect()
        };
        // Pinned ones may be too much by themselves: then no more than they stay.
        let least = beyond(&candidates.iter().map(|one| one.id.clone()).collect());
        victims::choose(candidates, |going| beyond(going) == least).unwrap_or_default()
    }

    /// Those that are about to end.
    pub(super) fn leaving(&self) -> BTreeSet<InstanceId> {
        let leaving = self.instances.busy().filter(|(_, instance)| {
            matches!(instance.state, InstanceState::Draining | InstanceState::Stopping)
        });
        leaving.map(|(id, _)| id.clone()).collect()
    }

    /// Plans whatever waits for memory or for a plan, as if it had come just now.
    pub(super) fn plan_all_anew(&mut self, actions: &mut Vec<Action>) {
        let mut anew = Vec::new();
        for (model, entry) in self.models.busy_mut() {
            match &mut entry.progress {
                Progress::None | Progress::Comparing => {}
                Progress::Planning { outdated, .. } => *outdated = true,
                Progress::Blocked { .. } | Progress::MakingRoom { .. } => anew.push(model.clone()),
            }
        }
        for model in anew {
            self.call_off(&model);
            self.prepare(&model, None, true, actions);
        }
    }

    /// There may be room now for what found none.
    pub(super) fn look_for_room_again(&mut self) {
        for entry in self.models.busy_values_mut() {
            if let Wanted::NoRoom { .. } = entry.wanted {
                entry.wanted = Wanted::Yes;
            }
        }
    }
}
