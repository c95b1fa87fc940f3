//! What kind of layer each one is: what it keeps of the tokens before, and how far it looks back.

use std::collections::BTreeMap;

use super::model::{MemoryModel, Shape};
use crate::{header::Header, layers::PerLayer, value::Value};

/// One layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    /// Places of its tensors in [`MemoryModel::weights`], by what follows `blk.N.` in their names.
    tensors: BTreeMap<String, usize>,
    pub(super) heads: u64,
    pub(super) kv_heads: u64,
    pub(super) key: u64,
    pub(super) value: u64,
    /// Whether it looks back no farther than the sliding window.
    pub(super) windowed: bool,
    /// Whether it has a cache of keys and values of its own.
    pub(super) attends: bool,
    /// Whether it attends with the cache of an earlier layer.
    pub(super) reuses: Option<usize>,
    /// Elements of its recurrent state: of the convolution, and of the scan.
    pub(super) recurrent: Option<(u64, u64)>,
    pub(super) experts_used: u64,
}

impl Layer {
    pub(super) fn add(&mut self, name: &str, at: usize) {
        self.tensors.insert(name.to_owned(), at);
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.tensors.get(name).copied()
    }

    pub(super) fn tensors(&self) -> impl Iterator<Item = (&str, usize)> {
        self.tensors.iter().map(|(name, &at)| (name.as_str(), at))
    }

    /// Elements of keys that the cache keeps for one token.
    pub(super) fn key_elements(&self) -> u64 {
        self.key.saturating_mul(self.kv_heads)
    }

    /// Elements of values that the cache keeps for one token.
    pub(super) fn value_elements(&self) -> u64 {
        self.value.saturating_mul(self.kv_heads)
    }
}

/// More experts than this are refused by llama.cpp (`LLAMA_MAX_EXPERTS`).
const MOST_EXPERTS: u64 = 512;

pub(super) fn layers(header: &Header, shape: &Shape, count: usize) -> Vec<Layer> {
    let each = |path: &str| header.arch_per_layer(path);
    let heads = each("attention.head_count");
    let kv_heads = each("attention.head_count_kv").or_else(|| heads.clone());
    let experts_used = each("expert_used_count");
    let at = |of: &Option<PerLayer>, layer: usize| of.as_ref().and_then(|of| of.get(layer)).unwrap_or(0);
    let head = shape.embedding.checked_div(at(&heads, 0)).unwrap_or(0);
    let length = |path: &str, other: u64| header.arch_u64(path).unwrap_or(other);
    let key = length("attention.key_length", head);
    let value = length("attention.value_length", head);
    let (key_swa, value_swa) =
        (length("attention.key_length_swa", key), length("attention.value_length_swa", value));
    let windows = Windows::of(header, shape);
    let own_cache = layers_with_cache(header, shape, count);
    let normal = count.saturating_sub(usize::try_from(shape.extra_layers).unwrap_or(usize::MAX));
    (0..count)
        .map(|il| {
            // Of layers for further tokens only those that are listed slide (`set_swa_pattern`).
            let windowed = windows.has(il) && (il < normal || matches!(windows, Windows::Listed(_)));
            // Layers without a cache of their own read the last one of their kind that has one
            // (the reuse callback of `llama_model::create_memory`).
            let reuses = (il >= own_cache).then(|| own_cache.saturating_sub(if windowed { 2 } else { 1 }));
            Layer {
                heads: at(&heads, il),
                kv_heads: at(&kv_heads, il),
                key: if windowed { key_swa } else { key },
                value: if windowed { value_swa } else { value },
                windowed,
                attends: (il < normal || shape.extra_cache)
                    && at(&kv_heads, il) > 0
                    && reuses.is_none()
                    && !shape.encoder,
                reuses: reuses.filter(|_| il < normal),
                experts_used: at(&experts_used, il).min(MOST_EXPERTS).min(shape.experts),
                ..Layer::default()
            }
        })
        .collect()
}

/// How many layers, from the first on, have a cache of their own (`n_layer_kv_from_start`).
fn layers_with_cache(header: &Header, shape: &Shape, count: usize) -> usize {
    let shared = header.arch_u64("attention.shared_kv_layers").and_then(|n| usize::try_from(n).ok());
    match (shape.architecture.as_str(), shared) {
        ("gemma4", Some(shared)) => count.saturating_sub(shared),
        ("gemma3n", _) => 20.min(count),
        _ => count,
    }
}

/// Which layers slide: every one but each n-th, or as listed.
enum Windows {
    None,
    Listed(Vec<bool>),
    Period { period: usize, dense_first: bool },
}

impl Windows {
    /// The period of each architecture is a constant in its `load_arch_hparams` (src/models), which
    /// `attention.sliding_window_pattern` replaces (`llama_model_base::load_swa_pattern`).
    fn of(header: &Header, shape: &Shape) -> Self {
        if shape.window == 0 {
            return Self::None;
        }
        if let Some(listed) = header.arch("attention.sliding_window_pattern").and_then(flags) {
            return Self::Listed(listed);
        }
        let (period, dense_first) = match shape.architecture.as_str() {
            "gemma2" | "gpt-oss" => (2, false),
            "gemma3" | "gemma-embedding" => (6, false),
            "gemma3n" => (5, false),
            "cohere2" | "llama4" | "exaone4" | "exaone-moe" | "olmo2" | "afmoe" | "mellum"
            | "muse-glimmer" => (4, false),
            "plamo3" => (8, false),
            "cohere2moe" | "smallthinker" | "laguna" => (4, true),
            "modern-bert" => (3, true),
            // All attention layers slide (lfm2.cpp).
            "lfm2" | "lfm2moe" => (0, false),
            _ => return Self::None,
        };
        let period = match header.arch_u64("attention.sliding_window_pattern") {
            Some(given) => usize::try_from(given).unwrap_or(usize::MAX),
            None => period,
        };
        Self::Period { period, dense_first }
    }

    /// `llama_hparams::set_swa_pattern`.
    fn has(&self, layer: usize) -> bool {
        match self {
            Self::None => false,
            Self::Listed(listed) => listed.get(layer).copied().unwrap_or(false),
            Self::Period { period: 0, .. } => true,
            Self::Period { period, dense_first: true } => !layer.is_multiple_of(*period),
            Self::Period { period, dense_first: false } => layer % period < period - 1,
        }
    }
}

/// An array of truth values, which some files write as numbers.
fn flags(value: &Value) -> Option<Vec<bool>> {
    let array = value.as_array()?;
    let numbers = array.to_u64s().map(|numbers| numbers.into_iter().map(|n| n != 0).collect());
    numbers.or_else(|| Some(array.elements()?.as_bools()?.to_vec()))
}

/// The length of the sliding window; 0 where the architecture does not use one.
pub(super) fn window_length(header: &Header, architecture: &str) -> u64 {
    let given = header.arch_u64("attention.sliding_window");
    match architecture {
        "gemma2" => given.unwrap_or(4096),
        "exaone-moe" => given.unwrap_or(128),
        // 32B alone slides: it is the one with 64 layers (exaone4.cpp).
        "exaone4" if header.arch_u64("block_count") == Some(64) => given.unwrap_or(4096),
        // Chunks of 8192 tokens whatever the file says, unless it says 0 (llama4.cpp).
        "llama4" if given != Some(0) => 8192,
        "smallthinker" if given.is_some_and(|given| given > 0) => 4096,
        "gemma3" | "gemma3n" | "gemma4" | "gemma-embedding" | "gpt-oss" | "cohere2" | "cohere2moe"
        | "olmo2" | "mimo2" | "plamo3" | "step35" | "afmoe" | "modern-bert" | "mellum" | "laguna"
        | "lfm2" | "lfm2moe" | "muse-glimmer" | "granite-swa" | "maple" => given.unwrap_or(0),
        // Phi 3 and the rest of them do not use theirs (phi3.cpp), so the whole context is kept.
        _ => 0,
    }
}

/// Finds the layers with a recurrent state. Sizes are `llama_hparams::n_embd_r` and `n_embd_s`.
pub(super) fn mark_recurrent(model: &mut MemoryModel) {
    let kinds: Vec<_> = (0..model.layers.len()).map(|il| recurrent_state(model, il)).collect();
    let both = model.is(&["falcon-h1"]);
    for (layer, state) in model.layers.iter_mut().zip(kinds) {
        layer.recurrent = state;
        layer.attends &= state.is_none() || both;
    }
}

/// Elements of the states of a layer, judged by the tensors it has.
fn recurrent_state(model: &MemoryModel, il: usize) -> Option<(u64, u64)> {
    let (shape, layer) = (&model.shape, &model.layers[il]);
    let kernel = shape.conv_kernel.saturating_sub(1);
    if layer.find("shortconv.conv.weight").is_some() {
        let rows = layer.find("shortconv.conv.weight").map_or(1, |at| model.weights[at].ne[0]);
        return Some((shape.embedding.saturating_mul(rows.saturating_sub(1)), 0));
    }
    if shape.wkv_head > 0 {
        let shifts = shape.embedding.saturating_mul(shape.token_shifts);
        return Some((shifts, shape.embedding.saturating_mul(shape.wkv_head)));
    }
    if layer.find("ssm_conv1d_q.weight").is_some() {
        // Kimi's delta attention: one convolution each for queries, keys and values.
        let head = model.kda_head();
        let inner = layer.heads.saturating_mul(head);
        return Some((inner.saturating_mul(3).saturating_mul(kernel.max(1)), inner.saturating_mul(head)));
    }
    if layer.find("ssm_conv1d.weight").is_some() || layer.find("ssm_a").is_some() {
        let both = shape.groups.saturating_mul(shape.state).saturating_mul(2);
        let conv = kernel.saturating_mul(shape.inner.saturating_add(both));
        return Some((conv, shape.state.saturating_mul(shape.inner)));
    }
    None
}

impl MemoryModel {
    /// Head length of Kimi's delta attention, from its forget gate.
    fn kda_head(&self) -> u64 {
        self.layers
            .iter()
            .find_map(|layer| layer.find("ssm_f_a.weight"))
            .map_or(128, |at| self.weights[at].ne[1])
    }
}
