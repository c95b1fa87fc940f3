//! What happens with an input, and what follows from it.

use std::time::Duration;

use super::State;
use crate::steps::{Action, Input};

impl State {
    /// Takes in what happened at `now` and says what to do, in this order. Time that runs backwards
    /// stands still.
    pub(crate) fn apply(&mut self, now: Duration, input: Input) -> Vec<Action> {
        self.now = self.now.max(now);
        self.let_rest();
        self.look_again |= self.may_make_room(&input);
        let mut actions = Vec::new();
        match input {
            Input::LeaseAsked { ticket, model, wish } => self.lease_asked(ticket, &model, wish, &mut actions),
            Input::GaveUp { ticket } => self.gave_up(ticket),
            Input::LeaseReturned { instance, keep } => self.lease_returned(&instance, keep),
            Input::Prepared { model, edition, number, outcome } => {
                self.prepared(&model, (edition, number), outcome, &mut actions);
            }
            Input::Started { instance, outcome } => self.started(&instance, outcome, &mut actions),
            Input::Exited { instance, failure } => self.exited(&instance, failure, &mut actions),
            Input::LoadAsked { model } => self.load_asked(&model),
            Input::StopAsked { ticket, model } => self.stop_asked(ticket, &model, &mut actions),
            Input::StopDone { instance, outcome } => self.stop_done(&instance, outcome, &mut actions),
            Input::Tick => {}
            Input::CloseAsked => self.close_asked(&mut actions),
            Input::Looked { instance, look } => self.looked(&instance, &look, &mut actions),
            Input::LeaseAskedAgain { ticket, lost, model, wish } => {
                self.lease_asked_again(ticket, &lost, &model, wish, &mut actions);
            }
            Input::ModelRemoved { model } => self.model_removed(&model, &mut actions),
            Input::ModelChanged { request, rules } => self.model_changed(request, rules, &mut actions),
            Input::PolicyChanged { policy } => self.policy_changed(*policy),
            Input::BudgetsChanged { budgets, machine } => {
                self.budgets_changed(budgets, &machine, &mut actions);
            }
            Input::HoldAsked { hold, request } => self.hold_asked(hold, request, &mut actions),
            Input::HoldRead { hold, outcome } => self.read_for_hold(hold, outcome, &mut actions),
            Input::HoldDropped { hold } => self.end_hold(hold, &mut actions),
            Input::HoldReleased { hold } => self.hold_released(hold, &mut actions),
            Input::Leaving { instance, machine, process } => self.is_leaving(instance, &machine, &process),
            Input::Rechecked { machine, changes } => self.rechecked(machine.as_ref(), changes, &mut actions),
        }
        self.go_on(&mut actions);
        if self.closing && !self.instances.busy().any(|(_, entry)| entry.state.is_alive()) {
            actions.push(Action::Closed);
        }
        actions
    }

    /// Whatever the time and the state now allow, until it allows nothing more.
    fn go_on(&mut self, actions: &mut Vec<Action>) {
        loop {
            let (before, mut again) = (actions.len(), false);
            // Who does not want to wait gets what is there.
            self.grant(actions);
            self.expire_waiters(actions);
            self.expire_holds(actions);
            self.end_drains(actions);
            self.grant(actions);
            self.forget_the_removed();
            if !self.closing {
                self.plan_when_room_was_made(actions);
                self.plan_what_is_asked_for(actions);
                if self.look_again || self.look_at.is_some_and(|time| time <= self.now) {
                    self.admit_the_blocked(actions);
                }
                self.read_when_room_was_made(actions);
                again = self.admit_the_holds(actions);
                self.unload_the_idle(actions);
                self.give_back_what_was_not_taken();
                self.load_what_is_wanted(actions);
                self.look_at_what_runs(actions);
                self.recheck_when_it_is_quiet(actions);
            }
            if actions.len() == before && !again {
                return;
            }
            self.look_again |=
                again || actions[before..].iter().any(|action| !matches!(action, Action::Grant { .. }));
        }
    }

    /// When [`Input::Tick`] is due, if nothing happens before.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        let times = self.queue_times().chain(self.look_at).chain(self.idle_times());
        let times = times.chain(self.trouble_times()).chain(self.watch_times());
        let times = times.chain(self.hold_times()).chain(self.recheck_time());
        times.filter(|time| *time > self.now).min()
    }
}
