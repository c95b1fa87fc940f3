//! The seam between Loadmaster and the servers it runs.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    BackendError, Estimate, Failure, Instance, InstanceId, Kept, LaunchPlan, LoadRequest, Machine, Model,
};

/// How an instance is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "health", rename_all = "kebab-case")]
pub enum Health {
    /// Loads its model; answers later.
    Loading,
    /// Answers.
    Ready,
    /// Lives, and does not answer as it should.
    Failing {
        /// What it answered.
        cause: String,
    },
    /// Its process is gone.
    Dead,
    /// Answers, and works on something. [`Health::Ready`] is told by those that work on nothing, and by
    /// those that do not tell.
    Working {
        /// Another number whenever it has got on; what the numbers are means nothing.
        progress: u64,
    },
}

/// Runs one kind of server.
///
/// Implemented by a crate of its own and registered with [`submit_backend!`](crate::submit_backend).
/// The orchestrator is the only caller: it calls `plan`, `estimate_resources` and `start` in this
/// order, never `start` without room for the estimate, and `stop` exactly once for each instance
/// that `start` returned and that did not end by itself.
///
/// All methods take `&self` and may be called concurrently. Dropping the future of any method must
/// leave nothing behind: a `start` that is dropped halfway ends its process.
#[async_trait]
pub trait Backend: Debug + Send + Sync {
    /// Its name in plans, configuration and errors: short, lower case, never changed.
    fn id(&self) -> &'static str;

    /// Whether it can serve `model`, judged by kind and file name alone: fast, no I/O.
    fn supports(&self, model: &Model) -> bool;

    /// Refuses what no plan can be made of on any machine: a wrong setting, a file that is not whole, a
    /// server that is not installed. A quick look that lets a mistake be told before the first request;
    /// `plan` finds all of it too.
    ///
    /// # Errors
    /// Those of `plan` that do not depend on the machine.
    async fn check(&self, request: &LoadRequest) -> Result<(), BackendError> {
        let _ = request;
        Ok(())
    }

    /// Resolves every value of what was asked for, for this machine with the memory it has free now.
    ///
    /// # Errors
    /// The model cannot be read, a setting is unknown or impossible, the server is not installed.
    async fn plan(&self, request: &LoadRequest, machine: &Machine) -> Result<LaunchPlan, BackendError>;

    /// What `plan` will take, per device, in bytes. Must not depend on what is free now.
    ///
    /// # Errors
    /// The model cannot be read, or the plan is of another backend.
    async fn estimate_resources(&self, plan: &LaunchPlan) -> Result<Estimate, BackendError>;

    /// Starts `plan` and returns when the instance answers requests.
    ///
    /// # Errors
    /// The server ended ([`BackendError::StartFailed`], at once and with its reason), never became
    /// ready, or another one answers in its place. Nothing is left running then.
    async fn start(&self, id: InstanceId, plan: Arc<LaunchPlan>) -> Result<Instance, BackendError>;

    /// Keeps the conversations of `instance`, which works on nothing and is about to make room, so that the
    /// next `start` of the same plan goes on where it stopped. May keep nothing, as it does by default.
    ///
    /// # Errors
    /// They cannot be kept: they are read anew when they go on.
    async fn save(&self, instance: &Instance) -> Result<Kept, BackendError> {
        let _ = instance;
        Ok(Kept::default())
    }

    /// Ends `instance` and returns when its process is gone. What may have something to put in order is asked
    /// kindly first, and ended by force after `patience`. Stopping what has ended already is no error.
    ///
    /// # Errors
    /// The process could not be ended: it may still hold memory.
    async fn stop(&self, instance: &Instance, patience: Duration) -> Result<(), BackendError>;

    /// Ends `instance` by force and at once, because of `failure`: it hangs. Its
    /// [`ExitSignal`](crate::ExitSignal) says `failure`, where the backend keeps to this method's own words;
    /// by default it is stopped without patience. Returns when its process is gone.
    ///
    /// # Errors
    /// The process could not be ended: it may still hold memory.
    async fn end(&self, instance: &Instance, failure: Failure) -> Result<(), BackendError> {
        let _ = failure;
        self.stop(instance, Duration::ZERO).await
    }

    /// Returns when nothing is left of calls that were dropped halfway: a process that was killed gives its memory back
    /// a little later. A backend that leaves nothing behind has nothing to wait for.
    async fn settled(&self) {}

    /// The process that works for `instance` right now, where it takes memory for its work and gives it back when it
    /// is done: that part of its estimate counts as [`mapped`](crate::DeviceEstimate::mapped), and what the process
    /// holds of it is not missed twice. `None`, as by default, where nothing comes and goes. Fast, no I/O.
    fn at_work(&self, instance: &Instance) -> Option<u32> {
        let _ = instance;
        None
    }

    /// Asks the instance how it is. Answers within a few seconds, whatever the server does.
    async fn health(&self, instance: &Instance) -> Health;
}
