//! What would happen: asked of the handle, and nothing is loaded for it.

use std::sync::Arc;

use loadmaster_core::{Estimate, LaunchPlan, LoadRequest, Machine, Model};

use crate::{Orchestrator, OrchestratorError, Preview, message::Message, steps::Prepared};

impl Orchestrator {
    /// What loading `model` would take, whether it would fit now, and who would make room. Loads nothing.
    ///
    /// # Errors
    /// The model is unknown, or cannot be planned.
    pub async fn preview(&self, model: &str) -> Result<Preview, OrchestratorError> {
        self.ask(|reply| Message::Preview { model: model.to_owned(), reply }).await?
    }

    /// What loading a model would take that need not have been added, and whether it would fit now.
    ///
    /// # Errors
    /// No backend serves it, or it cannot be planned.
    pub async fn preview_of(&self, request: LoadRequest) -> Result<Preview, OrchestratorError> {
        self.ask(|reply| Message::PreviewOf { request, machine: None, reply }).await?
    }

    /// The same on another machine than the one that is read, such as one with a GPU that is only imagined. What runs
    /// now counts on it, by the devices' names.
    ///
    /// # Errors
    /// No backend serves it, or it cannot be planned for that machine.
    pub async fn preview_on(
        &self,
        request: LoadRequest,
        machine: Machine,
    ) -> Result<Preview, OrchestratorError> {
        let machine = Some(Box::new(machine));
        self.ask(|reply| Message::PreviewOf { request, machine, reply }).await?
    }

    /// What loading `model` would lead to on `machine` if it took what `estimate` says: for a model that is not here,
    /// and of which no plan can be made.
    ///
    /// # Errors
    /// [`OrchestratorError::Closing`] after [`Orchestrator::close`].
    pub async fn foretell(
        &self,
        model: Model,
        estimate: Estimate,
        machine: Machine,
    ) -> Result<Preview, OrchestratorError> {
        let plan = Arc::new(LaunchPlan::new("", model));
        self.ask(|reply| Message::Previewed { prepared: Prepared { plan, estimate, machine }, reply }).await?
    }
}
