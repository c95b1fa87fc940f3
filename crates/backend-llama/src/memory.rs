//! What a plan takes, computed from the model's header.
//!
//! Sources of the formulas, with llama.cpp b10434:
//!
//! * **Weights**: the bytes of the tensor table. The last layers go to the GPU first, and the
//!   output matrix counts as one more layer; token embeddings stay on the host, and are loaded a
//!   second time as output matrix where a model ties the two.
//! * **KV cache**: layers x context x KV heads x head length x bytes of the cache type, for keys and
//!   for values. The context is padded to 256 tokens for each slot. Exact for full attention
//!   (SmolLM2 at 2048 tokens: 45.00 MiB, as the server prints).
//! * **Compute buffer**: fitted to what the server reported for Llama 2 7B and 13B, Llama 3.1 8B,
//!   Gemma 3 12B, Phi 3 mini, Qwen 3 30B-A3B and SmolLM2; within 15 % for these.
//! * **Other**: the process itself, 32 MiB (SmolLM2: 238 MB resident, of which 157 MB are mapped
//!   files, 45 MiB cache and 16 MiB compute), and the prompt cache.

use loadmaster_core::{DeviceEstimate, DeviceId, Estimate, EstimateSource};
use loadmaster_gguf::{Header, PerLayer, TensorType, WeightSizes};

use crate::settings::{CacheType, FlashAttention, Settings};

/// How far off the compute buffer may be, and sliding windows that this form does not know, in
/// percent of the whole.
const MARGIN_PERCENT: u8 = 5;

/// What the process takes beside its buffers, in bytes.
const PROCESS: u64 = 32 << 20;

/// The cache is laid out in steps of so many tokens (`GGML_PAD(n_ctx, 256)` in llama-context.cpp).
const CONTEXT_STEP: u64 = 256;

/// The figures of a model that its memory depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelShape {
    /// Tokens that it was trained on.
    pub trained_context: Option<u64>,
    /// Bytes of its tensors.
    pub weights: WeightSizes,
    /// For each layer, elements of keys and of values for one token.
    pub kv_elements: Vec<(u64, u64)>,
    /// Elements of the hidden state.
    pub embedding: u64,
    /// Elements of the feed-forward network that one token uses.
    pub feed_forward: u64,
    /// Experts that one token uses; zero without experts.
    pub experts_used: u64,
    /// Attention heads.
    pub heads: u64,
}

impl ModelShape {
    /// Reads the figures of a header; those that a file lacks count as zero.
    pub fn of(header: &Header) -> Self {
        let number = |path: &str| header.arch_u64(path).unwrap_or(0);
        let largest = |path: &str| header.arch_per_layer(path).and_then(|each| each.max()).unwrap_or(0);
        let experts_used = number("expert_used_count");
        let expert_width = match number("expert_feed_forward_length") {
            0 => largest("feed_forward_length"),
            width => width,
        };
        Self {
            trained_context: header.arch_u64("context_length"),
            weights: WeightSizes::of(header),
            kv_elements: kv_elements(header),
            embedding: number("embedding_length"),
            feed_forward: match experts_used {
                0 => largest("feed_forward_length"),
                used => used.saturating_mul(expert_width),
            },
            experts_used,
            heads: largest("attention.head_count"),
        }
    }

    /// Layers of the model, without the output layer.
    pub fn layers(&self) -> u32 {
        u32::try_from(self.kv_elements.len()).unwrap_or(u32::MAX)
    }
}

fn kv_elements(header: &Header) -> Vec<(u64, u64)> {
    let heads = header.arch_per_layer("attention.head_count");
    let kv_heads = header.arch_per_layer("attention.head_count_kv").or_else(|| heads.clone());
    let head_length = {
        let heads = heads.as_ref().and_then(PerLayer::max).unwrap_or(0);
        header.arch_u64("embedding_length").unwrap_or(0).checked_div(heads).unwrap_or(0)
    };
    let key_length = header.arch_u64("attention.key_length").unwrap_or(head_length);
    let value_length = header.arch_u64("attention.value_length").unwrap_or(head_length);
    let layers = WeightSizes::of(header).layer_bytes.len();
    let of_layer = |layer| {
        let kv_heads = kv_heads.as_ref().and_then(|heads| heads.get(layer)).unwrap_or(0);
        (kv_heads.saturating_mul(key_length), kv_heads.saturating_mul(value_length))
    };
    (0..layers).map(of_layer).collect()
}

/// Which part of the model lies on the GPU.
#[derive(Debug, Clone, Copy)]
struct Offload {
    /// The first layer on the GPU.
    first: usize,
    /// Whether the output matrix lies there.
    output: bool,
}

impl Offload {
    fn of(shape: &ModelShape, settings: &Settings) -> Self {
        let layers = shape.kv_elements.len();
        let asked = settings.gpu_layers as usize;
        // The output layer is the last one, so it is the first to be offloaded.
        Self { first: layers - asked.saturating_sub(1).min(layers), output: asked > 0 }
    }
}

/// Estimates what `settings` take, per device.
pub fn estimate(shape: &ModelShape, settings: &Settings) -> Estimate {
    let offload = Offload::of(shape, settings);
    let mut host = DeviceEstimate::on(DeviceId::host());
    host.other = PROCESS.saturating_add(settings.prompt_cache);
    let mut devices = Vec::new();
    if let Some(id) = settings.device.as_deref().filter(|_| settings.gpu_layers > 0) {
        let mut gpu = DeviceEstimate::on(DeviceId::from(id));
        gpu.weights = gpu_weights(&shape.weights, offload);
        gpu.kv_cache = kv_cache(shape, settings, offload.first..shape.kv_elements.len());
        gpu.compute = compute_buffer(shape, settings);
        devices.push(gpu);
    }
    let copied =
        if offload.output && shape.weights.tied_output { shape.weights.token_embedding_bytes } else { 0 };
    let on_gpu: u64 = devices.iter().map(|gpu| gpu.weights).sum();
    host.weights = shape.weights.total_bytes.saturating_add(copied).saturating_sub(on_gpu);
    host.mapped =
        if settings.mmap { host.weights.saturating_sub(repacked(&shape.weights, offload)) } else { 0 };
    host.kv_cache = kv_cache(shape, settings, 0..offload.first);
    host.compute =
        if devices.is_empty() { compute_buffer(shape, settings) } else { input_buffers(shape, settings) };
    devices.push(host);
    Estimate { source: EstimateSource::Computed, margin_percent: MARGIN_PERCENT, devices }
}

fn gpu_weights(weights: &WeightSizes, offload: Offload) -> u64 {
    let layers: u64 = weights.layer_bytes.iter().skip(offload.first).sum();
    let embedding = if weights.tied_output { weights.token_embedding_bytes } else { 0 };
    let output = if offload.output { weights.output_bytes.saturating_add(embedding) } else { 0 };
    layers.saturating_add(output)
}

/// Bytes that the CPU keeps in another layout, outside the mapped file: llama.cpp repacks the types
/// that it has faster kernels for.
fn repacked(weights: &WeightSizes, offload: Offload) -> u64 {
    let repackable = |kind: TensorType| {
        use TensorType::{IQ4_NL, MXFP4, Q2_K, Q4_0, Q4_K, Q5_K, Q6_K, Q8_0};
        matches!(kind, Q4_0 | Q4_K | Q2_K | Q5_K | Q6_K | Q8_0 | IQ4_NL | MXFP4)
    };
    let bytes: u64 = weights.by_type.iter().filter(|t| repackable(t.kind)).map(|t| t.bytes).sum();
    let on_host: u64 = weights.layer_bytes.iter().take(offload.first).sum();
    bytes.min(on_host)
}

fn kv_cache(shape: &ModelShape, settings: &Settings, layers: std::ops::Range<usize>) -> u64 {
    let slots = u64::from(settings.parallel.max(1));
    let context = u64::from(settings.context_length).div_ceil(slots).next_multiple_of(CONTEXT_STEP) * slots;
    let bytes = |elements: u64, kind: CacheType| {
        u128::from(context) * u128::from(elements) * u128::from(kind.bytes_per_32()) / 32
    };
    let of_layer = |(keys, values): &(u64, u64)| {
        bytes(*keys, settings.cache_type_k) + bytes(*values, settings.cache_type_v)
    };
    let total: u128 = shape.kv_elements.get(layers).unwrap_or_default().iter().map(of_layer).sum();
    u64::try_from(total).unwrap_or(u64::MAX)
}

/// Bytes of the graph's buffers for one physical batch: activations, the attention mask (4 bytes for
/// each token of the context), and, without flash attention, the scores of all heads.
fn compute_buffer(shape: &ModelShape, settings: &Settings) -> u64 {
    let scores = match settings.flash_attention {
        FlashAttention::Off => shape.heads,
        FlashAttention::On | FlashAttention::Auto => 0,
    };
    // Saturating, because a header may claim anything. 1.75 and 3.1: see the module's documentation.
    let wide = |number: u64| u128::from(number);
    let activations = (wide(shape.embedding) * 175 / 100)
        .saturating_add(wide(shape.feed_forward) * 310 / 100)
        .saturating_add(wide(shape.experts_used).saturating_mul(wide(shape.embedding)));
    let attention = u128::from(settings.context_length).saturating_mul(wide(scores).saturating_add(1));
    let per_token = activations.saturating_add(attention).saturating_mul(4);
    let bytes = u128::from(settings.ubatch_size).saturating_mul(per_token);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// What the host keeps of the graph when the layers are on a GPU: the batch's embeddings and mask.
fn input_buffers(shape: &ModelShape, settings: &Settings) -> u64 {
    let per_token = u64::from(settings.context_length).saturating_add(shape.embedding).saturating_mul(4);
    u64::from(settings.ubatch_size).saturating_mul(per_token)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MIB: f64 = 1_048_576.0;

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

    /// A dense model of `layers` layers of 10 MiB with 20 MiB of embeddings and of output.
    pub(crate) fn shape(layers: usize) -> ModelShape {
        let layer_bytes = vec![10 << 20; layers];
        let total_bytes = (layers as u64 * 10 + 40) << 20;
        ModelShape {
            trained_context: Some(131_072),
            weights: WeightSizes {
                layer_bytes,
                token_embedding_bytes: 20 << 20,
                output_bytes: 20 << 20,
                total_bytes,
                ..WeightSizes::default()
            },
            kv_elements: vec![(1024, 1024); layers],
            embedding: 4096,
            feed_forward: 14_336,
            experts_used: 0,
            heads: 32,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "compared within percents")]
    fn mib(bytes: u64) -> f64 {
        bytes as f64 / MIB
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
    fn compute_buffers_are_near_what_the_server_reports() {
        // (embedding, feed-forward used, experts used, MiB reported at context 8192, micro-batch 512)
        for (embedding, feed_forward, experts_used, reported) in [
            (4096, 11_008, 0, 96.0),
            (5120, 13_824, 0, 119.0),
            (4096, 14_336, 0, 116.0),
            (3840, 15_360, 0, 125.0),
            (3072, 8192, 0, 68.0),
            (2048, 6144, 8, 92.0),
        ] {
            let model = ModelShape { embedding, feed_forward, experts_used, ..shape(32) };
            let predicted = mib(compute_buffer(&model, &settings()));
            assert!((predicted / reported - 1.0).abs() < 0.15, "{predicted} for {reported} MiB");
        }
    }

    #[test]
    fn offloading_moves_bytes_and_loses_none() {
        let model = shape(10);
        for gpu_layers in 0..=12 {
            let plan = Settings { gpu_layers, device: Some("gpu0".into()), ..settings() };
            let estimate = estimate(&model, &plan);
            let sum = |part: fn(&DeviceEstimate) -> u64| estimate.devices.iter().map(part).sum::<u64>();
            assert_eq!(sum(|d| d.weights), model.weights.total_bytes, "at {gpu_layers} layers");
            assert_eq!(sum(|d| d.kv_cache), 10 * 8192 * 2048 * 2, "at {gpu_layers} layers");
        }
    }

    #[test]
    fn the_output_layer_goes_first_and_embeddings_stay() {
        let weights = |gpu_layers| {
            let plan = Settings { gpu_layers, device: Some("gpu0".into()), ..settings() };
            estimate(&shape(10), &plan).devices[0].weights >> 20
        };
        assert_eq!((weights(1), weights(2), weights(11), weights(99)), (20, 30, 120, 120));
    }

    #[test]
    fn absurd_headers_do_not_overflow() {
        let model = ModelShape {
            kv_elements: vec![(u64::MAX, u64::MAX); 3],
            embedding: u64::MAX,
            feed_forward: u64::MAX,
            experts_used: 0,
            heads: u64::MAX,
            ..shape(3)
        };
        let plan = Settings { flash_attention: FlashAttention::Off, context_length: u32::MAX, ..settings() };
        assert_eq!(estimate(&model, &plan).devices[0].total(), u64::MAX);
    }
}
