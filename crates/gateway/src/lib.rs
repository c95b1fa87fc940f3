//! Loadmaster over HTTP.
//!
//! [`router`] makes an [`axum::Router`] of an [`Orchestrator`]. Every request that needs a model
//! takes a lease on it, is streamed to the model's server and back as it comes, and ends its lease
//! when its last byte was sent or its client went away.
//!
//! | path | what it is |
//! |---|---|
//! | `GET /v1/models`, `GET /v1/models/{id}` | the models that can be asked for, with their state |
//! | `POST /v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, `/v1/responses` | OpenAI's, streamed and not |
//! | `POST /v1/images/generations`, `/v1/images/edits` | OpenAI's, streamed and not; edits as a form or as JSON |
//! | `/api/v1/jobs`, `/api/v1/jobs/{id}/...` | images that are made while their client is away |
//! | `/compat/genai-electron/...` | the asynchronous image API of genai-electron |
//! | `GET /api/v1/images/capabilities?model=` | what a model of images can do; loads it |
//! | `/upstream/{model}/...` | whatever else the model's server offers |
//! | `GET /api/v1/instances` | everything that runs, ran last, or crashed and why |
//! | `POST /api/v1/instances/{model}` | starts a model; with `?wait=true` answers when it is ready, with `{"settings"}` in this way until it is stopped |
//! | `DELETE /api/v1/instances/{model}` | stops a model; settings that it was started with are forgotten |
//! | `GET /api/v1/plan/{model}` | what loading it would take, and who would make room; `POST` with `{"settings"}` asks what if |
//! | `POST /api/v1/reload` | reads the configuration again, where the program has one ([`router_with`]) |
//! | `GET /api/v1/events` | what happens, as server-sent events |
//! | `GET /api/v1/budgets` | what may be taken of each device; `PUT` replaces it |
//! | `POST /api/v1/holds` | holds memory for another program; with `?while=connected` as long as the connection |
//! | `GET /api/v1/holds`, `DELETE /api/v1/holds/{id}` | what is held; ends a hold |
//! | `GET /healthz`, `/readyz` | answers while the program lives; while it takes requests |
//! | `GET /metrics` | figures for Prometheus |
//!
//! `X-Loadmaster-Priority: interactive|batch` and `X-Loadmaster-Wait: SECONDS` say how a request waits, and
//! `X-Loadmaster-Keep-Alive: SECONDS|forever` how long its model stays loaded behind it.
//!
//! A request whose server dies before it has answered anything is sent again, to the next one.
//!
//! Jobs are kept on disk for a day, where the program has a folder for them ([`Options`]):
//!
//! | path | what it is |
//! |---|---|
//! | `POST /api/v1/jobs` | submits `{"kind": "image", "model", "prompt", ...}`; 202 with the job and its URLs |
//! | `GET /api/v1/jobs`, `/api/v1/jobs/{id}` | all, or one: state, stage, step, fraction, ETA, place in the queue |
//! | `GET /api/v1/jobs/{id}/events` | the same as server-sent events; `Last-Event-ID` goes on |
//! | `GET /api/v1/jobs/{id}/result`, `/images/0.png`, `/preview` | what came of it; what it looks like so far |
//! | `POST /api/v1/jobs/{id}/cancel`, `DELETE /api/v1/jobs/{id}` | cancels it; `DELETE` forgets what has ended |
//!
//! Errors have OpenAI's shape with a remedy: `{"error": {"message", "type", "code", "remedy", ...}}`.
//!
//! **Invariant:** this crate never calls a backend. The only road to a server is a lease.
//!
//! The same router serves a program without any socket: call it as a [`tower::Service`], as the
//! `loadmaster run` command does.
//!
//! [`tower::Service`]: https://docs.rs/tower/latest/tower/trait.Service.html

mod attempts;
mod budgets;
mod compat;
mod control;
mod counts;
mod error;
mod events;
mod exchange;
mod forward;
mod guard;
mod holds;
mod images;
mod jobs;
mod journal;
pub mod json_body;
mod metrics;
mod models;
mod plan;
mod reload;
mod settings;
mod stream;
mod told;
mod topics;
mod upstreams;
mod waiting;
mod wish;

use std::{io, net::SocketAddr, sync::Arc, time::SystemTime};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, delete, get, post},
};
use loadmaster_images::Task;
use loadmaster_orchestrator::{Lease, Orchestrator, Wish};
use tokio::{net::TcpListener, sync::Mutex};

pub use self::{
    error::ApiError,
    guard::Guard,
    jobs::{JobsError, JobsOptions},
    reload::{ReloadCall, ReloadRefused, Reloaded, Reloads},
    settings::laid_over,
    topics::{Board, News, Topic, Topics},
};
use self::{
    jobs::{Jobs, JobsTopic},
    journal::Journal,
    upstreams::Upstreams,
};

/// The largest request body, in bytes: a long conversation with a few images in base64.
pub const BODY_LIMIT: usize = 64 << 20;

/// What every handler needs.
#[derive(Debug)]
struct Gateway {
    orchestrator: Orchestrator,
    upstreams: Upstreams,
    /// When this program began to offer its models, in seconds since 1970.
    created: u64,
    journal: Arc<Journal>,
    /// What is added to the numbers of events, so that a later run of this program never uses one again:
    /// the microsecond in which it began.
    first_event: u64,
    /// Who reads the configuration again, if there is one.
    reloads: Option<Reloads>,
    /// The jobs, if there is a folder for them.
    jobs: Option<Arc<Jobs>>,
    /// One model is changed at a time: two that read and write at once would undo each other.
    changes: Mutex<()>,
    /// What the models of images were raised to.
    reaches: images::Reaches,
    /// The settings that starts gave to models.
    given: settings::Given,
    /// What events tell of on request.
    topics: Topics,
}

/// What a program may have beside its orchestrator.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Who reads the configuration again; without, `POST /api/v1/reload` is refused.
    pub reloads: Option<Reloads>,
    /// Where jobs are kept; without, they are refused, and so is `"response_format": "url"`.
    pub jobs: Option<JobsOptions>,
    /// What `GET /api/v1/events?topics=` tells beside events.
    pub topics: Topics,
    /// More routes, behind the same guard and with the same limit of bodies.
    pub routes: Router,
    /// Who may use the API.
    pub guard: Guard,
}

impl Options {
    /// The same, with somebody who reads the configuration again.
    #[must_use]
    pub fn with_reloads(self, reloads: Reloads) -> Self {
        Self { reloads: Some(reloads), ..self }
    }

    /// The same, with a place for jobs.
    #[must_use]
    pub fn with_jobs(self, jobs: JobsOptions) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// The same, with states that events tell of on request.
    #[must_use]
    pub fn with_topics(self, topics: Topics) -> Self {
        Self { topics, ..self }
    }

    /// The same, for those that `guard` lets in.
    #[must_use]
    pub fn with_guard(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// The same, with more routes.
    #[must_use]
    pub fn with_routes(self, routes: Router) -> Self {
        Self { routes: self.routes.merge(routes), ..self }
    }
}

impl Gateway {
    /// A lease on `model`, counted.
    async fn lease(&self, model: &str, wish: Wish) -> Result<Lease, ApiError> {
        self.journal.counts.answered(self.orchestrator.lease_with(model, wish).await)
    }
}

/// All routes over `orchestrator`, without a configuration and without jobs. Must be called within a tokio runtime.
pub fn router(orchestrator: Orchestrator) -> Router {
    routes(orchestrator, Options::default(), None)
}

/// All routes, for a program that has what `options` say. Must be called within a tokio runtime.
///
/// # Errors
/// The folder of the jobs cannot be used.
pub fn router_with(orchestrator: Orchestrator, options: Options) -> Result<Router, JobsError> {
    let jobs = options.jobs.clone().map(Jobs::open).transpose()?;
    Ok(routes(orchestrator, options, jobs))
}

fn routes(orchestrator: Orchestrator, options: Options, jobs: Option<Arc<Jobs>>) -> Router {
    let mut topics = options.topics;
    if let Some(jobs) = &jobs {
        topics.add("jobs", Arc::new(JobsTopic::new(jobs)));
    }
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let gateway = Arc::new(Gateway {
        journal: Journal::of(&orchestrator),
        orchestrator,
        upstreams: Upstreams::default(),
        created: since.as_secs(),
        first_event: u64::try_from(since.as_micros()).unwrap_or(0),
        reloads: options.reloads,
        jobs,
        changes: Mutex::default(),
        reaches: images::Reaches::default(),
        given: settings::Given::default(),
        topics,
    });
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::one))
        .route("/v1/chat/completions", post(forward::by_model))
        .route("/v1/completions", post(forward::by_model))
        .route("/v1/embeddings", post(forward::by_model))
        .route("/v1/responses", post(forward::by_model))
        .route(Task::Generate.path(), post(images::generations))
        .route(Task::Edit.path(), post(images::edits))
        .route("/api/v1/images/capabilities", get(images::capabilities))
        .merge(jobs::routes())
        .nest(compat::genai_electron::PREFIX, compat::genai_electron::routes())
        .route("/upstream/{model}/", any(forward::upstream))
        .route("/upstream/{model}/{*path}", any(forward::upstream))
        .route("/api/v1/instances", get(control::instances))
        .route("/api/v1/instances/{model}", post(control::start).delete(control::stop))
        .route("/api/v1/plan/{model}", get(plan::plan).post(plan::what_if))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/reload", post(reload::reload))
        .route("/api/v1/budgets", get(budgets::get).put(budgets::put))
        .route("/api/v1/holds", get(holds::list).post(holds::take))
        .route("/api/v1/holds/{id}", delete(holds::release))
        .route("/healthz", get(control::healthz))
        .route("/readyz", get(control::readyz))
        .route("/metrics", get(metrics::metrics))
        .with_state(gateway)
        .merge(options.routes)
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(options.guard, guard::check))
}

/// Serves `router` until `shutdown` completes, then lets open requests finish.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Who asks is told apart: some things are for this machine alone.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await
}
