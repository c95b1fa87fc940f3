//! `/api/v1/binaries`: builds of servers.

mod installs;
mod progress;
mod shown;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State, rejection::BytesRejection},
    http::StatusCode,
    routing::{delete, get, post},
};
use bytes::Bytes;
use loadmaster_binaries::{BinariesError, Library, Observer, Program as Server};
use loadmaster_gateway::{Topics, json_body};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use self::installs::Installs;
use self::{installs::Wish, shown::Server as Shown};
use crate::{ApiError, ControlState, failed, logs::ended, task::Task};

/// What a body looks like.
const SHAPE: &str = r#"{"server": "llama"}"#;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new()
        .route("/api/v1/binaries", get(list))
        .route("/api/v1/binaries/install", post(install))
        .route("/api/v1/binaries/{id}", delete(remove))
        .route("/api/v1/binaries/{id}/verify", post(verify))
}

pub(crate) fn topics(state: &ControlState, topics: &mut Topics) {
    topics.add("builds", Arc::new(state.installs().board().clone()));
}

/// The builds of all servers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    servers: Vec<Shown>,
}

/// What is to be installed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// `llama` or `sd`.
    server: String,
    /// This build and no other; by default the best that works here.
    build: Option<String>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Freed {
    /// Ids of builds.
    builds: Vec<String>,
    /// Bytes.
    freed: u64,
}

/// The builds that are here, those that could be, and why others do not do.
#[utoipa::path(
    get, path = "/api/v1/binaries", tag = "builds",
    responses((status = 200, body = Listed), (status = 500, body = crate::openapi::Error)),
)]
pub(crate) async fn list(State(state): State<ControlState>) -> Result<Json<Listed>, ApiError> {
    Ok(Json(Listed { servers: state.installs().servers().await? }))
}

/// Installs the best build of a server that works here, or a certain one. The topic `builds` tells how far it is.
#[utoipa::path(
    post, path = "/api/v1/binaries/install", tag = "builds",
    request_body = Asked,
    responses(
        (status = 202, body = Task),
        (status = 400, description = "There is no such server", body = crate::openapi::Error),
        (status = 404, description = "There is no such build", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn install(
    State(state): State<ControlState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let Asked { server, build } = json_body::read(body, SHAPE)?;
    let Some(server) = Server::named(&server) else {
        let known = Server::ALL.map(Server::name);
        let message = format!("There are no builds of '{server}'");
        let remedy = format!("Name one of: {}.", known.join(", "));
        let error = ApiError::new(StatusCode::BAD_REQUEST, "unknown_server", message, remedy);
        return Err(error.with("known", known));
    };
    if let Some(id) = &build
        && state.installs().library().await?.catalog().get(id).is_none_or(|known| known.program != server)
    {
        return Err(failed::builds(&BinariesError::UnknownBuild { program: server, id: id.clone() }));
    }
    let task = state.installs().begin(Wish::Install { server, build }).await?;
    Ok((StatusCode::ACCEPTED, Json(task)))
}

/// Compares the files of a build with what was installed, and tries it again. The topic `builds` tells how far it is.
#[utoipa::path(
    post, path = "/api/v1/binaries/{id}/verify", tag = "builds",
    params(("id" = String, Path)),
    responses((status = 202, body = Task), (status = 404, body = crate::openapi::Error)),
)]
pub(crate) async fn verify(
    State(state): State<ControlState>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let server = of(state.installs().library().await?, &id).await?;
    let task = state.installs().begin(Wish::Verify { server, build: id }).await?;
    Ok((StatusCode::ACCEPTED, Json(task)))
}

/// Removes a build. The one that is used stays: servers are started from it.
#[utoipa::path(
    delete, path = "/api/v1/binaries/{id}", tag = "builds",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = Freed),
        (status = 404, body = crate::openapi::Error),
        (status = 409, description = "It is used", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn remove(
    State(state): State<ControlState>,
    Path(id): Path<String>,
) -> Result<Json<Freed>, ApiError> {
    let library = state.installs().library().await?;
    let server = of(library.clone(), &id).await?;
    if state.installs().is_used(server, &id).await? {
        let message = format!("{id} is the build that is used");
        let remedy = "Install another one first.";
        return Err(ApiError::new(StatusCode::CONFLICT, "in_use", message, remedy));
    }
    let removed = library.remove(server, &id, &Observer::none()).await;
    let removed = removed.map_err(|error| failed::builds(&error))?;
    state.installs().board().tell_whole().await;
    Ok(Json(Freed { builds: removed.builds, freed: removed.bytes }))
}

/// The server that an installed build is of.
async fn of(library: Library, id: &str) -> Result<Server, ApiError> {
    let asked = id.to_owned();
    let looked = tokio::task::spawn_blocking(move || library.program_of(&asked)).await;
    let server = looked.map_err(|error| ended(&error))?.map_err(|error| failed::builds(&error))?;
    server.ok_or_else(|| {
        let message = format!("No build '{id}' is installed");
        let remedy = "GET /api/v1/binaries lists those that are.";
        ApiError::new(StatusCode::NOT_FOUND, "build_not_installed", message, remedy)
    })
}
