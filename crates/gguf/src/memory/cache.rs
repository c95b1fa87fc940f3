//! What the tokens of the context take: keys and values, and states of recurrent layers.

use super::{layer::Layer, load::Load, model::MemoryModel, placement::Placement, usage::Usage};
use crate::tensor_type::TensorType;

/// Lengths of caches are multiples of so many tokens (`GGML_PAD(…, 256)` in llama-context.cpp and
/// llama-kv-cache-iswa.cpp).
const STEP: u64 = 256;

/// How many tokens the caches are made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells {
    /// Separate caches: one for each slot, or one for all.
    pub(super) streams: u64,
    /// Tokens in each of them.
    pub(super) full: u64,
    /// Tokens that sliding-window layers keep in each.
    pub(super) window: u64,
    /// Tokens of one physical batch.
    pub(super) batch: u64,
    /// Tokens over all slots.
    pub(super) context: u64,
}

impl Cells {
    /// `llama_context::llama_context` and `llama_kv_cache_iswa::llama_kv_cache_iswa`.
    pub(super) fn of(model: &MemoryModel, load: &Load) -> Self {
        let slots = load.parallel.max(1);
        let asked = if load.context_length == 0 { model.shape.trained_context } else { load.context_length };
        let asked = asked.max(1);
        // A batch is no longer than the context, as far as attention is causal.
        let batch = if model.shape.encoder { load.batch } else { load.batch.min(asked) };
        let batch = if load.ubatch == 0 { batch } else { load.ubatch.min(batch) }.max(1);
        let padded = pad(asked);
        let (streams, full) = if load.kv_unified { (1, padded) } else { (slots, pad(padded / slots)) };
        let windows = model.shape.window.saturating_mul(if load.kv_unified { slots } else { 1 });
        let window = if load.swa_full { full } else { pad(full.min(windows.saturating_add(batch))) };
        Self { streams, full, window, batch, context: full.saturating_mul(streams) }
    }

    pub(super) fn of_layer(&self, windowed: bool) -> u64 {
        if windowed { self.window } else { self.full }
    }
}

fn pad(tokens: u64) -> u64 {
    tokens.max(1).checked_next_multiple_of(STEP).unwrap_or(u64::MAX / STEP * STEP)
}

/// Bytes of `rows` rows of `elements` elements (`ggml_row_size`).
fn rows(kind: TensorType, elements: u64, rows: u64) -> u64 {
    let block = kind.block_elements().unwrap_or(1);
    let unit = kind.block_bytes().unwrap_or(4);
    (elements / block).saturating_mul(unit).saturating_mul(rows)
}

/// Adds keys and values, each layer's where the layer is (`llama_kv_cache::llama_kv_cache`).
pub(super) fn add_kv(model: &MemoryModel, load: &Load, placement: &Placement, cells: &Cells, to: &mut Usage) {
    for (il, layer) in model.layers.iter().enumerate().filter(|(_, layer)| has_cache(model, layer)) {
        let length = cells.of_layer(layer.windowed).saturating_mul(cells.streams);
        let keys = rows(load.cache_type_k, layer.key_elements(), length);
        // Latent attention reads values from the keys.
        let values = if model.shape.latent {
            0
        } else {
            rows(load.cache_type_v, value_elements(model, load, il), length)
        };
        // Sparse attention keeps keys of its indexer, too (`llama_kv_cache_dsa`).
        let indexer = match layer.find("indexer.attn_k.weight") {
            Some(_) => rows(load.cache_type_k, model.shape.indexer_keys, length),
            None => 0,
        };
        let device = placement.layer(il).filter(|_| load.kv_offload);
        let part = to.part(device);
        part.kv_cache = [keys, values, indexer].into_iter().fold(part.kv_cache, u64::saturating_add);
    }
}

/// Layers without attention have a cache of no keys, but without flash attention of values (deci.cpp).
fn has_cache(model: &MemoryModel, layer: &Layer) -> bool {
    layer.attends || model.is(&["deci"])
}

/// Elements of values for one token. Without flash attention values are kept transposed, and then all
/// layers are made as wide as the widest (`TAG_V_CACHE_VARIABLE` in llama-kv-cache.cpp).
pub(super) fn value_elements(model: &MemoryModel, load: &Load, il: usize) -> u64 {
    let own = model.layers[il].value_elements();
    if uses_flash(model, load) { own } else { widest_value(model) }
}

/// Whether flash attention is used: Grok refuses it (`llama_init_from_model` in llama-context.cpp).
pub(super) fn uses_flash(model: &MemoryModel, load: &Load) -> bool {
    load.flash_attention && !model.is(&["grok"])
}

pub(super) fn widest_value(model: &MemoryModel) -> u64 {
    model.layers.iter().map(Layer::value_elements).max().unwrap_or(0)
}

/// Adds the states of recurrent layers, 32-bit floats for each slot
/// (`llama_memory_recurrent::llama_memory_recurrent`).
pub(super) fn add_recurrent(model: &MemoryModel, load: &Load, placement: &Placement, to: &mut Usage) {
    for (il, layer) in model.layers.iter().enumerate() {
        let Some((conv, scan)) = layer.recurrent else {
            continue;
        };
        let bytes = conv.saturating_add(scan).saturating_mul(4).saturating_mul(load.parallel.max(1));
        let device = placement.layer(il).filter(|_| load.kv_offload);
        let part = to.part(device);
        part.recurrent_state = part.recurrent_state.saturating_add(bytes);
    }
}
