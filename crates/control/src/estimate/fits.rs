//! What of a language model would fit on a machine, whatever was asked for.

use std::path::PathBuf;

use loadmaster_core::{DeviceKind, LoadRequest, Machine};
use loadmaster_gguf::Header;
use loadmaster_orchestrator::{Orchestrator, OrchestratorError, Preview};
use serde_json::{Value, json};

/// Contexts are looked for in steps of so many tokens, as llama.cpp pads them.
const STEP: u64 = 256;

/// The longest context that is looked for when a model does not say what it was trained on, in tokens.
const MOST: u64 = 1 << 20;

/// What would fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fits {
    /// Layers on the GPU; `None` without a GPU.
    pub layers: Option<Layers>,
    /// The longest context, in tokens, with the whole model on the GPU (or without one, on the host).
    /// `None` when not even the shortest fits.
    pub longest_context: Option<u64>,
    /// The context that the model was trained on, in tokens. No longer one is looked for.
    pub trained_context: Option<u64>,
}

/// Layers on the GPU, the output layer among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    /// The most that fit at the context that was asked for; `None` when no number of them does, because
    /// the host has too little for the rest.
    pub most: Option<u64>,
    /// All that the model has.
    pub all: u64,
}

/// What was asked, of which machine, and who answers.
pub(super) struct Question<'a> {
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) machine: &'a Machine,
    pub(super) request: &'a LoadRequest,
}

impl Question<'_> {
    /// What was asked for, with some settings changed.
    pub(super) async fn preview(&self, changed: &[(&str, Value)]) -> Result<Preview, OrchestratorError> {
        let mut request = self.request.clone();
        for (name, value) in changed {
            request.settings.insert((*name).to_owned(), value.clone());
        }
        self.orchestrator.preview_on(request, self.machine.clone()).await
    }

    /// Looks for what fits.
    pub(super) async fn what_fits(&self) -> Result<Fits, OrchestratorError> {
        let on_gpu = self.machine.devices.iter().any(|device| device.kind != DeviceKind::Host);
        let trained_context = trained_context(self.request.model.path.clone()).await;
        let layers = if on_gpu { Some(self.most_layers().await?) } else { None };
        let place = if on_gpu { json!("all") } else { json!(0) };
        let longest_context = self.longest_context(&place, trained_context.unwrap_or(MOST)).await?;
        Ok(Fits { layers, longest_context, trained_context })
    }

    /// The most layers that fit at the context that was asked for.
    async fn most_layers(&self) -> Result<Layers, OrchestratorError> {
        let whole = self.preview(&[("gpu_layers", json!("all"))]).await?;
        let all = whole.plan.settings["gpu_layers"].as_u64().unwrap_or(0);
        // A model that is on the GPU as a whole computes with less there than one that is on it in part.
        if whole.shortages.is_empty() {
            return Ok(Layers { most: Some(all), all });
        }
        let of = |layers: u64| vec![("gpu_layers", json!(layers))];
        let most = match self.largest(all, of).await? {
            0 if !self.fits(&of(0)).await? => None,
            most => Some(most),
        };
        Ok(Layers { most, all })
    }

    /// The longest context that fits with so many layers on the GPU, up to `most` tokens.
    async fn longest_context(&self, gpu_layers: &Value, most: u64) -> Result<Option<u64>, OrchestratorError> {
        let tokens = |steps: u64| steps.saturating_mul(STEP).min(most);
        let of =
            |steps: u64| vec![("context_length", json!(tokens(steps))), ("gpu_layers", gpu_layers.clone())];
        let steps = self.largest(most.div_ceil(STEP).saturating_add(1), of).await?;
        Ok((steps > 0).then(|| tokens(steps)))
    }

    /// Whether all of it fits, with some settings changed.
    async fn fits(&self, changed: &[(&str, Value)]) -> Result<bool, OrchestratorError> {
        Ok(self.preview(changed).await?.shortages.is_empty())
    }

    /// The largest number below `too_large` whose settings fit: whatever is smaller fits too. 0 when none does.
    async fn largest(
        &self,
        too_large: u64,
        settings: impl Fn(u64) -> Vec<(&'static str, Value)>,
    ) -> Result<u64, OrchestratorError> {
        let mut halving = Halving { fitting: 0, too_large };
        while let Some(number) = halving.next() {
            let fits = self.fits(&settings(number)).await?;
            halving.told(number, fits);
        }
        Ok(halving.fitting)
    }
}

/// The context that a model was trained on, in tokens, if its header says it.
async fn trained_context(path: PathBuf) -> Option<u64> {
    let read = move || Header::open_model(path).ok()?.arch_u64("context_length");
    tokio::task::spawn_blocking(read).await.ok()?
}

/// A search by halving, for the last number that fits.
#[derive(Debug)]
struct Halving {
    /// It fits, or is 0.
    fitting: u64,
    /// It does not.
    too_large: u64,
}

impl Halving {
    /// The number to try next; `None` when there is none between.
    fn next(&self) -> Option<u64> {
        (self.too_large.saturating_sub(self.fitting) > 1).then(|| u64::midpoint(self.fitting, self.too_large))
    }

    fn told(&mut self, number: u64, fits: bool) {
        if fits { self.fitting = number } else { self.too_large = number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_finds_the_last_that_fits() {
        let found = |last: u64, too_large: u64| {
            let mut halving = Halving { fitting: 0, too_large };
            while let Some(number) = halving.next() {
                halving.told(number, number <= last);
            }
            halving.fitting
        };
        for last in 0..20 {
            assert_eq!(found(last, 20), last);
        }
        assert_eq!(found(0, 0), 0);
    }
}
