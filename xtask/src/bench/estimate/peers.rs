//! The formulas that others use.

use super::grid::{Cache, Settings};
use super::predict::{Bytes, Prediction, Subject};

/// The original's: a fifth more than the device's share of the file; nothing for the context.
pub(super) fn original(model: &Subject, settings: &Settings) -> Prediction {
    let weights = model.file_bytes * 6 / 5 * u64::from(settings.gpu_layers) / (model.blocks() + 1);
    Prediction { device: Some(Bytes { weights, ..Bytes::default() }), host: None }
}

/// The file, and keys and values in every layer for all of the context, both shared out by layers.
pub(super) fn file_and_naive_cache(model: &Subject, settings: &Settings) -> Prediction {
    let figure = |key: &str| model.header.arch_u64(key);
    let heads = figure("attention.head_count").unwrap_or(0);
    let heads_kv = figure("attention.head_count_kv").unwrap_or(heads);
    let head = figure("embedding_length").unwrap_or(0).checked_div(heads).unwrap_or(0);
    let elements = 2 * model.blocks() * heads_kv * head * u64::from(settings.context);
    let cache = match settings.cache {
        Cache::F16 => elements * 2,
        // 32 elements take 34 bytes.
        Cache::Q8 => elements / 32 * 34,
    };
    let layers = model.blocks() + 1;
    let share = |bytes: u64, layers_here: u64| bytes / layers * layers_here;
    let part = |layers_here| {
        let weights = share(model.file_bytes, layers_here);
        Some(Bytes { weights, cache: share(cache, layers_here), compute: 0 })
    };
    let on_device = u64::from(settings.gpu_layers);
    Prediction { device: part(on_device), host: part(layers.saturating_sub(on_device)) }
}
