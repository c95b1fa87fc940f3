//! What a model takes of memory on each device, predicted from its header alone.
//!
//! This is a model of llama.cpp rather than a table of measurements: weights are put where llama.cpp
//! puts them, caches are padded as it pads them, and the compute buffer is found as it finds it, by
//! building the graph of one physical batch and running the graph allocator over it. Sources named in
//! comments are files and functions of llama.cpp b10434.
//!
//! ```no_run
//! use loadmaster_gguf::{Header, memory::{Load, predict}};
//!
//! # fn main() -> Result<(), loadmaster_gguf::GgufError> {
//! let header = Header::open("model.gguf")?;
//! let load = Load { gpu_layers: 99, devices: vec![1.0], ..Load::default() };
//! let usage = predict(&header, &load);
//! println!("{} bytes on the GPU", usage.devices[0].total());
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - Any header and any settings give a prediction: no panic, no overflow (numbers saturate), and
//!   time and memory in proportion to the header.
//! - An architecture that is not known is predicted from the tensors that its file has, as a transformer or as
//!   a recurrence that keeps all that its matrices make; [`MemoryModel::is_verified`] tells.
//!
//! # Limitations
//! - One file: of a split model, the header must be one with all tensors.
//! - Multi-token prediction is not part of it. A draft model is a [`MemoryModel`] of its own and a projector
//!   a [`Projector`]: add up what they take ([`Part::plus`]).
//! - Metal reorders what it computes too (`ggml_graph_optimize` in ggml-metal-common.cpp), which is not modelled;
//!   Vulkan's order is.
//! - Memory of the process itself and of drivers is not counted, nor is the prompt cache.

mod adapter;
mod allocate;
mod cache;
mod compute;
mod graph;
mod known;
mod layer;
mod load;
mod model;
mod net;
mod overrides;
mod placement;
mod projector;
mod reorder;
mod schedule;
mod usage;
mod weight;
mod weights;

pub use self::{
    adapter::Adapter,
    load::{Accelerator, Load, Repack},
    model::MemoryModel,
    overrides::Override,
    projector::Projector,
    usage::{Part, Usage},
};
use self::{cache::Cells, placement::Placement};
use crate::header::Header;

/// The most devices that are told apart (`GGML_SCHED_MAX_BACKENDS` is 16, the host included).
const MOST_DEVICES: u8 = 15;

/// Predicts what a model takes. To predict more than once, keep a [`MemoryModel`].
#[must_use]
pub fn predict(header: &Header, load: &Load) -> Usage {
    MemoryModel::of(header).predict(load)
}

impl MemoryModel {
    /// Predicts what the model takes with these settings.
    #[must_use]
    pub fn predict(&self, load: &Load) -> Usage {
        let placement = Placement::of(self, load);
        let cells = Cells::of(self, load);
        let mut usage = Usage { devices: vec![Part::default(); load.devices.len()], ..Usage::default() };
        weights::add(self, load, &placement, &mut usage);
        adapter::add(self, load, &placement, &mut usage);
        cache::add_kv(self, load, &placement, &cells, &mut usage);
        cache::add_recurrent(self, load, &placement, &mut usage);
        compute::add(self, load, &placement, &cells, &mut usage);
        usage
    }
}
