//! What the orchestrator tells of itself.

use loadmaster_core::{Estimate, InstanceId, InstanceState, LaunchPlan, Machine, ModelKind};
use serde::{Deserialize, Serialize};

use crate::Shortage;

/// An instance as others see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Its name.
    pub id: InstanceId,
    /// The model that it runs.
    pub model: String,
    /// Its state; `crashed` comes with its reason.
    #[serde(flatten)]
    pub state: InstanceState,
    /// Its process.
    pub pid: Option<u32>,
    /// Where it listens.
    pub endpoint: Option<String>,
    /// How many requests it serves now.
    pub leases: usize,
    /// What it runs, every value resolved.
    pub plan: LaunchPlan,
    /// What it was expected to take.
    pub predicted: Estimate,
    /// What it said it took.
    pub actual: Option<Estimate>,
}

/// A model that can be asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelStatus {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub kind: ModelKind,
    /// How many requests wait for it.
    pub waiting: usize,
    /// Its latest instance, dead ones too.
    pub instance: Option<InstanceStatus>,
}

/// Everything, at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// All models, by name.
    pub models: Vec<ModelStatus>,
}

/// What loading a model would take, and whether it would fit now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preview {
    /// What would run.
    pub plan: LaunchPlan,
    /// What it would take.
    pub estimate: Estimate,
    /// What keeps it from fitting; empty when it fits.
    pub shortages: Vec<Shortage>,
    /// The machine that it was planned for.
    pub machine: Machine,
}
