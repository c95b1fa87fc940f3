//! What the computation of one physical batch takes (`llama_context::sched_reserve` in
//! llama-context.cpp).

use super::{
    allocate::{Limits, peaks},
    cache::Cells,
    load::{Accelerator, Load},
    model::MemoryModel,
    net::Net,
    placement::Placement,
    schedule::schedule,
    usage::Usage,
};

/// Tensors of a compute buffer begin at multiples of this many bytes (`TENSOR_ALIGNMENT` of the CPU
/// backend, also behind RPC; CUDA has 128, Vulkan up to 256: some kilobytes more in all).
const ALIGNMENT: u64 = 32;

/// Adds the compute buffers and the output buffer.
pub(super) fn add(model: &MemoryModel, load: &Load, placement: &Placement, cells: &Cells, to: &mut Usage) {
    let mut graph = Net::new(model, load, placement, cells).build();
    let devices = u8::try_from(placement.devices()).unwrap_or(super::MOST_DEVICES);
    let schedule = schedule(&mut graph, devices, load);
    let Accelerator { pinned_host, largest_buffer, .. } = load.accelerator;
    let limits = Limits {
        alignment: ALIGNMENT,
        device: largest_buffer.unwrap_or(u64::MAX),
        host: largest_buffer.filter(|_| pinned_host && devices > 0).unwrap_or(u64::MAX),
    };
    for (at, bytes) in peaks(&graph, &schedule, limits).into_iter().enumerate() {
        to.part(Some(at).filter(|&at| at < placement.devices())).compute = bytes;
    }
    // One row of logits for each slot (`llama_context::output_reserve`).
    let slots = load.parallel.max(1);
    let row = if model.shape.logits { model.shape.vocabulary } else { model.shape.embedding };
    to.host.output = row.saturating_mul(slots).saturating_mul(4);
}
