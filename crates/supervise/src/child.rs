//! The owning handle of a child.

use std::fmt;
use std::future::{Future, pending};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::exit::{Exit, ExitWatch};
use crate::group::Leash;
use crate::keeper::Keeper;
use crate::loose::Held;
use crate::race::{Winner, race};
use crate::ring::{Lines, Ring};

/// A running child. Dropping it kills the child and its whole group.
#[must_use = "dropping the handle kills the child"]
pub struct Child {
    pub(crate) pid: u32,
    pub(crate) keeper: Keeper,
    pub(crate) ring: Ring,
    pub(crate) leash: Leash,
    /// Asks the monitor for a stop with this much patience; closed when the handle is dropped.
    pub(crate) stops: UnboundedSender<Duration>,
    pub(crate) exit: ExitWatch,
    /// Tells [`settled`](crate::settled) when this is dropped; `None` for one that nobody waited for.
    pub(crate) held: Option<Held>,
}

/// Why a child did not become ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It ended before.
    #[error("it ended before it was ready: {}", .0.status)]
    Exited(Exit),
    /// It still runs, but was not ready in time.
    #[error("it was not ready after {after:?}")]
    TimedOut {
        /// How long it was given.
        after: Duration,
        /// The last lines it printed, oldest first.
        last_lines: Vec<String>,
    },
}

impl Child {
    /// Its process number, which on Unix is the number of its group too.
    ///
    /// It may belong to somebody else once the child has ended: signal a child through its
    /// handle only.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The last lines it printed, both streams in order of arrival, oldest first.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        self.ring.tail()
    }

    /// Its lines as they come, beginning with the oldest one still kept.
    #[must_use]
    pub fn lines(&self) -> Lines {
        self.ring.subscribe()
    }

    /// Tells when it has ended.
    #[must_use]
    pub fn exit(&self) -> ExitWatch {
        self.exit.clone()
    }

    /// Waits until `probe` succeeds: at once, then again `every` so often until `deadline`.
    ///
    /// A child that dies meanwhile ends the wait at once, and a probe that hangs does not outlast
    /// the deadline. A stop by somebody else counts as death. Cancel-safe if `probe` is.
    pub async fn ready<F, Fut>(&self, probe: F, every: Duration, deadline: Duration) -> Result<(), NotReady>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = bool>,
    {
        self.ready_or_told(|_| false, probe, every, deadline).await
    }

    /// As [`Child::ready`], and probes at once too when it prints a line of which `tells` says that it may be
    /// ready now. A child that is probed often loads the slower for it; one that tells need not be.
    pub async fn ready_or_told<F, Fut>(
        &self,
        tells: impl Fn(&str) -> bool,
        mut probe: F,
        every: Duration,
        deadline: Duration,
    ) -> Result<(), NotReady>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = bool>,
    {
        let mut lines = self.lines();
        let probing = async {
            while !probe().await {
                let told = async {
                    while let Some(line) = lines.next().await {
                        if tells(&line.text) {
                            return;
                        }
                    }
                    // Its end is waited for below.
                    pending::<()>().await;
                };
                race(told, self.keeper.sleep(every)).await;
            }
        };
        let in_time = race(probing, self.keeper.sleep(deadline));
        match race(self.exit.wait(), in_time).await {
            Winner::First(exit) => Err(NotReady::Exited(exit)),
            Winner::Second(Winner::First(())) => Ok(()),
            Winner::Second(Winner::Second(())) => {
                Err(NotReady::TimedOut { after: deadline, last_lines: self.tail() })
            }
        }
    }

    /// Ends the child and its group: TERM, after `patience` KILL, and waits for the end.
    ///
    /// Any number of callers may do so at the same time and later; all get the same [`Exit`], and
    /// the least patient one decides. The stop goes on when the caller stops waiting. On Windows
    /// there is no TERM: the job ends at once, with exit code 1.
    pub async fn stop(&self, patience: Duration) -> Exit {
        // When the monitor is gone the child has ended, and its end has been published.
        let _ = self.stops.send(patience);
        self.exit.wait().await
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // So that the exit counts as asked for; the monitor may be gone already.
        let _ = self.stops.send(Duration::ZERO);
        // Killed here and now, because the program may end before the monitor gets to it.
        self.leash.kill();
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("pid", &self.pid)
            .field("exit", &self.exit.now())
            .finish_non_exhaustive()
    }
}
