//! The task that knows whether a child still runs.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::exit::{Exit, ExitStatus};
use crate::group::{self, Process};
use crate::journal::Record;
use crate::keeper::Keeper;
use crate::loose::Runs;
use crate::race::{Winner, race};
use crate::ring::Ring;
use crate::stopping::{Act, Stopping};

/// How long the end of a child may be held back by what it left behind: a grandchild that keeps
/// the pipe open, or a slow disk.
const SETTLE: Duration = Duration::from_millis(200);

/// Everything about one child that must be put in order when it ends.
pub(crate) struct Monitor {
    pub(crate) process: Process,
    pub(crate) keeper: Keeper,
    pub(crate) stops: UnboundedReceiver<Duration>,
    pub(crate) ring: Ring,
    pub(crate) readers: Vec<JoinHandle<()>>,
    /// Tells the readers to stop reading.
    pub(crate) cut: watch::Sender<bool>,
    /// Answers when the log file is written.
    pub(crate) logged: Option<oneshot::Receiver<()>>,
    pub(crate) record: Option<Record>,
    /// Dropped when the child is gone, or will not go.
    pub(crate) runs: Option<Runs>,
    pub(crate) exit: watch::Sender<Option<Arc<Exit>>>,
}

enum News {
    Ended(std::io::Result<std::process::ExitStatus>),
    /// A stop with this much patience, or `None`: the handle was dropped.
    Stop(Option<Duration>),
    Due,
}

impl Monitor {
    /// Watches the child to its end, and beyond it if the system does not end it.
    pub(crate) async fn run(mut self) {
        let mut stopping = Stopping::No;
        let mut owned = true;
        let status = loop {
            let news = self.next(owned, stopping.due()).await;
            let now = Instant::now();
            let act = match news {
                News::Ended(Ok(status)) => break group::classify(status),
                News::Ended(Err(error)) => {
                    tracing::warn!(pid = self.process.pid(), %error, "the system does not tell how a child ended");
                    break ExitStatus::Unknown;
                }
                News::Stop(Some(patience)) => stopping.ask(patience, now),
                News::Stop(None) => {
                    owned = false;
                    stopping.abandon(now)
                }
                News::Due => stopping.tick(now),
            };
            self.act(act);
            if act == Act::GiveUp {
                self.runs = None;
            }
        };
        // A handle that is dropped says so and then kills, and the kill may have been quicker.
        let asked = stopping.asked() || self.stops.try_recv().is_ok();
        self.settle().await;
        self.publish(status, asked);
    }

    async fn next(&mut self, owned: bool, due: Option<Instant>) -> News {
        let stops = &mut self.stops;
        let stop = async { if owned { stops.recv().await } else { pending().await } };
        let due = async {
            match due {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        match race(self.process.ended(), race(stop, due)).await {
            Winner::First(status) => News::Ended(status),
            Winner::Second(Winner::First(patience)) => News::Stop(patience),
            Winner::Second(Winner::Second(())) => News::Due,
        }
    }

    fn act(&self, act: Act) {
        let pid = self.process.pid();
        match act {
            Act::Nothing => {}
            Act::Terminate => self.process.leash().terminate(),
            Act::Kill => self.process.leash().kill(),
            Act::GiveUp => {
                tracing::error!(pid, "a killed child does not end; a driver may hold it");
                self.publish(ExitStatus::Unknown, true);
            }
        }
    }

    /// Reads what is left to read, for a bounded time, and forgets the child.
    async fn settle(&mut self) {
        let readers = &mut self.readers;
        let read_to_end = async {
            for reader in readers.iter_mut() {
                // A reader that panicked has nothing more to say.
                let _ = reader.await;
            }
        };
        if timeout(SETTLE, read_to_end).await.is_err() {
            self.cut.send_replace(true);
            for reader in self.readers.iter_mut().filter(|r| !r.is_finished()) {
                let _ = reader.await;
            }
        }
        self.ring.close();
        if let Some(logged) = self.logged.take() {
            let _ = timeout(SETTLE, logged).await;
        }
        if let Some(record) = self.record.take() {
            let removed = self.keeper.blocking(move || record.remove());
            let _ = timeout(SETTLE, removed).await;
        }
    }

    /// Publishes the end of the child, once.
    fn publish(&self, status: ExitStatus, asked: bool) {
        self.exit.send_if_modified(|published| {
            let first = published.is_none();
            if first {
                *published = Some(Arc::new(Exit { status, last_lines: self.ring.tail(), asked }));
            }
            first
        });
    }
}
