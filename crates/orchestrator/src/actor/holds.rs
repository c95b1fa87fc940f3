//! Holds, as the actor handles them.

use std::sync::Arc;

use loadmaster_core::HoldId;

use super::Actor;
use crate::{Hold, OrchestratorError, message::Message, steps::Reading};

impl Actor {
    pub(super) fn read_for_hold(&self, Reading { hold, settle }: Reading) {
        let (weigher, at_work) = (Arc::clone(&self.weigher), self.at_work());
        self.later(
            async move { Message::HoldRead { hold, outcome: weigher.machine(settle, &at_work).await } },
        );
    }

    /// Reads the machine for memory that should have come back.
    pub(super) fn recheck(&self, changes: u64) {
        let (weigher, at_work) = (Arc::clone(&self.weigher), self.at_work());
        self.later(async move {
            Message::Rechecked { machine: weigher.machine(true, &at_work).await.ok(), changes }
        });
    }

    /// Whether there is such a hold.
    pub(super) fn known_hold(&self, id: HoldId) -> Result<(), OrchestratorError> {
        if self.state.knows_hold(id) { Ok(()) } else { Err(OrchestratorError::UnknownHold(id)) }
    }

    pub(super) fn grant_hold(&mut self, id: HoldId) {
        let hold = Hold::new(id, self.messages.clone());
        // Who asked may have gone meanwhile: the hold is dropped then, and releases itself.
        if let Some(reply) = self.holds.remove(&id) {
            drop(reply.send(Ok(hold)));
        }
    }
}
