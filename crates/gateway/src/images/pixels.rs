//! How large the images of a model may be: its setting `pixels`, which memory is reserved for.
//!
//! A request for a larger image raises it, by changing the model: that is planned, and whether it can fit is
//! known, before anything is stopped. It stays raised until the configuration is read again.

use loadmaster_core::{LaunchPlan, LoadRequest, ModelKind};
use loadmaster_images::{ErrorCode, ImageError, ImageRequest, Limits, Size};
use loadmaster_orchestrator::{Configured, Lease};

use crate::{ApiError, Gateway};

/// The setting's name, in requests and in plans.
const PIXELS: &str = "pixels";

/// Refuses models that make no images, and raises the model's `pixels` where `request` needs more. Tells how many
/// an instance must have been started with, if it may have been started with less.
pub(crate) async fn raised_for(
    gateway: &Gateway,
    model: &str,
    request: &ImageRequest,
) -> Result<Option<u64>, ApiError> {
    let now = configured(gateway, model).await?;
    let Some(size) = request.size else { return Ok(None) };
    within_all_limits(size)?;
    let wanted = size.pixels();
    if now.plan.as_deref().and_then(planned).is_some_and(|pixels| pixels >= wanted) {
        return Ok(None);
    }
    let _alone = gateway.changes.lock().await;
    // Somebody else may have raised it meanwhile.
    let now = configured(gateway, model).await?;
    if asked(&now.request).is_some_and(|pixels| pixels >= wanted) {
        return Ok(Some(wanted));
    }
    let planned = match &now.plan {
        Some(plan) => planned(plan),
        None => planned(&gateway.orchestrator.preview(model).await?.plan),
    };
    match planned {
        // Its backend has no such setting, and says itself what is too large.
        None => Ok(None),
        Some(pixels) if pixels >= wanted => Ok(Some(wanted)),
        Some(_) => raise(gateway, now, size).await.map(Some),
    }
}

async fn raise(gateway: &Gateway, now: Configured, size: Size) -> Result<u64, ApiError> {
    let wanted = size.pixels();
    let request = now.request.with(PIXELS, wanted);
    let preview = gateway.orchestrator.preview_of(request.clone()).await?;
    if !preview.lacking.is_empty() {
        let lacks: Vec<String> = preview.lacking.iter().map(ToString::to_string).collect();
        let message = format!("{size} are {wanted} pixels, which cannot fit: {}", lacks.join("; "));
        let error = ImageError::new(ErrorCode::ImageTooLarge, message, "Ask for a smaller image.");
        return Err(ApiError::from(error).with("param", "size").with("devices", &preview.lacking));
    }
    tracing::info!(model = %request.model.id, pixels = wanted, "larger images are asked for");
    gateway.orchestrator.update(request, now.rules).await?;
    Ok(wanted)
}

/// How a model is loaded, if it makes images.
async fn configured(gateway: &Gateway, model: &str) -> Result<Configured, ApiError> {
    let now = gateway.orchestrator.configured(model).await?;
    if now.request.model.kind == ModelKind::Image {
        return Ok(now);
    }
    let message = format!("'{model}' makes no images");
    let remedy = "Name a model of images; `GET /v1/models` tells each one's kind.";
    let error = ImageError::invalid("model", message, remedy);
    Err(ApiError::from(error).with("code", "not_an_image_model"))
}

/// Refuses models that make no images.
pub(crate) async fn kind_of(gateway: &Gateway, model: &str) -> Result<(), ApiError> {
    configured(gateway, model).await.map(drop)
}

/// Refuses what no instance makes, before one is started for it.
fn within_all_limits(size: Size) -> Result<(), ImageError> {
    Limits { min_side: 1, multiple: 1, ..Limits::default() }.check_size(size)
}

fn asked(request: &LoadRequest) -> Option<u64> {
    request.settings.get(PIXELS)?.as_u64()
}

fn planned(plan: &LaunchPlan) -> Option<u64> {
    plan.settings.get(PIXELS)?.as_u64()
}

/// Whether the instance of `lease` was started for fewer pixels: it is about to end.
pub(crate) fn outgrown(lease: &Lease, pixels: Option<u64>) -> bool {
    match (pixels, planned(&lease.instance().plan)) {
        (Some(wanted), Some(planned)) => planned < wanted,
        _ => false,
    }
}
