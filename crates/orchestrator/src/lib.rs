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
//! memory and no process; the time comes with the input. The actor carries the actions out and feeds their outcomes back as
//! inputs, one at a time. `ledger` holds the arithmetic of reservations.
//!
//! [`simulation`] plays the same decisions against a pattern of requests, in virtual time.
//!
//! `weigher` says what a plan takes: what `measurements` has where the same plan has run here before,
//! and else what the backend estimates. What a start took is written there.
//!
//! **Invariant:** a backend is called by the actor alone, and by nobody outside this crate. No lock
//! is held across an await: the one there is, in `measurements`, is never seen outside of it.
//!
//! # What it promises
//! - Reservations stay within what is free and within the user's budgets; foreign use is read anew before
//!   each decision, and once more when others have gone.
//! - A model that does not fit beside the others takes the place of the cheapest set of them that is
//!   enough: idle ones before busy ones, what is small and long unused first, never pinned ones. What can
//!   never fit is refused at once, with the numbers.
//! - Requests for one model are served together. The busy keep the others out for no longer than a turn
//!   ([`Policy::turn`]); then they take no new requests, finish what they have, and make room.
//! - Every request ends exactly once: with a lease, or with an error that says why. One that is dropped
//!   while it waits moves nothing.
//! - What had to go for a request comes back as its [`ModelRules`] say, with the plan it had.
//! - A start that runs out of memory is tried once more with a smaller plan.
//!
//! - Models are added, changed and taken away while all goes on: what comes to the same plan is not touched,
//!   what is served may finish, and who waits for a changed model waits on.
//! - Conversations are kept over an unloading, where the backend can ([`Backend::save`]).
//! - Budgets change at run time ([`Orchestrator::set_budgets`]), and memory is held for programs that are not
//!   ours ([`Orchestrator::hold`]): models are moved out of the way, and come back.
//! - A model whose server dies again and again is given pauses, and in the end its requests are told so.
//!
//! [`Backend::save`]: loadmaster_core::Backend::save
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
mod at_work;
mod budget;
mod decide;
mod error;
mod handle;
mod held;
mod hold;
mod ledger;
mod machine;
mod measurements;
mod message;
mod outlook;
mod policy;
mod previews;
mod returns;
mod shortage;
pub mod simulation;
mod status;
mod steps;
mod weigher;
mod why;

pub use self::{
    budget::{Budget, Budgets},
    error::OrchestratorError,
    handle::{Lease, Orchestrator, Waiting},
    hold::{AwaitedHold, Hold, HoldRequest, HoldStatus},
    machine::{MachineReader, ProcessMemory, ThisMachine},
    policy::{KeepAlive, ModelRules, Policy, Priority, Restore, Wish},
    shortage::Shortage,
    status::{
        Configured, InstanceStatus, ModelStatus, Notice, Preview, QueuePlace, Resident, Status, WaitsFor,
    },
    why::{Doing, Other, Why},
};
