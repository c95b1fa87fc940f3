//! `POST /api/v1/estimate`: what a model would take, wherever it is, and whether it fits.

mod asked;
mod figures;
mod fits;
mod found;
mod imagined;

use axum::{
    Json, Router,
    extract::{State, rejection::BytesRejection},
    http::HeaderMap,
    routing::post,
};
use bytes::Bytes;
use loadmaster_core::{BackendError, LoadRequest, Model, ModelKind, Settings};
use loadmaster_gateway::{json_body, laid_over};
use loadmaster_orchestrator::{OrchestratorError, Preview, Status};
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    asked::{Asked, SHAPE, Wanted},
    found::{Download, Found, refused},
};
pub use self::{
    figures::{Estimated, Figures},
    fits::{Fits, Layers},
    imagined::imagined,
};
use crate::{
    ApiError, ControlState, by_size,
    fit::Fit,
    near::{self, Peer},
};

pub(crate) fn routes() -> Router<ControlState> {
    Router::new().route("/api/v1/estimate", post(estimate))
}

/// What a model would take, and whether it fits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Estimate)]
pub(crate) struct Answer {
    #[serde(flatten)]
    figures: Figures,
    /// Whether it fits now, beside what is loaded.
    fit: Fit,
    /// What would be downloaded, of a model that is not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<Download>,
}

/// What a model would take, wherever it is: as `loadmaster estimate --json` prints it, and whether it fits. Of a model
/// that is not here its header is fetched and nothing else; where that is not enough for a plan, as of image models in
/// several parts, it is judged by its `size`. Changes nothing.
#[utoipa::path(
    post, path = "/api/v1/estimate", tag = "models",
    request_body = Asked,
    responses(
        (status = 200, body = Answer),
        (status = 400, description = "It names no model, or a setting cannot be", body = crate::openapi::Error),
        (status = 403, description = "A path, asked from another machine", body = crate::openapi::Error),
        (status = 404, description = "There is no such model, file or address", body = crate::openapi::Error),
        (status = 422, description = "It is no model that can be loaded", body = crate::openapi::Error),
        (status = 502, description = "Its server cannot be reached", body = crate::openapi::Error),
        (status = 504, description = "Its server took too long", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn estimate(
    State(state): State<ControlState>,
    peer: Peer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Answer>, ApiError> {
    let asked: Asked = json_body::read(body, SHAPE)?;
    let (wanted, settings) = asked.wanted()?;
    if matches!(wanted, Wanted::Path(_)) {
        near::only(&peer, &headers, "Files are read", "Ask there, or name a model.")?;
    }
    let answer = match found::find(&state, wanted).await? {
        Found::Here(request) => {
            let planned = planned(&state, request, settings, true).await;
            planned.map_err(|error| refused(error, None))?
        }
        Found::Elsewhere { request, headers, download } => {
            let model = request.model.clone();
            let planned = match planned(&state, request, settings, false).await {
                // It has parts that are elsewhere, or its family is not known.
                Err(error) if model.kind == ModelKind::Image && is_unreadable(&error) => {
                    sized(&state, model, &download).await?
                }
                planned => planned.map_err(|error| refused(error, Some(&headers)))?,
            };
            Answer { download: Some(download), ..planned }
        }
        Found::Size { model, download } => {
            let sized = sized(&state, model, &download).await?;
            Answer { download: Some(download), ..sized }
        }
    };
    Ok(Json(answer))
}

/// What `request` with other settings takes. `here`: the model's data is on this machine; else it is computed.
async fn planned(
    state: &ControlState,
    request: LoadRequest,
    settings: Settings,
    here: bool,
) -> Result<Answer, OrchestratorError> {
    let request = laid_over(request, settings);
    let machine = imagined(state.machine.read().await?, &[], &request.settings);
    let estimated = Estimated::of(&state.orchestrator, &request, &machine, here).await?;
    let status = state.orchestrator.status().await?;
    let fit = Fit::of(&estimated.preview, &beside(status, &estimated.preview));
    Ok(Answer { figures: estimated.figures(), fit, download: None })
}

/// What a model takes of which the size is all that is known.
async fn sized(state: &ControlState, model: Model, download: &Download) -> Result<Answer, ApiError> {
    let (machine, status) = (state.machine.read().await?, state.orchestrator.status().await?);
    let estimate = by_size::estimate(download.bytes(), &machine, &status.budgets);
    let preview = state.orchestrator.foretell(model, estimate, machine).await?;
    let fit = Fit::of(&preview, &status);
    let figures = Estimated { preview, fits: None }.figures();
    let figures = Figures { backend: None, source: "size".to_owned(), ..figures };
    Ok(Answer { figures, fit, download: None })
}

fn is_unreadable(error: &OrchestratorError) -> bool {
    use BackendError::{ModelMissing, ModelUnreadable};
    matches!(error, OrchestratorError::Backend(ModelMissing { .. } | ModelUnreadable { .. }))
}

/// What there is beside a model that would run in another way than it does: that it is loaded says nothing then.
fn beside(mut status: Status, preview: &Preview) -> Status {
    for model in &mut status.models {
        let other = |plan: &Settings| *plan != preview.plan.settings;
        if model.id == preview.plan.model.id
            && model.instance.as_ref().is_some_and(|instance| other(&instance.plan.settings))
        {
            model.instance = None;
        }
    }
    status
}
