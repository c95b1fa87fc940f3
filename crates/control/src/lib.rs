//! The control API of Loadmaster: everything that the panel shows and does, over what the gateway has.
//!
//! [`routes`] makes an [`axum::Router`] of a [`ControlState`], and [`topics`] what `GET /api/v1/events?topics=` tells
//! beside events. Both go into the gateway's [`Options`](loadmaster_gateway::Options), which lays one guard, one limit
//! of bodies and one shape of errors around all of it.
//!
//! | path | what it is |
//! |---|---|
//! | `GET /api/openapi.json` | the `OpenAPI` document of all of it, the gateway's part too |
//! | `GET /api/v1/system` | version, machine, memory now, what fits here |
//! | `GET /api/v1/logs/{model}`, `/api/v1/logs/daemon` | what servers and this program write down, by level |
//! | `GET /api/v1/settings` | every setting and where it comes from; `PUT` changes what can change |
//! | `/api/v1/models` | models on this machine, and whether they fit: listed, imported, verified, deleted, their headers |
//! | `/api/v1/downloads` | models on their way here: begun, paused, resumed, called off |
//! | `/api/v1/binaries` | builds of servers: listed with why others do not do, installed, verified, removed |
//! | `GET /api/v1/catalog` | models with short names, and which of them fit |
//! | `POST /api/v1/estimate` | what a model would take, here or elsewhere, and whether it fits |
//! | `GET /api/v1/files?folder=` | folders and model files, for programs on this machine |
//!
//! **Invariant:** this crate calls no backend. What needs memory asks the orchestrator.

mod binaries;
mod by_size;
mod catalog;
mod downloads;
mod estimate;
mod failed;
mod files;
mod fit;
mod header;
mod library;
mod logs;
mod memory;
mod near;
mod openapi;
mod program;
mod recommendations;
mod settings;
mod state;
mod system;
mod task;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit};
pub use loadmaster_gateway::ApiError;
use loadmaster_gateway::Topics;

pub use self::{
    estimate::{Estimated, Figures, Fits, Layers, imagined},
    logs::{DaemonLog, Logs},
    openapi::openapi,
    program::{Program, Unloaded},
    settings::{From, Setting},
    state::{ControlState, Parts},
};
use self::{logs::LogsTopic, memory::MemoryTopic, settings::SettingsTopic};

/// The largest request body of this crate's routes, in bytes: settings and names, and nothing large.
const BODY_LIMIT: usize = 1 << 20;

/// All routes of this crate, to be given to the gateway's options.
pub fn routes(state: ControlState) -> Router {
    Router::new()
        .merge(openapi::routes())
        .merge(system::routes())
        .merge(logs::routes())
        .merge(settings::routes())
        .merge(files::routes())
        .merge(library::routes())
        .merge(header::routes())
        .merge(downloads::routes())
        .merge(catalog::routes())
        .merge(estimate::routes())
        .merge(binaries::routes())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state)
}

/// What `GET /api/v1/events?topics=` can tell beside events. Must be called within a tokio runtime.
pub fn topics(state: &ControlState) -> Topics {
    let mut topics = Topics::default();
    topics.add("memory", Arc::new(MemoryTopic::new(Arc::clone(state.meter()))));
    topics.add("logs", Arc::new(LogsTopic::new(state.logs.clone(), state.orchestrator.clone())));
    topics.add("settings", Arc::new(SettingsTopic(state.clone())));
    library::topics(state, &mut topics);
    downloads::topics(state, &mut topics);
    binaries::topics(state, &mut topics);
    topics
}
