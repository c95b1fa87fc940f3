//! A server that runs a plan, and the states it goes through.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{Estimate, Failure, LaunchPlan};

/// Names one start of one model. Never used twice within one orchestrator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(String);

impl InstanceId {
    /// The `count`-th start of `model`.
    pub fn new(model: &str, count: u64) -> Self {
        Self(format!("{model}#{count}"))
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Where an instance listens for HTTP.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket: nobody else on the machine can connect, and there is no port to collide.
    Unix {
        /// The socket's path.
        path: PathBuf,
    },
    /// A loopback port, guarded by a key.
    Tcp {
        /// Address and port.
        address: SocketAddr,
        /// Sent as `Authorization: Bearer KEY`; never shown, never logged.
        api_key: String,
    },
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { path } => write!(formatter, "unix:{}", path.display()),
            Self::Tcp { address, .. } => write!(formatter, "http://{address}"),
        }
    }
}

/// The state of an instance.
///
/// ```text
/// starting -> ready -> draining -> stopping -> stopped
///     |         |         |           |
///     +---------+---------+-----------+-> crashed
/// ```
/// A start that is called off goes from `starting` straight to `stopping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum InstanceState {
    /// Spawned; loads its model.
    Starting,
    /// Answers requests.
    Ready,
    /// Finishes the requests it has, takes no new ones.
    Draining,
    /// Was told to end.
    Stopping,
    /// Ended as told.
    Stopped,
    /// Ended without being told.
    Crashed {
        /// Why.
        failure: Failure,
    },
}

impl InstanceState {
    /// Whether an instance in this state may go on to `next`.
    pub fn may_become(&self, next: &Self) -> bool {
        use InstanceState::{Crashed, Draining, Ready, Starting, Stopped, Stopping};
        matches!(
            (self, next),
            (Starting, Ready | Stopping | Crashed { .. })
                | (Ready, Draining | Stopping | Crashed { .. })
                | (Draining, Stopping | Crashed { .. })
                | (Stopping, Stopped | Crashed { .. })
        )
    }

    /// Whether its process may still hold memory.
    pub fn is_alive(&self) -> bool {
        !matches!(self, Self::Stopped | Self::Crashed { .. })
    }

    /// The state's name in the API: `starting`, `ready`, ...
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Crashed { .. } => "crashed",
        }
    }
}

/// Conversations that were carried over from one start to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How many.
    pub conversations: u32,
    /// Tokens that need not be read again.
    pub tokens: u64,
    /// Bytes on the disk.
    pub bytes: u64,
}

impl Kept {
    /// One conversation more; none if it has no tokens.
    pub fn add(&mut self, tokens: u64, bytes: u64) {
        if tokens > 0 {
            self.conversations = self.conversations.saturating_add(1);
            self.tokens = self.tokens.saturating_add(tokens);
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }
}

/// A server that runs. Cheap to clone: the backend owns the process itself.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its name.
    pub id: InstanceId,
    /// What it runs.
    pub plan: Arc<LaunchPlan>,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its process, when it is one of this machine.
    pub pid: Option<u32>,
    /// What it says it took, when it said.
    pub measured: Option<Estimate>,
    /// How many requests it works on at once; more wait outside. `None` when it has no limit of its own.
    pub slots: Option<u32>,
    /// Conversations that it was given back when it started.
    pub restored: Kept,
    /// Tells when it ended, and why.
    pub exit: ExitSignal,
}

/// Tells everyone who holds a clone when and why an instance ended.
#[derive(Debug, Clone)]
pub struct ExitSignal(watch::Receiver<Option<Failure>>);

/// The backend's end of an [`ExitSignal`].
#[derive(Debug)]
pub struct ExitSender(watch::Sender<Option<Failure>>);

impl ExitSignal {
    /// A pair: the backend keeps the sender, instances carry the signal.
    pub fn new() -> (ExitSender, Self) {
        let (sender, receiver) = watch::channel(None);
        (ExitSender(sender), Self(receiver))
    }

    /// Why it ended, if it has.
    pub fn now(&self) -> Option<Failure> {
        self.0.borrow().clone()
    }

    /// Waits for the end. Safe to drop at any point.
    pub async fn wait(&self) -> Failure {
        let mut receiver = self.0.clone();
        match receiver.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_else(|| Failure::new(crate::FailureReason::Unknown)),
            // The backend dropped its end without a word.
            Err(_) => Failure::new(crate::FailureReason::Unknown),
        }
    }
}

impl ExitSender {
    /// Says why the instance ended. The first word stands.
    pub fn send(&self, failure: Failure) {
        self.0.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                *slot = Some(failure);
            }
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureReason;

    #[test]
    fn keys_are_never_shown() {
        let endpoint =
            Endpoint::Tcp { address: SocketAddr::from(([127, 0, 0, 1], 8080)), api_key: "hush".to_owned() };
        assert_eq!(format!("{endpoint} {endpoint:?}"), "http://127.0.0.1:8080 http://127.0.0.1:8080");
    }

    #[test]
    fn the_dead_stay_dead() {
        let crashed = InstanceState::Crashed { failure: Failure::new(FailureReason::Unknown) };
        let all = [
            InstanceState::Starting,
            InstanceState::Ready,
            InstanceState::Draining,
            InstanceState::Stopping,
            InstanceState::Stopped,
            crashed.clone(),
        ];
        for next in &all {
            assert!(!InstanceState::Stopped.may_become(next));
            assert!(!crashed.may_become(next));
            assert!(!next.may_become(&InstanceState::Starting));
        }
        assert!(InstanceState::Ready.may_become(&InstanceState::Draining));
    }

    #[tokio::test]
    async fn the_first_word_stands() {
        let (sender, signal) = ExitSignal::new();
        assert_eq!(signal.now(), None);
        sender.send(Failure::new(FailureReason::BadModel));
        sender.send(Failure::new(FailureReason::Driver));
        assert_eq!(signal.wait().await.reason, FailureReason::BadModel);
    }
}
