//! Finds what is to be estimated; of a model that is not here its headers are fetched, and nothing else.

use std::{path::PathBuf, time::Duration};

use axum::http::StatusCode;
use loadmaster_core::{LoadRequest, Model, ModelKind, Remedy};
use loadmaster_fetch::without_secrets;
use loadmaster_models::{Job, Kind, Plan, PullOptions, Puller, Reference};
use loadmaster_orchestrator::OrchestratorError;
use serde::Serialize;
use tempfile::TempDir;
use utoipa::ToSchema;

use super::asked::Wanted;
use crate::{ApiError, ControlState, Unloaded, failed, logs::ended};

/// How long fetching headers may take, whatever the server does meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

/// What would be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Download {
    /// What the model would be called here.
    name: String,
    /// Bytes of its files, as far as they are known.
    bytes: u64,
    /// Its quantisation, where its header or its name tells it.
    quantisation: Option<String>,
    /// Why this file, where there was a choice.
    reason: Option<String>,
}

/// Headers in a folder that goes with this.
#[derive(Debug)]
pub(super) struct Headers {
    _folder: TempDir,
    /// The file that the request names, as messages have it.
    path: String,
    /// Where they came from, without secrets.
    from: String,
}

/// A model to estimate.
#[derive(Debug)]
pub(super) enum Found {
    /// One that is here, data and all.
    Here(LoadRequest),
    /// One whose headers were fetched.
    Elsewhere { request: LoadRequest, headers: Headers, download: Download },
    /// One of which the size is all that is known.
    Size { model: Model, download: Download },
}

impl Headers {
    /// A text about the file, told of where it came from.
    pub(super) fn named(&self, text: &str) -> String {
        text.replace(&self.path, &self.from)
    }
}

impl Download {
    fn of(plan: &Plan) -> Self {
        Self {
            name: plan.name.to_string(),
            bytes: plan.bytes,
            quantisation: plan.facts.quantisation.as_ref().map(ToString::to_string),
            reason: plan.choice.as_ref().map(|choice| choice.reason.clone()),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

pub(super) async fn find(state: &ControlState, wanted: Wanted) -> Result<Found, ApiError> {
    let named = match wanted {
        Wanted::Path(path) => {
            let message = format!("There is no file {}", path.display());
            let request = state.program.request_of(Unloaded::File(path)).await?;
            let missing = || not_found("file_not_found", message, "Check the path.");
            return request.map(Found::Here).ok_or_else(missing);
        }
        Wanted::Model(model) => {
            match state.orchestrator.configured(&model).await {
                Ok(configured) => return Ok(Found::Here(configured.request)),
                Err(OrchestratorError::UnknownModel { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(stored) = state.program.request_of(Unloaded::Stored(model.clone())).await? {
                return Ok(Found::Here(stored));
            }
            model
        }
        Wanted::Url(url) => url,
    };
    let puller = state.program.puller().await?;
    let reference = puller.reference(&named).map_err(|error| failed::models(&error))?;
    let _turn = state.fetching_headers().await;
    let found = tokio::time::timeout(PATIENCE, fetched(state, &puller, &reference)).await;
    found.unwrap_or_else(|_| {
        let from = without_secrets(&named);
        let message = format!("{from} did not tell its header within {} s", PATIENCE.as_secs());
        let remedy = "Try again later, or look whether that server can be reached.";
        Err(ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timed_out", message, remedy))
    })
}

async fn fetched(state: &ControlState, puller: &Puller, reference: &Reference) -> Result<Found, ApiError> {
    let options =
        PullOptions { budget: state.program.budget().await?, anyway: true, ..PullOptions::default() };
    let plan = puller.plan(reference, options, &Job::default()).await;
    let plan = plan.map_err(|error| failed::models(&error))?;
    let (name, download) = (plan.name.to_string(), Download::of(&plan));
    let from = plan.weights().next().map(|file| without_secrets(&file.url)).unwrap_or_default();
    let kind = match plan.kind {
        Kind::Diffusion => ModelKind::Image,
        Kind::Llm | Kind::Embedding | Kind::Reranker | Kind::Other => ModelKind::Text,
        part => {
            let message = format!("{from} cannot be run by itself: its kind is {part}");
            let remedy = "Name the model that it is a part of.";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_a_model", message, remedy));
        }
    };
    if let Some(Err(error)) = plan.header().map(loadmaster_gguf::Header::check_whole) {
        let message = format!("{from} cannot be used: {}", error.cause());
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_a_model", message, error.remedy()));
    }
    let recommended = plan.recommended.clone();
    let saved = tokio::task::spawn_blocking(move || saved(&plan, kind));
    let Some((folder, path)) = saved.await.map_err(|error| ended(&error))?? else {
        return Ok(Found::Size { model: Model { id: name, kind, path: from.into() }, download });
    };
    let headers = Headers { _folder: folder, path: path.display().to_string(), from };
    let model = Model { id: name, kind, path };
    let request = state.program.request_of(Unloaded::Fetched { model: model.clone(), recommended }).await?;
    let request = request.unwrap_or_else(|| LoadRequest::new(model));
    Ok(Found::Elsewhere { request, headers, download })
}

/// What was read of the files of a plan, in a folder of their own, and the first of them; `None` where no plan can be
/// made of that. Headers of image models are read by the length of their file.
fn saved(plan: &Plan, kind: ModelKind) -> Result<Option<(TempDir, PathBuf)>, ApiError> {
    let folder = tempfile::Builder::new().prefix("loadmaster-").tempdir().map_err(|error| {
        let message = format!("The header cannot be kept in a temporary file: {error}");
        let remedy = "Make room on the disk of temporary files.";
        ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", message, remedy)
    })?;
    let path = match kind {
        // Where there is no room for the whole, its size has to do.
        ModelKind::Image => plan.save_outline(folder.path()).unwrap_or_default(),
        _ => plan.save_heads(folder.path()).map_err(|error| failed::models(&error))?,
    };
    Ok(path.map(|path| (folder, path)))
}

/// What is wrong with a model that was found, told of where it came from.
pub(super) fn refused(error: OrchestratorError, headers: Option<&Headers>) -> ApiError {
    use loadmaster_core::BackendError::{ModelMissing, ModelUnreadable};
    let named = |text: String| headers.map_or_else(|| text.clone(), |headers| headers.named(&text));
    let (message, remedy) = (named(error.to_string()), named(error.remedy()));
    match error {
        OrchestratorError::Backend(ModelMissing { .. }) => not_found("file_not_found", message, &remedy),
        OrchestratorError::Backend(ModelUnreadable { .. }) => {
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_a_model", message, remedy)
        }
        other => ApiError::of_settings(other),
    }
}

fn not_found(code: &'static str, message: String, remedy: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, code, message, remedy)
}
