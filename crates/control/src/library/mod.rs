//! `/api/v1/models`: the models on this machine, those of the library and those that the configuration names.

mod models;
mod removal;
mod shelf;
mod shown;
mod topic;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State, rejection::BytesRejection},
    http::StatusCode,
    routing::{get, post},
};
use bytes::Bytes;
use loadmaster_gateway::{Topics, json_body};
use loadmaster_models::{How, Import, Job, ModelName, ModelsError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::{models::Models, removal::Removal, shown::Model, topic::LibraryTopic};
pub(crate) use self::{models::file_of, shelf::Shelf};
use crate::{ApiError, ControlState, failed, logs::ended, task::Task};

/// What a body looks like.
const SHAPE: &str = r#"{"path": "/models/a.gguf", "name": "mine"}"#;

pub(crate) fn routes() -> Router<ControlState> {
    Router::new()
        .route("/api/v1/models", get(list))
        .route("/api/v1/models/import", post(import))
        .route("/api/v1/models/{name}", get(one).delete(remove))
        .route("/api/v1/models/{name}/removal", get(removal))
        .route("/api/v1/models/{name}/verify", post(verify))
}

pub(crate) fn topics(state: &ControlState, topics: &mut Topics) {
    topics.add("library", Arc::new(LibraryTopic(state.clone())));
}

/// A file of this machine that is to be a model of the library.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Its absolute path; of a split model any of its files.
    #[schema(value_type = String)]
    path: PathBuf,
    /// What to call it; by default as the file.
    name: Option<String>,
    /// `reference` (by default) uses it where it is, `copy` and `hard_link` take it in.
    #[schema(value_type = Option<String>)]
    how: Option<How>,
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    models: Vec<Model>,
}

/// All models of this machine, by name: whether each fits, and how it stands with it.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", responses((status = 200, body = Listed)))]
pub(crate) async fn list(State(state): State<ControlState>) -> Result<Json<Listed>, ApiError> {
    Ok(Json(Listed { models: Models::read(&state).await?.all().await? }))
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/models/{name}", tag = "models",
    params(("name" = String, Path)),
    responses((status = 200, body = Model), (status = 404, body = crate::openapi::Error)),
)]
pub(crate) async fn one(
    State(state): State<ControlState>,
    Path(name): Path<String>,
) -> Result<Json<Model>, ApiError> {
    Ok(Json(Models::read(&state).await?.one(&name).await?))
}

/// Makes a file of this machine a model of the library. Answers when it was read to its end, for its hash.
#[utoipa::path(
    post, path = "/api/v1/models/import", tag = "models",
    request_body = Asked,
    responses(
        (status = 201, body = Model),
        (status = 400, description = "The path or the name cannot be", body = crate::openapi::Error),
        (status = 404, description = "There is no such file", body = crate::openapi::Error),
        (status = 409, description = "There is a model of this name already", body = crate::openapi::Error),
        (status = 422, description = "The file is no model", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn import(
    State(state): State<ControlState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Model>), ApiError> {
    let Asked { path, name, how } = json_body::read(body, SHAPE)?;
    let wrong = |cause: &str| {
        let message = format!("'{}' {cause}", path.display());
        let remedy = "Name the file of a model, by its whole path, outside of the library.";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_path", message, remedy)
    };
    if !path.is_absolute() {
        return Err(wrong("is not an absolute path"));
    }
    let name = name.map(ModelName::new).transpose().map_err(|error| failed::models(&error))?;
    let (library, root) = (state.library.clone(), state.library.root().to_owned());
    let looked = path.clone();
    let place = tokio::task::spawn_blocking(move || {
        let own = root.canonicalize().unwrap_or(root);
        let metadata = std::fs::metadata(&looked);
        (metadata.map(|is| is.is_file()), looked.canonicalize().is_ok_and(|path| path.starts_with(own)))
    });
    match place.await.map_err(|error| ended(&error))? {
        (Ok(false), _) => return Err(wrong("is not a file")),
        (_, true) => return Err(wrong("is in the library already")),
        // What cannot be looked at is told by whoever reads it.
        _ => {}
    }
    let job = Job::default();
    let _ends = CallsOff(job.clone());
    let import = Import { how: how.unwrap_or(How::Reference), name, ..Import::of(path) };
    let taken = tokio::task::spawn_blocking(move || library.import(import, &job));
    let manifest = taken.await.map_err(|error| ended(&error))?.map_err(|error| failed::models(&error))?;
    offer(&state).await;
    let model = Models::read(&state).await?.one(manifest.name.as_str()).await?;
    Ok((StatusCode::CREATED, Json(model)))
}

/// Compares the files of a model with what they were when they came: a task among the downloads, which has no pause.
#[utoipa::path(
    post, path = "/api/v1/models/{name}/verify", tag = "models",
    params(("name" = String, Path)),
    responses(
        (status = 202, body = Task),
        (status = 404, body = crate::openapi::Error),
        (status = 409, description = "It is not of the library", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn verify(
    State(state): State<ControlState>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let (library, asked) = (state.library.clone(), name.clone());
    let found = tokio::task::spawn_blocking(move || library.get(&asked));
    match found.await.map_err(|error| ended(&error))? {
        Ok(manifest) => {
            Ok((StatusCode::ACCEPTED, Json(state.downloads().verify(manifest.name.as_str()).await)))
        }
        Err(ModelsError::NoSuchModel { .. }) => Err(models::not_of_the_library(&state, &name).await?),
        Err(error) => Err(failed::models(&error)),
    }
}

/// What deleting a model would free and leave; refused as that would be.
#[utoipa::path(
    get, path = "/api/v1/models/{name}/removal", tag = "models",
    params(("name" = String, Path)),
    responses(
        (status = 200, body = Removal),
        (status = 404, body = crate::openapi::Error),
        (status = 409, description = "It is used, or not of the library", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn removal(
    State(state): State<ControlState>,
    Path(name): Path<String>,
) -> Result<Json<Removal>, ApiError> {
    removal::foretell(&state, &name).await.map(Json)
}

/// Deletes a model of the library. Files that were used where they are stay there.
#[utoipa::path(
    delete, path = "/api/v1/models/{name}", tag = "models",
    params(("name" = String, Path)),
    responses(
        (status = 200, body = Removal),
        (status = 404, body = crate::openapi::Error),
        (status = 409, description = "It is used, or not of the library", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn remove(
    State(state): State<ControlState>,
    Path(name): Path<String>,
) -> Result<Json<Removal>, ApiError> {
    removal::remove(&state, &name).await.map(Json)
}

/// Lets what the library has now be used, and tells it.
async fn offer(state: &ControlState) {
    if let Err(error) = state.program.reload().await {
        // The next reload offers it.
        tracing::warn!("the library's models are not offered yet: {}", error.body()["error"]["message"]);
    }
    state.library_changed();
}

/// Calls work off when it is dropped: who asked for it has gone.
struct CallsOff(Job);

impl Drop for CallsOff {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
