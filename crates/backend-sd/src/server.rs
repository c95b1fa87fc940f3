//! One start of `sd-server`: its port, its proof of identity, its readiness.

use std::{
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use loadmaster_core::{BackendError, Endpoint, LaunchPlan};
use loadmaster_supervise::{Child, NotReady, Spec};
use loadmaster_upstream::{Method, Upstream, free_port};

use crate::{
    arguments,
    diagnose::diagnose,
    launch,
    process::{self, Listens},
    settings::Settings,
};

/// How often a loading server is tried: its port opens when the model is loaded.
const PROBE_EVERY: Duration = Duration::from_millis(20);

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a server listens, and the number by which it proves that it is ours. It has no key and no Unix sockets, shares
/// its port with whoever else asks for that (`SO_REUSEPORT`), and calls itself the same always.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Post {
    pub(crate) address: SocketAddr,
    /// The seed of requests that name none: every request of ours names one.
    nonce: u64,
}

impl Post {
    /// A port that nobody listens at, unless one is given.
    pub(crate) fn choose(port: Option<u16>) -> Result<Self, BackendError> {
        let refused = |error| BackendError::system("looking for a free port on 127.0.0.1", error);
        let address = match port {
            Some(port) => SocketAddr::from(([127, 0, 0, 1], port)),
            None => free_port().map_err(refused)?,
        };
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes)
            .map_err(|error| BackendError::system("drawing a random number", error))?;
        // JSON numbers are whole up to 2^53.
        Ok(Self { address, nonce: u64::from_ne_bytes(bytes) >> 12 })
    }

    /// A client of the server.
    pub(crate) fn upstream(&self) -> Result<Upstream, BackendError> {
        // It knows no keys, and ignores them.
        let endpoint = Endpoint::Tcp { address: self.address, api_key: String::new() };
        Upstream::new(&endpoint)
            .map_err(|error| BackendError::system("preparing to talk to sd-server", error))
    }

    /// What starts the server of `plan`.
    pub(crate) fn spec(
        &self,
        plan: &LaunchPlan,
        settings: &Settings,
        folder: &Path,
    ) -> Result<Spec, BackendError> {
        Ok(launch::spec(plan, folder)?
            .args(arguments::context(plan, settings))
            .args(["--listen-ip", "127.0.0.1", "--listen-port"])
            .arg(self.address.port().to_string())
            .arg("--seed")
            .arg(self.nonce.to_string()))
    }

    /// Waits until the server answers, and checks that it is ours. That it ends with 0 meanwhile is a failure too.
    pub(crate) async fn wait_ready(
        &self,
        child: &Child,
        upstream: &Upstream,
        plan: &LaunchPlan,
        deadline: Duration,
    ) -> Result<(), BackendError> {
        let model = || plan.model.id.clone();
        let ours = AtomicBool::new(false);
        let probe = || async {
            // A stranger at this port answers long before ours has loaded: ours has to listen there.
            if process::listens(child.pid(), self.address) == Some(Listens::Not) {
                return false;
            }
            // One that dies now, or is slow, has not said whose it is: it is asked again, or its end is told.
            let Some(whose) = self.whose(child, upstream).await else { return false };
            ours.store(whose == Whose::Ours, Ordering::Relaxed);
            true
        };
        match child.ready(probe, PROBE_EVERY, deadline).await {
            Ok(()) if ours.load(Ordering::Relaxed) => Ok(()),
            Ok(()) => Err(BackendError::NotOurs { model: model() }),
            Err(NotReady::Exited(exit)) => {
                Err(BackendError::StartFailed { model: model(), failure: Box::new(diagnose(&exit)) })
            }
            Err(NotReady::TimedOut { after, last_lines }) => {
                Err(BackendError::StartTimedOut { model: model(), after, last_lines })
            }
        }
    }

    /// Whose the server is that answers: ours was started with our number, and nobody else listens at its port. `None`
    /// if there was no whole answer.
    async fn whose(&self, child: &Child, upstream: &Upstream) -> Option<Whose> {
        let asked = upstream.request(Method::GET, "/sdcpp/v1/capabilities").timeout(PATIENCE);
        let answer = asked.send().await.ok()?.bytes().await.ok()?;
        let told: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        let alone = matches!(process::listens(child.pid(), self.address), None | Some(Listens::Alone));
        let ours = alone && told["defaults"]["seed"].as_u64() == Some(self.nonce);
        Some(if ours { Whose::Ours } else { Whose::Strangers })
    }
}

/// Whose a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Strangers,
}

/// Whether it lists its model.
pub(crate) async fn answers(upstream: &Upstream) -> bool {
    let asked = upstream.request(Method::GET, "/v1/models").timeout(PATIENCE).send().await;
    asked.is_ok_and(|answer| answer.status().is_success())
}
