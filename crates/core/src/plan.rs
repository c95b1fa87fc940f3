//! What was asked, and what will run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Model;

/// Named values, in the order they were given. Names are `snake_case`; each backend documents its own.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// What somebody asks for: a model, and the settings that they care about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadRequest {
    /// The model to load.
    pub model: Model,
    /// What the backend shall not choose itself. A name that the backend does not know is refused.
    #[serde(default)]
    pub settings: Settings,
}

impl LoadRequest {
    /// Asks for `model` with everything left to the backend.
    pub fn new(model: Model) -> Self {
        Self { model, settings: Settings::new() }
    }

    /// Adds a setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }
}

/// Everything a backend needs to start a model: nothing is defaulted after this.
///
/// The plan that was decided on is the plan that is stored, shown, started and restarted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaunchPlan {
    /// The id of the backend that made it, and that alone can start it.
    pub backend: String,
    /// The model it starts.
    pub model: Model,
    /// The server program, when the backend starts one.
    pub server: Option<PathBuf>,
    /// Every setting, resolved.
    pub settings: Settings,
}

impl LaunchPlan {
    /// A plan without settings.
    pub fn new(backend: &str, model: Model) -> Self {
        Self { backend: backend.to_owned(), model, server: None, settings: Settings::new() }
    }
}
