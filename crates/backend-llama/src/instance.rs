//! One start of the server: its address, its proof of identity, its readiness.

use std::{path::Path, time::Duration};

use loadmaster_core::{BackendError, Endpoint, LaunchPlan};
use loadmaster_supervise::{Child, NotReady, Spec, Supervisor};
use loadmaster_upstream::{Method, Transport, Upstream, random_hex};

use crate::{arguments::arguments, diagnose::diagnose, settings::Settings};

/// How often a loading server is asked that does not say that it is ready, because its words have changed.
/// Each question takes it some of the time in which it loads.
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// What it prints when it has loaded: `model loaded`, and then `listening on unix:///…`.
const READY_WORDS: [&str; 2] = ["model loaded", "listening on"];

/// How long one answer may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(5);

/// The server prints some 200 lines while it loads; the buffer sizes among them are read afterwards.
const RING_LINES: usize = 2000;

/// Where an instance listens, and the word by which it proves that it is ours. Must outlive its server.
#[derive(Debug)]
pub(crate) struct Address {
    at: loadmaster_upstream::Address,
    nonce: String,
}

impl Address {
    /// A new address that nobody can guess.
    pub(crate) fn choose(transport: Transport, runtime_dir: &Path) -> Result<Self, BackendError> {
        let at = loadmaster_upstream::Address::choose(transport, runtime_dir)?;
        // Sorts behind the model's own name, so that the server reports that one.
        Ok(Self { at, nonce: format!("~{}", random_hex()?) })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.at.endpoint
    }
}

/// What starts the server of `plan` at `address`.
pub(crate) fn spec(plan: &LaunchPlan, settings: &Settings, address: &Address) -> Result<Spec, BackendError> {
    let server = plan
        .server
        .as_ref()
        .ok_or_else(|| BackendError::system("starting llama-server", "the plan does not name the program"))?;
    let mut spec = Spec::new(server)
        .args(arguments(plan, settings, address.endpoint(), &address.nonce))
        .ring_lines(RING_LINES);
    // llama.cpp takes flags from the environment too: what the user's shell has must not change the plan.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LLAMA_ARG_") {
            spec = spec.env_remove(name);
        }
    }
    // A projector would take the first GPU there is, which need not be the plan's (`clip_ctx` in clip.cpp).
    if let Some(device) = settings.server_devices.first().filter(|_| settings.ways.mmproj.is_some()) {
        spec = spec.env("MTMD_BACKEND_DEVICE", device);
    }
    // Not as a flag: every user of the machine can read the command lines of others.
    if let Endpoint::Tcp { api_key, .. } = address.endpoint() {
        spec = spec.env("LLAMA_API_KEY", api_key);
    }
    Ok(spec)
}

/// Starts it.
pub(crate) async fn spawn(supervisor: &Supervisor, spec: Spec) -> Result<Child, BackendError> {
    supervisor.spawn(spec).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        BackendError::system("starting llama-server", format!("{error}{cause}"))
    })
}

/// Waits until the server answers, and checks that it is ours.
pub(crate) async fn wait_ready(
    child: &Child,
    upstream: &Upstream,
    address: &Address,
    plan: &LaunchPlan,
    deadline: Duration,
) -> Result<(), BackendError> {
    let model = || plan.model.id.clone();
    let tells = |line: &str| READY_WORDS.iter().any(|words| line.contains(words));
    let waited = child.ready_or_told(tells, || answers(upstream), PROBE_EVERY, deadline).await;
    waited.map_err(|not_ready| match not_ready {
        NotReady::Exited(exit) => {
            BackendError::StartFailed { model: model(), failure: Box::new(diagnose(&exit)) }
        }
        NotReady::TimedOut { after, last_lines } => {
            BackendError::StartTimedOut { model: model(), after, last_lines }
        }
    })?;
    if is_ours(upstream, &address.nonce).await {
        Ok(())
    } else {
        Err(BackendError::NotOurs { model: model() })
    }
}

/// Whether `/health` says yes.
async fn answers(upstream: &Upstream) -> bool {
    let asked = upstream.request(Method::GET, "/health").timeout(PROBE_DEADLINE).send().await;
    asked.is_ok_and(|answer| answer.status().is_success())
}

/// Whether the server that answers knows our nonce. A stranger on our port cannot.
async fn is_ours(upstream: &Upstream, nonce: &str) -> bool {
    let asked = upstream.request(Method::GET, "/v1/models").timeout(PROBE_DEADLINE).send().await;
    let Ok(answer) = asked else { return false };
    let Ok(listed) = answer.json::<serde_json::Value>().await else {
        return false;
    };
    let aliases = listed["data"][0]["aliases"].as_array();
    aliases.is_some_and(|aliases| aliases.iter().any(|alias| alias == nonce))
}
