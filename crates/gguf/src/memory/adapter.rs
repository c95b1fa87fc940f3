//! Low-rank adapters (`--lora`): two thin matrices for each matrix that they adapt.

use std::collections::BTreeMap;

use super::{
    load::Load,
    model::MemoryModel,
    placement::{Place, Placement},
    usage::Usage,
};
use crate::{header::Header, tensor_type::TensorType, weights::tensor_sizes};

/// A low-rank adapter, read from the header of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// By the name of the tensor that they adapt.
    pairs: BTreeMap<String, Pair>,
}

/// The two matrices for one tensor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pair {
    /// `.lora_a`: from the width of the input to the rank.
    pub(super) down: Option<Matrix>,
    /// `.lora_b`: from the rank to the width of the output.
    pub(super) up: Option<Matrix>,
}

/// One of the thin matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Matrix {
    pub(super) kind: TensorType,
    pub(super) ne: [u64; 4],
    bytes: u64,
}

/// See `weights::add`.
const ALIGNMENT: u64 = 32;

impl Adapter {
    /// Reads a header. Of a file that is no adapter (`general.type` is `adapter` of one) nothing is taken.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
        for (tensor, bytes) in tensor_sizes(header) {
            let mut ne = [1; 4];
            for (to, &from) in ne.iter_mut().zip(&tensor.dims) {
                *to = from;
            }
            let matrix = Some(Matrix { kind: tensor.kind, ne, bytes });
            if let Some(name) = tensor.name.strip_suffix(".lora_a") {
                pairs.entry(name.to_owned()).or_default().down = matrix;
            } else if let Some(name) = tensor.name.strip_suffix(".lora_b") {
                pairs.entry(name.to_owned()).or_default().up = matrix;
            }
        }
        Self { pairs }
    }

    /// The matrices for a tensor, by its name in the file.
    pub(super) fn pair(&self, name: &str) -> Option<(Matrix, Matrix)> {
        let pair = self.pairs.get(name)?;
        pair.down.zip(pair.up)
    }
}

/// Adds the adapters: each matrix lies where what it adapts lies, but in plain memory rather than in a
/// mapping or in another layout (`llama_adapter_lora_init_impl` in llama-adapter.cpp).
pub(super) fn add(model: &MemoryModel, load: &Load, placement: &Placement, to: &mut Usage) {
    if load.adapters.is_empty() {
        return;
    }
    for weight in &model.weights {
        let name = weight.full_name();
        for (down, up) in load.adapters.iter().filter_map(|adapter| adapter.pair(&name)) {
            let part = to.part(match placement.weight(weight, load) {
                Place::Device(device) => Some(device),
                Place::Host | Place::Pinned | Place::Repacked => None,
            });
            for matrix in [down, up] {
                let bytes = matrix.bytes.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX);
                part.adapters = part.adapters.saturating_add(bytes);
            }
        }
    }
}
