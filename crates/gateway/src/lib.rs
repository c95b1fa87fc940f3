//! Loadmaster over HTTP.
//!
//! [`router`] makes an [`axum::Router`] of an [`Orchestrator`]. Every request that needs a model
//! takes a lease on it, is streamed to the model's server and back as it comes, and ends its lease
//! when its last byte was sent or its client went away.
//!
//! | path | what it is |
//! |---|---|
//! | `GET /v1/models`, `GET /v1/models/{id}` | the models that can be asked for, with their state |
//! | `POST /v1/chat/completions`, `POST /v1/completions` | OpenAI's, streamed and not |
//! | `GET /api/v1/instances` | everything that runs, ran last, or crashed and why |
//! | `DELETE /api/v1/instances/{model}` | stops a model |
//! | `GET /healthz` | answers while the program lives |
//!
//! Errors have OpenAI's shape with a remedy: `{"error": {"message", "type", "code", "remedy", ...}}`.
//!
//! **Invariant:** this crate never calls a backend. The only road to a server is a lease.
//!
//! The same router serves a program without any socket: call it as a [`tower::Service`], as the
//! `loadmaster run` command does.
//!
//! [`tower::Service`]: https://docs.rs/tower/latest/tower/trait.Service.html

mod browser_guard;
mod control;
mod error;
mod forward;
mod models;
mod stream;
mod upstreams;

use std::{io, sync::Arc, time::SystemTime};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{delete, get, post},
};
use loadmaster_orchestrator::Orchestrator;
use tokio::net::TcpListener;

pub use self::error::ApiError;
use self::upstreams::Upstreams;

/// The largest request body, in bytes: a long conversation with a few images in base64.
pub const BODY_LIMIT: usize = 64 << 20;

/// What every handler needs.
#[derive(Debug)]
struct Gateway {
    orchestrator: Orchestrator,
    upstreams: Upstreams,
    /// When this program began to offer its models, in seconds since 1970.
    created: u64,
}

/// All routes over `orchestrator`.
pub fn router(orchestrator: Orchestrator) -> Router {
    let created = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let gateway = Arc::new(Gateway { orchestrator, upstreams: Upstreams::default(), created });
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::one))
        .route("/v1/chat/completions", post(forward::by_model))
        .route("/v1/completions", post(forward::by_model))
        .route("/api/v1/instances", get(control::instances))
        .route("/api/v1/instances/{model}", delete(control::stop))
        .route("/healthz", get(control::healthz))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(browser_guard::check))
        .with_state(gateway)
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
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}
