//! Operations that nearly every architecture has (`build_norm`, `build_lora_mm` in llama-graph.cpp).

use super::Net;
use crate::memory::graph::Id;

impl Net<'_> {
    /// `build_norm`: the norm itself, its weight and its bias.
    pub(super) fn norm(&mut self, x: Id, layer: Option<usize>, name: &str) -> Id {
        self.norm_by(x, layer, name, self.model.shape.layer_norm)
    }

    /// The same with mean and variance, whatever other norms of the model are.
    pub(super) fn layer_norm(&mut self, x: Id, layer: Option<usize>, name: &str) -> Id {
        self.norm_by(x, layer, name, true)
    }

    fn norm_by(&mut self, x: Id, layer: Option<usize>, name: &str, layer_norm: bool) -> Id {
        let weight = self.weight(layer, &format!("{name}.weight"));
        let bias = self.weight(layer, &format!("{name}.bias"));
        if weight.is_none() && bias.is_none() && !self.model.is(&["olmo"]) {
            return x;
        }
        let mut normed = if layer_norm { self.graph.like(&[x]) } else { self.graph.rms_norm(x) };
        if let Some(il) = layer
            && self.load.accelerator.pins_norms
            && self.placement.is_full()
            && let Some(device) = self.placement.layer(il)
        {
            // Kept on the device of its layer (`llama_context::graph_get_cb`).
            self.graph.tensors[normed as usize].pinned = u8::try_from(device).ok();
        }
        if let Some(weight) = weight {
            normed = self.graph.mul([normed, weight]);
        }
        if let Some(bias) = bias {
            normed = self.graph.add([normed, bias]);
        }
        normed
    }

    /// A matrix of the layer times `x`, with its bias and its scale.
    pub(super) fn linear(&mut self, il: usize, name: &str, x: Id) -> Option<Id> {
        let weight = self.weight(Some(il), &format!("{name}.weight"))?;
        let mut result = self.graph.matmul(weight, x);
        if let Some(scale) = self.weight(Some(il), &format!("{name}.scale")) {
            result = self.graph.mul([result, scale]);
        }
        result = self.adapted(Some(il), name, x, result);
        if let Some(bias) = self.weight(Some(il), &format!("{name}.bias")) {
            result = self.graph.add([result, bias]);
        }
        Some(result)
    }
}
