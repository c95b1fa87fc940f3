//! What a plan takes: the settings in the words of [`loadmaster_gguf::memory`], which models llama.cpp,
//! and its answer as an [`Estimate`].
//!
//! To what that computes come the process itself, as measured by `cargo xtask bench loads`, and the
//! prompt cache.

mod load;

use loadmaster_core::{DeviceEstimate, DeviceId, Estimate, EstimateSource};
use loadmaster_gguf::{
    Array, Header,
    memory::{MemoryModel, Part, Usage},
};

use self::load::{draft_load, load};
use crate::{companions::Companions, settings::Settings};

/// How far off the prediction may be, in percent of the whole. Against the server's own figures it
/// is within 2 %; drivers round up on top.
const MARGIN_PERCENT: u8 = 3;

/// The same for an architecture whose predictions nobody has compared with the server's figures. The
/// worst of those that were compared for the first time was 8 % off, with few exceptions.
const UNVERIFIED_MARGIN_PERCENT: u8 = 10;

/// What the process takes beside its buffers, in bytes: 33 MiB of heap, threads and relocations once a
/// prompt has filled the context, and 61 MiB of libraries, 36 of them the LLVM that the Vulkan loader
/// maps wherever Mesa's software driver is installed (`cargo xtask bench loads`, on the CPU).
const PROCESS: u64 = 96 << 20;

/// What comes on top with layers on a device, in bytes: 30 MiB of heap for the driver and the pipelines
/// of its shaders, and 18 MiB of libraries (the same, on llvmpipe, whose compiled shaders come on top).
const DRIVER: u64 = 48 << 20;

/// The figures of a model that its memory depends on.
#[derive(Debug, Clone, Default)]
pub struct ModelShape {
    /// Tokens that it was trained on.
    pub trained_context: Option<u64>,
    /// The architecture, and how many tokens it knows.
    vocabulary: Option<(String, u64)>,
    memory: MemoryModel,
    companions: Companions,
}

impl ModelShape {
    /// Reads the figures of a header.
    pub fn of(header: &Header) -> Self {
        let tokens = header.metadata().get_array("tokenizer.ggml.tokens").map(Array::count);
        Self {
            trained_context: header.arch_u64("context_length"),
            vocabulary: header.architecture().map(str::to_owned).zip(tokens),
            memory: MemoryModel::of(header),
            companions: Companions::default(),
        }
    }

    /// The same with what is loaded beside the model.
    #[must_use]
    pub fn with(self, companions: Companions) -> Self {
        Self { companions, ..self }
    }

    /// Layers of the draft model, without the output layer.
    pub(crate) fn draft_layers(&self) -> u32 {
        let layers = self.companions.draft.as_ref().map_or(0, MemoryModel::layer_count);
        u32::try_from(layers).unwrap_or(u32::MAX)
    }

    /// The architecture, and the tokens of the vocabulary that the file has, if it has one.
    pub(crate) fn vocabulary(&self) -> Option<(&str, u64)> {
        self.vocabulary.as_ref().map(|(architecture, tokens)| (architecture.as_str(), *tokens))
    }

    /// Layers of the model, without the output layer.
    pub fn layers(&self) -> u32 {
        u32::try_from(self.memory.layer_count()).unwrap_or(u32::MAX)
    }
}

/// Estimates what `settings` take, per device.
pub fn estimate(shape: &ModelShape, settings: &Settings) -> Estimate {
    let mut usage = shape.memory.predict(&load(shape, settings));
    if let Some((draft, load)) = shape.companions.draft.as_ref().zip(draft_load(settings)) {
        add_all(&mut usage, &draft.predict(&load));
    }
    if let Some(projector) = &shape.companions.projector {
        let first = usage.devices.first_mut().filter(|_| settings.ways.mmproj_offload);
        let part = first.unwrap_or(&mut usage.host);
        *part = part.plus(&projector.predict());
    }
    let gpus = settings.devices.iter().zip(&usage.devices);
    let mut devices: Vec<_> = gpus.map(|(id, part)| device(DeviceId::from(id.as_str()), part)).collect();
    let mut host = device(DeviceId::host(), &usage.host);
    let process = if settings.devices.is_empty() { PROCESS } else { PROCESS + DRIVER };
    host.other = host.other.saturating_add(process).saturating_add(settings.prompt_cache);
    devices.push(host);
    let margin_percent = if shape.memory.is_verified() { MARGIN_PERCENT } else { UNVERIFIED_MARGIN_PERCENT };
    Estimate { source: EstimateSource::Computed, margin_percent, devices }
}

fn add_all(usage: &mut Usage, more: &Usage) {
    usage.host = usage.host.plus(&more.host);
    for (part, more) in usage.devices.iter_mut().zip(&more.devices) {
        *part = part.plus(more);
    }
}

fn device(id: DeviceId, part: &Part) -> DeviceEstimate {
    DeviceEstimate {
        weights: part.weights,
        kv_cache: part.kv_cache.saturating_add(part.recurrent_state),
        compute: part.compute,
        other: part.output.saturating_add(part.adapters),
        mapped: part.mapped,
        ..DeviceEstimate::on(id)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use loadmaster_gguf::Parsed;

    use super::*;
    use crate::{
        settings::{CacheType, FlashAttention},
        ways::{TensorOverride, Ways},
    };

    pub(crate) fn settings() -> Settings {
        Settings {
            context_length: 8192,
            gpu_layers: 0,
            devices: Vec::new(),
            server_devices: Vec::new(),
            tensor_split: Vec::new(),
            threads: 2,
            parallel: 1,
            cache_type_k: CacheType::F16,
            cache_type_v: CacheType::F16,
            flash_attention: FlashAttention::Auto,
            batch_size: 2048,
            ubatch_size: 512,
            mmap: true,
            prompt_cache: 0,
            ways: Ways::default(),
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
        let server_devices = vec!["CUDA0".into()];
        Settings { gpu_layers, devices: vec!["gpu0".into()], server_devices, ..settings() }
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
    fn ways_of_loading_are_heeded() {
        let at = |change: fn(&mut Settings)| {
            let mut plan = with_gpu(99);
            change(&mut plan);
            estimate(&shape(4), &plan).devices[0].clone()
        };
        assert_eq!((at(|_| ()).kv_cache >> 20, at(|plan| plan.ways.kv_offload = false).kv_cache), (128, 0));
        let overrides = |device: &str| TensorOverride { pattern: "ffn_up".into(), device: device.into() };
        assert_eq!((at(|_| ()).weights >> 20, overrides("host").is_host()), (60, true));
        let without = |plan: &mut Settings| {
            let pattern = "ffn_up".into();
            plan.ways.override_tensors = vec![TensorOverride { pattern, device: "host".into() }];
        };
        assert_eq!(at(without).weights >> 20, 52);
    }

    #[test]
    fn several_devices_share_the_layers() {
        let plan = Settings {
            devices: vec!["gpu0".into(), "gpu1".into()],
            server_devices: vec!["CUDA0".into(), "CUDA1".into()],
            tensor_split: vec![3.0, 1.0],
            ..with_gpu(99)
        };
        let estimate = estimate(&shape(7), &plan);
        let weights: Vec<_> = estimate.devices.iter().map(|d| (d.device.as_str(), d.weights >> 20)).collect();
        assert_eq!(weights, [("gpu0", 60), ("gpu1", 30), ("host", 20)]);
    }

    #[test]
    fn a_draft_model_adds_its_own() {
        let draft = || shape(2).memory;
        let ways = Ways { draft: serde_json::from_str("\"d.gguf\"").unwrap(), ..Ways::default() };
        let plan = Settings { ways, cache_type_k: CacheType::Q8_0, ..with_gpu(99) };
        let alone = estimate(&shape(4), &plan).devices[0].clone();
        let with = shape(4).with(Companions { draft: Some(draft()), ..Companions::default() });
        let both = estimate(&with, &plan).devices[0].clone();
        assert_eq!((both.weights - alone.weights) >> 20, 40);
        // Two layers of 8192 tokens, in 16 bits whatever the model's own cache is in.
        assert_eq!(both.kv_cache - alone.kv_cache, 2 * 8192 * 2048 * 2);
    }

    #[test]
    fn absurd_headers_do_not_overflow() {
        let model = ModelShape::of(&header(3, u32::MAX));
        let plan = Settings { flash_attention: FlashAttention::Off, context_length: u32::MAX, ..settings() };
        assert!(estimate(&model, &plan).devices[0].total() > 1 << 60);
    }
}
