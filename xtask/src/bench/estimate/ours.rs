//! Our own prediction: `loadmaster_gguf::memory`, from the header alone.

use loadmaster_gguf::TensorType;
use loadmaster_gguf::memory::{self, Load, MemoryModel, Part, Repack};

use super::grid::{Accelerator, Cache, Settings};
use super::predict::{Bytes, Prediction, Subject};

/// The largest buffer that llvmpipe gives out, in bytes (its `maxStorageBufferRange`).
const LLVMPIPE_BUFFER: u64 = 128 << 20;

pub(super) fn predict(model: &Subject, settings: &Settings) -> Prediction {
    let usage = MemoryModel::of(&model.header).predict(&load(settings));
    Prediction { device: usage.devices.first().map(bytes), host: Some(bytes(&usage.host)) }
}

/// What the engine's breakdown counts of a part: it leaves the output buffer out.
pub(super) fn bytes(part: &Part) -> Bytes {
    Bytes { weights: part.weights, cache: part.kv_cache + part.recurrent_state, compute: part.compute }
}

/// The settings as the dry run has them: it maps nothing.
pub(super) fn load(settings: &Settings) -> Load {
    let cache = match settings.cache {
        Cache::F16 => TensorType::F16,
        Cache::Q8 => TensorType::Q8_0,
    };
    let is_vulkan = settings.accelerator == Accelerator::Vulkan;
    Load {
        context_length: settings.context.into(),
        parallel: settings.slots.into(),
        kv_unified: settings.unified,
        ubatch: settings.micro_batch.into(),
        cache_type_k: cache,
        cache_type_v: cache,
        flash_attention: settings.flash_attention,
        gpu_layers: settings.gpu_layers.into(),
        devices: if settings.accelerator == Accelerator::None { Vec::new() } else { vec![1.0] },
        // The engine that was asked runs on this machine.
        repack: Repack::of_this_machine(),
        accelerator: if is_vulkan {
            memory::Accelerator::vulkan(LLVMPIPE_BUFFER)
        } else {
            memory::Accelerator::PLAIN
        },
        mmap: false,
        dry_run: true,
        ..Load::default()
    }
}
