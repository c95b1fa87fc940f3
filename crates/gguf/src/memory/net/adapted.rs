//! What adapters add to the matrices of a model.

use super::Net;
use crate::memory::{
    graph::{Home, Id},
    placement::Place,
};

impl Net<'_> {
    /// Adds what adapters make of `x` (`build_lora_mm`).
    pub(super) fn adapted(&mut self, layer: Option<usize>, name: &str, x: Id, result: Id) -> Id {
        let name = format!("{name}.weight");
        let Some(at) = self.model.weight(layer, &name).filter(|_| !self.load.adapters.is_empty()) else {
            return result;
        };
        let weight = &self.model.weights[at];
        let backend = match self.placement.weight(weight, self.load) {
            Place::Device(device) => u8::try_from(device).unwrap_or(self.host),
            Place::Host | Place::Pinned | Place::Repacked => self.host,
        };
        let mut result = result;
        for adapter in &self.load.adapters {
            let Some((down, up)) = adapter.pair(&weight.full_name()) else { continue };
            // Adapters are no weights to the scheduler: they draw no computation to where they lie.
            let home = Home::Cache(backend);
            let down = self.graph.leaf(down.kind, down.ne, home);
            let up = self.graph.leaf(up.kind, up.ne, home);
            let low = self.graph.matmul(down, x);
            let delta = self.graph.matmul(up, low);
            let delta = self.graph.inplace(&[delta]);
            result = self.graph.add([result, delta]);
        }
        result
    }
}
