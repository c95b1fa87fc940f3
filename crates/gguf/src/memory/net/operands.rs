//! What operations read: weights, inputs and caches.

use super::Net;
use crate::{
    memory::{
        graph::{Home, Id, NONE},
        placement::Place,
    },
    tensor_type::TensorType,
};

impl Net<'_> {
    pub(super) fn has(&self, layer: Option<usize>, name: &str) -> bool {
        self.model.weight(layer, name).is_some()
    }

    /// A weight, if the file has it.
    pub(super) fn weight(&mut self, layer: Option<usize>, name: &str) -> Option<Id> {
        let at = self.model.weight(layer, name)?;
        if self.weights[at] == NONE {
            let weight = &self.model.weights[at];
            let home = self.home(self.placement.weight(weight, self.load));
            self.weights[at] = self.graph.leaf(weight.kind, weight.ne, home);
        }
        Some(self.weights[at])
    }

    pub(super) fn home(&self, place: Place) -> Home {
        match place {
            Place::Device(device) => {
                Home::Weight { backend: u8::try_from(device).unwrap_or(self.host), plain: false }
            }
            Place::Host | Place::Pinned => Home::Weight { backend: self.host, plain: true },
            Place::Repacked => Home::Weight { backend: self.host, plain: false },
        }
    }

    pub(super) fn input(&mut self, kind: TensorType, ne: [u64; 4]) -> Id {
        self.graph.leaf(kind, ne, Home::Input)
    }

    pub(super) fn positions(&mut self) -> Id {
        if self.inputs.positions == NONE {
            let count = self.tokens.saturating_mul(self.model.shape.positions_per_token);
            self.inputs.positions = self.input(TensorType::I32, [count, 1, 1, 1]);
        }
        self.inputs.positions
    }

    pub(super) fn output_rows(&mut self) -> Id {
        if self.inputs.rows == NONE {
            self.inputs.rows = self.input(TensorType::I32, [self.outputs, 1, 1, 1]);
        }
        self.inputs.rows
    }

    /// The backend of a layer's cache.
    pub(super) fn cache_home(&self, il: usize) -> Home {
        let device = self.placement.layer(il).filter(|_| self.load.kv_offload);
        Home::Cache(device.and_then(|device| u8::try_from(device).ok()).unwrap_or(self.host))
    }
}
