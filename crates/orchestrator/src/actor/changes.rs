//! What changes while all goes on: models, rules, the policy.

use std::sync::Arc;

use loadmaster_core::LoadRequest;

use super::Actor;
use crate::{
    ModelRules, OrchestratorError, Policy,
    message::{Change, Reply},
    steps::Input,
};

impl Actor {
    /// Answers, and says what is to be decided.
    pub(super) fn change(&mut self, change: Change) -> Option<Input> {
        Some(match change {
            Change::Check { model, reply } => {
                self.check_of(self.state.request(&model).cloned(), reply);
                return None;
            }
            Change::CheckOf { request, reply } => {
                self.check_of(Ok(request), reply);
                return None;
            }
            Change::Remove { model, reply } => self.remove(model, reply),
            Change::Update { request, rules, reply } => return self.update(request, rules, reply),
            Change::SetPolicy { policy, reply } => self.set_policy(*policy, reply),
            Change::Residents { reply } => {
                // Who asked may have gone, here and below.
                let _ = reply.send(self.state.residents());
                return None;
            }
            Change::Configured { model, reply } => {
                let _ = reply.send(self.state.configured(&model));
                return None;
            }
            Change::Resume { residents, reply } => {
                self.state.resume(residents);
                let _ = reply.send(());
                Input::Tick
            }
        })
    }

    fn remove(&self, model: String, reply: Reply<Result<(), OrchestratorError>>) -> Input {
        let _ = reply.send(self.state.request(&model).map(drop));
        Input::ModelRemoved { model }
    }

    fn update(
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

    fn set_policy(&mut self, policy: Policy, reply: Reply<()>) -> Input {
        self.policy = Arc::new(policy.clone());
        let _ = reply.send(());
        Input::PolicyChanged { policy: Box::new(policy) }
    }
}
