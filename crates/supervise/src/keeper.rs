//! The one thread that starts, reads and reaps every child.
//!
//! It lives as long as the program. Linux sends the parent-death signal when the *thread* that
//! forked the child ends, not the process: a child started by a thread of a pool dies when the
//! pool shrinks. The thread runs a tokio runtime of its own, so that children depend on nobody
//! else's.

use std::future::{Future, pending};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::Sleep;

use crate::error::SuperviseError;
use crate::loose::Loose;

static KEEPER: Mutex<Option<Keeper>> = Mutex::new(None);

/// A way to the keeper's thread; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    runtime: Handle,
    loose: Loose,
}

impl Keeper {
    /// The program's one keeper, started on first use.
    pub(crate) fn get() -> Result<Self, SuperviseError> {
        let mut keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = &*keeper {
            return Ok(keeper.clone());
        }
        let started = start().map_err(|source| SuperviseError::Keeper { source })?;
        Ok(keeper.insert(started).clone())
    }

    /// The keeper, if anything was ever started.
    fn existing() -> Option<Self> {
        KEEPER.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The children that nobody holds any more.
    pub(crate) fn loose(&self) -> &Loose {
        &self.loose
    }

    /// Runs `task` on the keeper's thread. It must not block.
    pub(crate) fn run<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(task)
    }

    /// Runs `work` that may wait for a disk, on a thread beside the keeper's.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.runtime.spawn_blocking(work).await.ok()
    }

    /// Waits in real time, whatever the clock of the caller's runtime does: the timer belongs to
    /// the runtime in which it is made.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let _inside = self.runtime.enter();
        tokio::time::sleep(duration)
    }
}

/// Waits until every child is gone whose handle was dropped, or whose start nobody waits for any more: its processes
/// have ended and its entry in the journal is removed. Children that somebody holds are not waited for.
///
/// Whoever dropped a child to use its memory for something else waits for this, and so does a program before it ends.
/// Works on any async runtime, and is cancel-safe. It takes as long as the system takes to end what was killed: ten
/// seconds at most, after which a child that a driver holds counts as gone.
pub async fn settled() {
    if let Some(keeper) = Keeper::existing() {
        keeper.loose.none().await;
    }
}

fn start() -> std::io::Result<Keeper> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let keeper = Keeper { runtime: runtime.handle().clone(), loose: Loose::new() };
    std::thread::Builder::new()
        .name("supervise-keeper".to_owned())
        // A task that panics is caught by the runtime; this future never ends.
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(keeper)
}
