//! What an instance must have been started for: how large its images may be, and whether they may begin with a
//! picture. Both are settings of the model, for which memory is reserved.
//!
//! A request that needs more raises them, by changing the model: that is planned, and whether it can fit is known,
//! before anything is stopped. They stay raised as long as the instance runs, so that nothing is loaded again only to
//! take less. When the model is asked for anew, they are what its configuration and the requests on their way need.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use loadmaster_core::{LaunchPlan, LoadRequest, ModelKind, Settings};
use loadmaster_images::{ErrorCode, ImageError, ImageRequest, Limits, Size};
use loadmaster_orchestrator::{Configured, Lease};

use crate::{ApiError, Gateway};

/// The settings' names, in requests and in plans.
const PIXELS: &str = "pixels";
const EDITS: &str = "edits";

/// What an instance can do without asking for more memory than was reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The pixels of its largest image.
    pixels: u64,
    /// Whether an image may begin with a picture, which is encoded first.
    edits: bool,
}

impl Reach {
    /// What a request needs. Where it names no size, its image becomes none that is too large.
    fn needed(request: &ImageRequest) -> Self {
        Self { pixels: request.size.map_or(0, Size::pixels), edits: request.has_input() }
    }

    /// What settings say, of a plan or of a model: as far as its backend has them at all.
    fn of(settings: &Settings) -> Option<Self> {
        let pixels = settings.get(PIXELS)?.as_u64()?;
        Some(Self { pixels, edits: settings.get(EDITS).is_none_or(|edits| edits.as_bool() == Some(true)) })
    }

    fn covers(self, needed: Self) -> bool {
        self.pixels >= needed.pixels && (self.edits || !needed.edits)
    }

    fn and(self, other: Self) -> Self {
        Self { pixels: self.pixels.max(other.pixels), edits: self.edits || other.edits }
    }
}

/// What models were before they were raised, and what the requests on their way need of them.
#[derive(Debug, Default)]
pub(crate) struct Reaches(Mutex<HashMap<String, Model>>);

#[derive(Debug, Default)]
struct Model {
    /// As it was configured, and as it was raised to.
    raised: Option<(LoadRequest, LoadRequest)>,
    /// Of requests that wait or are painted.
    needs: Vec<Weak<Reach>>,
}

impl Reaches {
    fn of<T>(&self, model: &str, ask: impl FnOnce(&mut Model) -> T) -> T {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ask(models.entry(model.to_owned()).or_default())
    }

    /// How a model is loaded when nothing is raised, where it is loaded by `now`.
    pub(crate) fn unraised(&self, now: &LoadRequest) -> LoadRequest {
        self.of(&now.model.id, |model| model.configured(now))
    }
}

impl Model {
    /// All that is needed of it now.
    fn needed(&mut self) -> Reach {
        self.needs.retain(|need| need.strong_count() > 0);
        self.needs.iter().filter_map(Weak::upgrade).fold(Reach::default(), |all, need| all.and(*need))
    }

    /// The request that it was configured with, if `now` is what this raised it to: else somebody changed it meanwhile.
    fn configured(&mut self, now: &LoadRequest) -> LoadRequest {
        match self.raised.take_if(|(_, raised)| raised != now) {
            Some(_) => now.clone(),
            None => self.raised.as_ref().map_or_else(|| now.clone(), |(before, _)| before.clone()),
        }
    }
}

/// Refuses models that make no images, and changes the model where no instance of it would be started for what
/// `request` needs. Whoever serves it keeps what this answers until it is answered.
pub(crate) async fn raised_for(
    gateway: &Gateway,
    model: &str,
    request: &ImageRequest,
) -> Result<Arc<Reach>, ApiError> {
    let now = configured(gateway, model).await?;
    if let Some(size) = request.size {
        within_all_limits(size)?;
    }
    let need = Arc::new(Reach::needed(request));
    gateway.reaches.of(model, |model| model.needs.push(Arc::downgrade(&need)));
    if now.plan.as_deref().is_some_and(|plan| is_enough(plan, *need)) {
        return Ok(need);
    }
    let _alone = gateway.changes.lock().await;
    // Somebody else may have changed it meanwhile.
    let now = configured(gateway, model).await?;
    if now.plan.as_deref().is_some_and(|plan| is_enough(plan, *need)) {
        return Ok(need);
    }
    let (before, needed) =
        gateway.reaches.of(model, |model| (model.configured(&now.request), model.needed()));
    let preview = gateway.orchestrator.preview_of(before.clone()).await?;
    // What runs keeps what it was raised to: it may be asked for that again at once.
    let runs = now.plan.as_deref().and_then(|plan| Reach::of(&plan.settings)).unwrap_or_default();
    let after = match Reach::of(&preview.plan.settings) {
        Some(planned) if !planned.covers(needed.and(runs)) => raised(&before, planned.and(needed).and(runs)),
        // It is enough; or its backend has no such settings, and says itself what is too large.
        _ => before.clone(),
    };
    if after != now.request {
        change(gateway, &now, &after, request).await?;
    }
    gateway.reaches.of(model, |model| model.raised = (before != after).then_some((before, after)));
    Ok(need)
}

fn is_enough(plan: &LaunchPlan, need: Reach) -> bool {
    Reach::of(&plan.settings).is_some_and(|reach| reach.covers(need))
}

fn raised(request: &LoadRequest, reach: Reach) -> LoadRequest {
    let request = request.clone().with(PIXELS, reach.pixels);
    if reach.edits { request.with(EDITS, true) } else { request }
}

/// Changes the model, if it can fit so at all.
async fn change(
    gateway: &Gateway,
    now: &Configured,
    after: &LoadRequest,
    request: &ImageRequest,
) -> Result<(), ApiError> {
    let preview = gateway.orchestrator.preview_of(after.clone()).await?;
    if !preview.lacking.is_empty() {
        let lacks: Vec<String> = preview.lacking.iter().map(ToString::to_string).collect();
        let what = if request.has_input() { "An edit" } else { "An image" };
        let of =
            request.size.map_or_else(String::new, |size| format!(" of {size}, {} pixels,", size.pixels()));
        let message = format!("{what}{of} cannot fit: {}", lacks.join("; "));
        let error = ImageError::new(ErrorCode::ImageTooLarge, message, "Ask for a smaller image.");
        return Err(ApiError::from(error).with("param", "size").with("devices", &preview.lacking));
    }
    let reach = Reach::of(&preview.plan.settings).unwrap_or_default();
    tracing::info!(model = %after.model.id, reach.pixels, reach.edits, "memory is reserved for other images");
    gateway.orchestrator.update(after.clone(), now.rules).await?;
    Ok(())
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

/// Whether the instance of `lease` was started for less: it is about to end.
pub(crate) fn outgrown(lease: &Lease, need: Reach) -> bool {
    Reach::of(&lease.instance().plan.settings).is_some_and(|reach| !reach.covers(need))
}
