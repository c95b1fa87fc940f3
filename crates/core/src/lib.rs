//! The words that every other crate of Loadmaster speaks.
//!
//! A [`Model`] is asked for with a [`LoadRequest`]. A [`Backend`] turns the request into a
//! [`LaunchPlan`], in which every value is resolved, and into an [`Estimate`] of the bytes it will
//! take on each [`Device`]. Once started it is an [`Instance`] that goes through
//! [`InstanceState`]s, and that ends, when nobody asked for its end, with a typed [`Failure`].
//!
//! Backends live in crates of their own and register themselves with
//! [`submit_backend!`](crate::submit_backend); [`Registry::registered`] collects them.
//!
//! **Invariant:** this crate holds data, the [`Backend`] trait and its registry. It spawns nothing,
//! opens no file and no socket, and decides nothing.
//!
//! # Example: the smallest backend
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use loadmaster_core::{
//!     Backend, BackendError, Endpoint, Estimate, ExitSignal, Health, Instance, InstanceId, Kept,
//!     LaunchPlan, LoadRequest, Machine, Model, Registry, async_trait,
//! };
//!
//! /// Serves nothing, takes nothing.
//! #[derive(Debug)]
//! struct Null;
//!
//! #[async_trait]
//! impl Backend for Null {
//!     fn id(&self) -> &'static str { "null" }
//!     fn supports(&self, _model: &Model) -> bool { true }
//!     async fn plan(&self, request: &LoadRequest, _: &Machine) -> Result<LaunchPlan, BackendError> {
//!         Ok(LaunchPlan::new(self.id(), request.model.clone()))
//!     }
//!     async fn estimate_resources(&self, _: &LaunchPlan) -> Result<Estimate, BackendError> {
//!         Ok(Estimate::nothing())
//!     }
//!     async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError> {
//!         let (_exit, signal) = ExitSignal::new();
//!         let endpoint = Endpoint::Unix { path: "/nowhere.sock".into() };
//!         Ok(Instance { id, plan, endpoint, pid: None, measured: None, slots: None, restored: Kept::default(), exit: signal })
//!     }
//!     async fn stop(&self, _: &Instance, _patience: Duration) -> Result<(), BackendError> { Ok(()) }
//!     async fn health(&self, _: &Instance) -> Health { Health::Ready }
//! }
//!
//! let registry = Registry::empty().with(Arc::new(Null))?;
//! assert_eq!(registry.ids().collect::<Vec<_>>(), ["null"]);
//! # Ok::<(), loadmaster_core::RegistryError>(())
//! ```

mod backend;
mod bytes;
mod device;
mod error;
mod estimate;
mod event;
mod failure;
mod hold;
mod instance;
mod model;
mod plan;
mod programs;
mod registry;
pub mod setting;

pub use async_trait::async_trait;
#[doc(hidden)]
pub use inventory;

pub use self::{
    backend::{Backend, Health},
    bytes::Bytes,
    device::{Device, DeviceId, DeviceKind, Machine},
    error::{BackendError, Remedy},
    estimate::{DeviceEstimate, Estimate, EstimateSource},
    event::Event,
    failure::{Failure, FailureReason},
    hold::HoldId,
    instance::{Endpoint, ExitSender, ExitSignal, Instance, InstanceId, InstanceState, Kept},
    model::{Model, ModelKind},
    plan::{LaunchPlan, LoadRequest, Settings},
    programs::{FoundPrograms, Programs},
    registry::{BackendContext, BackendFactory, Registry, RegistryError},
};
