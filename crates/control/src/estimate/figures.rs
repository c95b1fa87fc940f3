//! What a model would take of a machine, in figures.

use loadmaster_core::{DeviceEstimate, LoadRequest, Machine, ModelKind, Settings};
use loadmaster_orchestrator::{Orchestrator, OrchestratorError, Preview, Shortage};
use serde::Serialize;
use utoipa::ToSchema;

use super::fits::{Fits, Question};

/// What a model would take of a machine, and what of it would fit.
#[derive(Debug, Clone)]
pub struct Estimated {
    /// What would happen.
    pub preview: Preview,
    /// What would fit, of a language model: what makes images has neither layers nor a context to choose.
    pub fits: Option<Fits>,
}

/// The same as JSON has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Figures {
    /// The model's name.
    pub(crate) model: String,
    /// Who would serve it; null where no plan could be made.
    pub(crate) backend: Option<String>,
    /// Where the figures come from: `computed` from its header, `asked` of its server, `measured` at its last start, or
    /// only its `size`.
    pub(crate) source: String,
    /// What is reserved on top, in percent.
    pub(crate) margin_percent: u8,
    /// The settings of the plan, every value resolved.
    #[schema(value_type = Object)]
    pub(crate) plan: Settings,
    /// What it would take of each device, in bytes.
    #[schema(value_type = Vec<Object>)]
    pub(crate) devices: Vec<DeviceEstimate>,
    /// What keeps it from fitting now, without anybody's leaving.
    #[schema(value_type = Vec<Object>)]
    pub(crate) shortages: Vec<Shortage>,
    /// What would fit, of a language model.
    pub(crate) fits: Option<FitsTold>,
}

/// What would fit of a language model, beside what is loaded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FitsTold {
    /// The most layers on the GPU at the context that was asked for.
    gpu_layers: Option<u64>,
    /// The longest context, in tokens, with the whole model on the GPU, or without one on the host.
    longest_context: Option<u64>,
}

impl Estimated {
    /// Of `request` on `machine`, which is [imagined](super::imagined()). `here` says that it is this one and that the
    /// model's data is here too: then this machine's own server, or what was measured at the last start, comes before
    /// what is computed.
    ///
    /// # Errors
    /// No backend serves the model, or it cannot be planned.
    pub async fn of(
        orchestrator: &Orchestrator,
        request: &LoadRequest,
        machine: &Machine,
        here: bool,
    ) -> Result<Self, OrchestratorError> {
        let asked = Question { orchestrator, machine, request };
        let computed = asked.preview(&[]).await?;
        let fits = if request.model.kind == ModelKind::Image { None } else { Some(asked.what_fits().await?) };
        // Without a server that can say, what was computed has to do.
        let known = if here { orchestrator.preview_of(request.clone()).await.ok() } else { None };
        Ok(Self { preview: known.unwrap_or(computed), fits })
    }

    /// As `loadmaster estimate --json` prints it.
    pub fn figures(&self) -> Figures {
        let preview = &self.preview;
        Figures {
            model: preview.plan.model.id.clone(),
            backend: Some(preview.plan.backend.clone()),
            source: preview.estimate.source.to_string(),
            margin_percent: preview.estimate.margin_percent,
            plan: preview.plan.settings.clone(),
            devices: preview.estimate.devices.clone(),
            shortages: preview.shortages.clone(),
            fits: self.fits.map(|fits| FitsTold {
                gpu_layers: fits.layers.and_then(|layers| layers.most),
                longest_context: fits.longest_context,
            }),
        }
    }
}
