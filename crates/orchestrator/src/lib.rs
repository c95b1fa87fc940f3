//! Everything that takes memory asks here first.
//!
//! An [`Orchestrator`] is a handle to one task that owns all state. A request asks it for a
//! [`Lease`] on a model. When the model runs, the lease is granted at once; when it does not, its
//! backend makes a plan and an estimate, and the model is started if the estimate fits what is
//! free, or refused with the numbers if it does not. Dropping the lease is the end of the request.
//!
//! # How it is built
//!
//! `decide` is a pure function over plain data, `(state, input) -> actions`: it reads no clock, no
//! memory and no process. The actor carries the actions out and feeds their outcomes back as
//! inputs, one at a time. `ledger` holds the arithmetic of reservations.
//!
//! `weigher` says what a plan takes: what `measurements` has where the same plan has run here before,
//! and else what the backend estimates. What a start took is written there.
//!
//! **Invariant:** a backend is called by the actor alone, and by nobody outside this crate. No lock
//! is held across an await: the one there is, in `measurements`, is never seen outside of it.
//!
//! # Limitations of this first form
//! Nothing is evicted to make room: a model that does not fit beside those that run is refused,
//! and the refusal names them.
//!
//! # Example
//!
//! ```no_run
//! use std::sync::Arc;
//! use loadmaster_core::{BackendContext, LoadRequest, Model, ModelKind, Registry};
//! use loadmaster_orchestrator::{Orchestrator, Policy, ThisMachine};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::registered(&BackendContext::default())?;
//! let orchestrator = Orchestrator::new(registry, Arc::new(ThisMachine::new()), Policy::default());
//! orchestrator.add(LoadRequest::new(Model::from_file(ModelKind::Text, "model.gguf"))).await?;
//! let lease = orchestrator.lease("model").await?;
//! println!("ready at {}", lease.instance().endpoint);
//! drop(lease);
//! orchestrator.close().await;
//! # Ok(())
//! # }
//! ```

mod actor;
mod actual;
mod decide;
mod error;
mod handle;
mod ledger;
mod machine;
mod measurements;
mod status;
mod steps;
mod weigher;

pub use self::{
    error::OrchestratorError,
    handle::{Lease, Orchestrator},
    ledger::{Budget, Budgets, Shortage},
    machine::{MachineReader, ProcessMemory, ThisMachine},
    status::{InstanceStatus, ModelStatus, Preview, Status},
};

/// What the orchestrator is to keep to.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What may be taken of each device.
    pub budgets: Budgets,
    /// How long a model that is told to stop may finish the requests it has.
    pub drain: std::time::Duration,
    /// How long a server may take to end before it is ended by force.
    pub patience: std::time::Duration,
    /// The file that remembers what models took, for better estimates; `None` forgets with the program.
    pub measurements: Option<std::path::PathBuf>,
}

impl Default for Policy {
    /// No budgets; 30 s to drain, 5 s to end; measurements are not kept.
    fn default() -> Self {
        Self {
            budgets: Budgets::default(),
            drain: std::time::Duration::from_secs(30),
            patience: std::time::Duration::from_secs(5),
            measurements: None,
        }
    }
}
