//! What changes while all goes on: models, rules, the policy.

use std::sync::Arc;

use loadmaster_core::LoadRequest;

use super::Actor;
use crate::{ModelRules, OrchestratorError, Policy, message::Reply, steps::Input};

impl Actor {
    pub(super) fn remove(&self, model: String, reply: Reply<Result<(), OrchestratorError>>) -> Input {
        // Who asked may have gone, here and below.
        let _ = reply.send(self.state.request(&model).map(drop));
        Input::ModelRemoved { model }
    }

    pub(super) fn update(
        &self,
        request: LoadRequest,
        rules: ModelRules,
        reply: Reply<Result<(), OrchestratorError>>,
    ) -> Option<Input> {
        let outcome =
            self.state.request(&request.model.id).and_then(|_| self.backend_for(&request)).map(drop);
        let changed = outcome.is_ok();
        let _ = reply.send(outcome);
        changed.then(|| Input::ModelChanged { request, rules })
    }

    pub(super) fn set_policy(&mut self, policy: Policy, reply: Reply<()>) -> Input {
        self.policy = Arc::new(policy.clone());
        let _ = reply.send(());
        Input::PolicyChanged { policy: Box::new(policy) }
    }
}
