//! What would fit on the machine that was asked about, whatever was asked for.

use loadmaster_core::{DeviceKind, LoadRequest};
use loadmaster_gguf::Header;
use loadmaster_orchestrator::{Orchestrator, Preview};
use serde_json::{Value, json};

use crate::Failed;

/// Contexts are looked for in steps of so many tokens, as llama.cpp pads them.
const STEP: u64 = 256;

/// The longest context that is looked for when a model does not say what it was trained on, in tokens.
const MOST: u64 = 1 << 20;

/// What would fit.
#[derive(Debug)]
pub(super) struct Fits {
    /// Layers on the GPU; `None` without a GPU.
    pub(super) layers: Option<Layers>,
    /// The longest context, in tokens, with the whole model on the GPU (or without one, on the host).
    /// `None` when not even the shortest fits.
    pub(super) longest_context: Option<u64>,
    /// The context that the model was trained on, in tokens. No longer one is looked for.
    pub(super) trained_context: Option<u64>,
}

/// Layers on the GPU, the output layer among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layers {
    /// The most that fit at the context that was asked for; `None` when no number of them does, because
    /// the host has too little for the rest.
    pub(super) most: Option<u64>,
    /// All that the model has.
    pub(super) all: u64,
}

/// What was asked, and who answers.
pub(super) struct Question<'a> {
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) request: LoadRequest,
}

impl Question<'_> {
    /// What was asked for, with some settings changed.
    pub(super) async fn preview(&self, changed: &[(&str, Value)]) -> Result<Preview, Failed> {
        let mut request = self.request.clone();
        for (name, value) in changed {
            request.settings.insert((*name).to_owned(), value.clone());
        }
        Ok(self.orchestrator.preview_of(request).await?)
    }

    /// Looks for what fits on the machine of `preview`.
    pub(super) async fn what_fits(&self, preview: &Preview) -> Result<Fits, Failed> {
        let on_gpu = preview.machine.devices.iter().any(|device| device.kind != DeviceKind::Host);
        let trained_context = Header::open_model(&self.request.model.path)
            .ok()
            .and_then(|header| header.arch_u64("context_length"));
        let layers = if on_gpu { Some(self.most_layers().await?) } else { None };
        let place = if on_gpu { json!("all") } else { json!(0) };
        let longest_context = self.longest_context(&place, trained_context.unwrap_or(MOST)).await?;
        Ok(Fits { layers, longest_context, trained_context })
    }

    /// The most layers that fit at the context that was asked for.
    async fn most_layers(&self) -> Result<Layers, Failed> {
        let whole = self.preview(&[("gpu_layers", json!("all"))]).await?;
        let all = whole.plan.settings["gpu_layers"].as_u64().unwrap_or(0);
        // A model that is on the GPU as a whole computes with less there than one that is on it in part.
        if whole.shortages.is_empty() {
            return Ok(Layers { most: Some(all), all });
        }
        let fits = async |layers: u64| {
            let preview = self.preview(&[("gpu_layers", json!(layers))]).await?;
            Ok(preview.shortages.is_empty())
        };
        let most = match largest(all, &fits).await? {
            0 if !fits(0).await? => None,
            most => Some(most),
        };
        Ok(Layers { most, all })
    }

    /// The longest context that fits with so many layers on the GPU, up to `most` tokens.
    async fn longest_context(&self, gpu_layers: &Value, most: u64) -> Result<Option<u64>, Failed> {
        let tokens = |steps: u64| steps.saturating_mul(STEP).min(most);
        let fits = async |steps: u64| {
            let changed = [("context_length", json!(tokens(steps))), ("gpu_layers", gpu_layers.clone())];
            Ok(self.preview(&changed).await?.shortages.is_empty())
        };
        let steps = largest(most.div_ceil(STEP).saturating_add(1), fits).await?;
        Ok((steps > 0).then(|| tokens(steps)))
    }
}

/// The largest number below `too_large` that fits, found by halving: whatever is smaller fits too. 0 when
/// none does.
async fn largest(mut too_large: u64, fits: impl AsyncFn(u64) -> Result<bool, Failed>) -> Result<u64, Failed> {
    let mut fitting = 0;
    while too_large - fitting > 1 {
        let middle = u64::midpoint(fitting, too_large);
        if fits(middle).await? { fitting = middle } else { too_large = middle }
    }
    Ok(fitting)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn halving_finds_the_last_that_fits() {
        for last in 0..20 {
            let found = super::largest(20, async |number| Ok(number <= last)).await;
            assert_eq!(found.expect("nothing fails"), last);
        }
        assert_eq!(super::largest(0, async |_| Ok(true)).await.expect("nothing fails"), 0);
    }
}
