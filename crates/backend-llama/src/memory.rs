//! What a plan takes: the settings in the words of [`loadmaster_gguf::memory`], which models llama.cpp,
//! and its answer as an [`Estimate`].
//!
//! To what that computes come the process itself, as measured by `cargo xtask bench loads`, and the
//! prompt cache.

use loadmaster_core::{DeviceEstimate, DeviceId, Estimate, EstimateSource};
use loadmaster_gguf::{
    Header, TensorType,
    memory::{Accelerator, Load, MemoryModel, Part, Repack},
};

use crate::settings::{CacheType, FlashAttention, Settings};

/// How far off the prediction may be, in percent of the whole. Against the server's own figures it
/// is within 2 %; drivers round up on top.
const MARGIN_PERCENT: u8 = 3;

/// What the process takes beside its buffers, in bytes: 33 MiB of heap, threads and relocations once a
/// prompt has filled the context, and 61 MiB of libraries, 36 of them the LLVM that the Vulkan loader
/// maps wherever Mesa's software driver is installed (`cargo xtask bench loads`, on the CPU).
const PROCESS: u64 = 96 << 20;

/// What comes on top with layers on a device, in bytes: 30 MiB of heap for the driver and the pipelines
/// of its shaders, and 18 MiB of libraries (the same, on llvmpipe, whose compiled shaders come on top).
const DRIVER: u64 = 48 << 20;

/// What Vulkan promises for one tensor on GPUs (`maxStorageBufferRange`).
const VULKAN_TENSOR: u64 = u32::MAX as u64;

/// The figures of a model that its memory depends on.
#[derive(Debug, Clone)]
pub struct ModelShape {
    /// Tokens that it was trained on.
    pub trained_context: Option<u64>,
    memory: MemoryModel,
}

impl ModelShape {
    /// Reads the figures of a header.
    pub fn of(header: &Header) -> Self {
        Self { trained_context: header.arch_u64("context_length"), memory: MemoryModel::of(header) }
    }

    /// Layers of the model, without the output layer.
    pub fn layers(&self) -> u32 {
        u32::try_from(self.memory.layer_count()).unwrap_or(u32::MAX)
    }
}

/// Estimates what `settings` take, per device.
pub fn estimate(shape: &ModelShape, settings: &Settings) -> Estimate {
    let usage = shape.memory.predict(&load(settings));
    let gpu = settings.device.as_deref().zip(usage.devices.first());
    let mut devices: Vec<_> = gpu.map(|(id, part)| device(DeviceId::from(id), part)).into_iter().collect();
    let mut host = device(DeviceId::host(), &usage.host);
    let process = if gpu.is_some() { PROCESS + DRIVER } else { PROCESS };
    host.other = host.other.saturating_add(process).saturating_add(settings.prompt_cache);
    devices.push(host);
    Estimate { source: EstimateSource::Computed, margin_percent: MARGIN_PERCENT, devices }
}

fn device(id: DeviceId, part: &Part) -> DeviceEstimate {
    DeviceEstimate {
        weights: part.weights,
        kv_cache: part.kv_cache.saturating_add(part.recurrent_state),
        compute: part.compute,
        other: part.output,
        mapped: part.mapped,
        ..DeviceEstimate::on(id)
    }
}

/// The settings in the memory model's words.
fn load(settings: &Settings) -> Load {
    let offloads = settings.gpu_layers > 0 && settings.device.is_some();
    let extra = |names: &[&str]| {
        let given = |flag: &str| names.contains(&flag.trim_start_matches('-'));
        settings.extra.iter().find(|(flag, _)| given(flag)).map(|(_, value)| value.to_string())
    };
    let has = |names: &[&str]| extra(names).is_some();
    let mut accelerator = accelerator(settings.server_device.as_deref());
    accelerator.op_offload &= !has(&["no-op-offload"]);
    let cpu_moe_layers = match extra(&["n-cpu-moe", "ncmoe"]).and_then(|number| number.parse().ok()) {
        _ if has(&["cpu-moe", "cmoe"]) => u64::MAX,
        number => number.unwrap_or(0),
    };
    Load {
        context_length: settings.context_length.into(),
        parallel: settings.parallel.into(),
        kv_unified: has(&["kv-unified", "kvu"]),
        batch: settings.batch_size.into(),
        ubatch: settings.ubatch_size.into(),
        cache_type_k: tensor_type(settings.cache_type_k),
        cache_type_v: tensor_type(settings.cache_type_v),
        // The server takes flash attention wherever its device can, which are all but a few.
        flash_attention: settings.flash_attention != FlashAttention::Off,
        gpu_layers: if offloads { settings.gpu_layers.into() } else { 0 },
        devices: if offloads { vec![1.0] } else { Vec::new() },
        cpu_moe_layers,
        overrides: Vec::new(),
        swa_full: has(&["swa-full"]),
        repack: if has(&["no-repack", "nr"]) { Repack::Off } else { Repack::of_this_machine() },
        mmap: settings.mmap,
        kv_offload: !has(&["no-kv-offload", "nkvo"]),
        accelerator,
    }
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

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use loadmaster_gguf::Parsed;

    use super::*;
    use crate::settings::ExtraValue;

    pub(crate) fn settings() -> Settings {
        Settings {
            context_length: 8192,
            gpu_layers: 0,
            device: None,
            server_device: None,
            threads: 2,
            parallel: 1,
            cache_type_k: CacheType::F16,
            cache_type_v: CacheType::F16,
            flash_attention: FlashAttention::Auto,
            batch_size: 2048,
            ubatch_size: 512,
            mmap: true,
            prompt_cache: 0,
            extra: BTreeMap::new(),
            start_timeout: 300,
        }
    }

    /// A dense model with 8 KV heads of 128, layers of 10 MiB, and 20 MiB each of embeddings and of output.
    pub(crate) fn shape(layers: u32) -> ModelShape {
        ModelShape::of(&header(layers, 8))
    }

    /// The header of a GGUF file, written by hand: this crate has no other use for a writer.
    fn header(layers: u32, kv_heads: u32) -> Header {
        let numbers = [
            ("context_length", 131_072),
            ("embedding_length", 4096),
            ("block_count", layers),
            ("attention.head_count", 32),
            ("attention.head_count_kv", kv_heads),
            ("vocab_size", 2560),
        ];
        let mut tensors = vec![("token_embd.weight".to_owned(), 2560), ("output.weight".to_owned(), 2560)];
        for layer in 0..layers {
            let of_layer =
                [("attn_q", 256), ("attn_k", 256), ("attn_v", 256), ("ffn_up", 256), ("ffn_gate", 256)];
            tensors.extend(of_layer.map(|(name, rows)| (format!("blk.{layer}.{name}.weight"), rows)));
        }
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        let text = |file: &mut Vec<u8>, text: &str| {
            file.extend((text.len() as u64).to_le_bytes());
            file.extend(text.as_bytes());
        };
        file.extend((tensors.len() as u64).to_le_bytes());
        file.extend((numbers.len() as u64 + 1).to_le_bytes());
        text(&mut file, "general.architecture");
        file.extend(8_u32.to_le_bytes());
        text(&mut file, "llama");
        for (key, number) in numbers {
            text(&mut file, &format!("llama.{key}"));
            file.extend(4_u32.to_le_bytes());
            file.extend(number.to_le_bytes());
        }
        let mut offset = 0_u64;
        for (name, rows) in tensors {
            text(&mut file, &name);
            file.extend(2_u32.to_le_bytes());
            file.extend(4096_u64.to_le_bytes());
            file.extend(u64::to_le_bytes(rows));
            file.extend(1_u32.to_le_bytes());
            file.extend(offset.to_le_bytes());
            offset += 4096 * rows * 2;
        }
        match Header::from_prefix(&file, None) {
            Ok(Parsed::Complete(header)) => *header,
            other => panic!("a whole header: {other:?}"),
        }
    }

    fn with_gpu(gpu_layers: u32) -> Settings {
        let server_device = Some("CUDA0".into());
        Settings { gpu_layers, device: Some("gpu0".into()), server_device, ..settings() }
    }

    #[test]
    fn the_cache_of_llama_3_1_8b_is_exact() {
        // 32 layers, 8 KV heads of 128: the server prints 1024 MiB at 8192 tokens.
        assert_eq!(estimate(&shape(32), &settings()).devices[0].kv_cache, 1 << 30);
        let quantised =
            Settings { cache_type_k: CacheType::Q8_0, cache_type_v: CacheType::Q8_0, ..settings() };
        assert_eq!(estimate(&shape(32), &quantised).devices[0].kv_cache, (1 << 30) / 64 * 34);
    }

    #[test]
    fn offloading_moves_bytes_and_loses_none() {
        let model = shape(10);
        for gpu_layers in 0..=12 {
            let estimate = estimate(&model, &with_gpu(gpu_layers));
            let sum = |part: fn(&DeviceEstimate) -> u64| estimate.devices.iter().map(part).sum::<u64>();
            assert_eq!(sum(|d| d.weights), 140 << 20, "at {gpu_layers} layers");
            assert_eq!(sum(|d| d.kv_cache), 10 * 8192 * 2048 * 2, "at {gpu_layers} layers");
        }
    }

    #[test]
    fn the_output_layer_goes_first_and_embeddings_stay() {
        let weights = |gpu_layers| estimate(&shape(10), &with_gpu(gpu_layers)).devices[0].weights >> 20;
        assert_eq!((weights(1), weights(2), weights(11), weights(99)), (20, 30, 120, 120));
    }

    #[test]
    fn mapped_weights_are_told_from_resident_ones() {
        let host = |mmap| {
            let plan = Settings { mmap, prompt_cache: 7, ..settings() };
            estimate(&shape(10), &plan).devices.pop().unwrap()
        };
        assert_eq!((host(true).mapped >> 20, host(false).mapped), (140, 0));
        // The process, the prompt cache, and a row of logits.
        assert_eq!(host(true).other, PROCESS + 7 + 2560 * 4);
    }

    #[test]
    fn flags_of_the_server_are_heeded() {
        let plan = |flag: &str| Settings {
            extra: BTreeMap::from([(flag.to_owned(), ExtraValue::Switch(()))]),
            ..with_gpu(99)
        };
        let cache = |flag| estimate(&shape(4), &plan(flag)).devices[0].kv_cache;
        assert_eq!((cache("seed") >> 20, cache("--no-kv-offload")), (128, 0));
    }

    #[test]
    fn absurd_headers_do_not_overflow() {
        let model = ModelShape::of(&header(3, u32::MAX));
        let plan = Settings { flash_attention: FlashAttention::Off, context_length: u32::MAX, ..settings() };
        assert!(estimate(&model, &plan).devices[0].total() > 1 << 60);
    }
}
