//! Budgets, as the actor handles them: what they are depends on the devices that there are.

use std::sync::Arc;

use loadmaster_core::Machine;

use super::Actor;
use crate::{
    Budgets, OrchestratorError,
    message::{Message, Reply, send},
    steps::Input,
};

impl Actor {
    /// Reads the machine, then takes the budgets over.
    pub(super) fn read_for_budgets(&self, budgets: Budgets, reply: Reply<Result<(), OrchestratorError>>) {
        let (weigher, messages) = (Arc::clone(&self.weigher), self.messages.clone());
        let at_work = self.at_work();
        tokio::spawn(async move {
            match weigher.machine(false, &at_work).await {
                Ok(machine) => send(&messages, Message::BudgetsRead { budgets, machine, reply }),
                // Who asked may have gone.
                Err(error) => drop(reply.send(Err(error))),
            }
        });
    }

    /// The machine was read: the budgets hold from now on.
    pub(super) fn budgets_read(
        &mut self,
        budgets: Budgets,
        machine: &Machine,
        reply: Reply<Result<(), OrchestratorError>>,
    ) {
        self.warned.clear();
        self.decide(Input::BudgetsChanged { budgets, machine: machine.clone() });
        self.warn_of_strangers(machine);
        // Who asked may have gone.
        let _ = reply.send(Ok(()));
    }

    /// Refuses budgets for devices that are not there, and that have none now.
    pub(super) fn check_budgets(&self, budgets: Budgets, reply: Reply<Result<(), OrchestratorError>>) {
        let weigher = Arc::clone(&self.weigher);
        let known = self.state.budgets().clone();
        tokio::spawn(async move {
            let outcome = weigher.machine(false, &[]).await.and_then(|machine| {
                let stranger =
                    budgets.unmatched(&machine).into_iter().find(|name| !known.0.contains_key(*name));
                stranger.map_or(Ok(()), |name| {
                    Err(OrchestratorError::UnknownDevice {
                        device: name.to_owned(),
                        known: devices(&machine),
                    })
                })
            });
            // Who asked may have gone.
            let _ = reply.send(outcome);
        });
    }

    /// Warns once of each budget that limits nothing: a card may be unplugged, so it is no error.
    pub(super) fn warn_of_strangers(&mut self, machine: &Machine) {
        let strangers = self.state.budgets().unmatched(machine);
        // One that was there again meanwhile is warned of anew.
        self.warned.retain(|name| strangers.contains(&name.as_str()));
        for device in strangers.into_iter().filter(|name| !self.warned.contains(*name)).collect::<Vec<_>>() {
            let known = devices(machine).join(", ");
            tracing::warn!(
                "the budget for '{device}' limits nothing: there is no such device; there is {known}"
            );
            self.warned.insert(device.to_owned());
        }
    }
}

/// What the machine has, by id.
fn devices(machine: &Machine) -> Vec<String> {
    machine.devices.iter().map(|device| device.id.to_string()).collect()
}
