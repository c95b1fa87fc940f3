//! The settings of a plan in the words of [`loadmaster_gguf::memory`].

use loadmaster_gguf::{
    TensorType,
    memory::{Accelerator, Load, Override, Repack},
};

use super::ModelShape;
use crate::{
    settings::{CacheType, FlashAttention, Settings},
    ways::TensorOverride,
};

/// What Vulkan promises for one tensor on GPUs (`maxStorageBufferRange`).
const VULKAN_TENSOR: u64 = u32::MAX as u64;

/// The settings in the memory model's words.
pub(super) fn load(shape: &ModelShape, settings: &Settings) -> Load {
    let offloads = settings.gpu_layers > 0 && !settings.devices.is_empty();
    let ways = &settings.ways;
    let mut accelerator = accelerator(settings.server_devices.first().map(String::as_str));
    accelerator.op_offload &= ways.op_offload;
    Load {
        context_length: settings.context_length.into(),
        parallel: settings.parallel.into(),
        kv_unified: ways.kv_unified,
        batch: settings.batch_size.into(),
        ubatch: settings.ubatch_size.into(),
        cache_type_k: tensor_type(settings.cache_type_k),
        cache_type_v: tensor_type(settings.cache_type_v),
        // The server takes flash attention wherever its device can, which are all but a few.
        flash_attention: settings.flash_attention != FlashAttention::Off,
        gpu_layers: if offloads { settings.gpu_layers.into() } else { 0 },
        devices: shares(settings),
        cpu_moe_layers: ways.cpu_moe_layers.into(),
        overrides: ways.override_tensors.iter().filter_map(|one| tensor_override(one, settings)).collect(),
        swa_full: ways.swa_full,
        repack: if ways.repack { Repack::of_this_machine() } else { Repack::Off },
        mmap: settings.mmap,
        kv_offload: ways.kv_offload,
        accelerator,
        adapters: shape.companions.adapters.clone(),
        outputs_per_slot: outputs_per_slot(settings),
        dry_run: false,
    }
}

/// What each device is to have of the layers.
fn shares(settings: &Settings) -> Vec<f64> {
    match settings.devices.as_slice() {
        [] => Vec::new(),
        [_] => vec![1.0],
        several => {
            let mut shares = settings.tensor_split.clone();
            shares.resize(several.len(), 0.0);
            shares
        }
    }
}

/// The planner has compiled the pattern before, so that this has one in all plans of ours.
fn tensor_override(one: &TensorOverride, settings: &Settings) -> Option<Override> {
    let device = settings.devices.iter().position(|id| *id == one.device);
    Override::new(&one.pattern, device).ok()
}

/// A draft model has the sizes of the model that it drafts for, a cache of 16-bit floats, and none of
/// its overrides (`common_base_params_to_speculative` in llama.cpp's common/speculative.cpp).
pub(super) fn draft_load(settings: &Settings) -> Option<Load> {
    let draft = settings.ways.draft.as_ref()?;
    let plain = ModelShape::default();
    Some(Load {
        gpu_layers: if settings.devices.is_empty() { 0 } else { draft.gpu_layers.into() },
        cache_type_k: TensorType::F16,
        cache_type_v: TensorType::F16,
        cpu_moe_layers: 0,
        overrides: Vec::new(),
        outputs_per_slot: 1,
        ..load(&plain, settings)
    })
}

/// Rows of output that a slot may ask for at once: one for text, one more for each drafted token, and
/// all of them for embeddings and rankings.
fn outputs_per_slot(settings: &Settings) -> u64 {
    const OF_ALL_TOKENS: [&str; 4] = ["embedding", "embeddings", "rerank", "reranking"];
    let asked = |flag: &String| OF_ALL_TOKENS.contains(&flag.trim_start_matches('-'));
    if settings.extra.keys().any(asked) {
        return u64::MAX;
    }
    settings.ways.draft.as_ref().map_or(1, |draft| u64::from(draft.tokens).saturating_add(1))
}

/// What a device can do, told by the name that the server has for it.
fn accelerator(server_device: Option<&str>) -> Accelerator {
    let is = |prefixes: &[&str]| {
        server_device.is_some_and(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
    };
    if is(&["CUDA", "ROCm", "HIP", "MUSA"]) {
        Accelerator::CUDA
    } else if is(&["Vulkan"]) {
        Accelerator::vulkan(VULKAN_TENSOR)
    } else if is(&["Metal", "MTL"]) {
        Accelerator::METAL
    } else {
        Accelerator::PLAIN
    }
}

fn tensor_type(kind: CacheType) -> TensorType {
    match kind {
        CacheType::F32 => TensorType::F32,
        CacheType::F16 => TensorType::F16,
        CacheType::Bf16 => TensorType::BF16,
        CacheType::Q8_0 => TensorType::Q8_0,
        CacheType::Q5_1 => TensorType::Q5_1,
        CacheType::Q5_0 => TensorType::Q5_0,
        CacheType::Q4_1 => TensorType::Q4_1,
        CacheType::Q4_0 => TensorType::Q4_0,
        CacheType::Iq4Nl => TensorType::IQ4_NL,
    }
}
