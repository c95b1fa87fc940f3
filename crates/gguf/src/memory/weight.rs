//! One tensor of the model, as the memory model sees it.

use std::borrow::Cow;

use crate::{limits::MAX_LAYERS, tensor::TensorInfo, tensor_type::TensorType};

/// The layer of a tensor, and its name without that. Of models with two halves, as T5, layers begin with
/// `enc.blk.` and `dec.blk.`. A number that no model has is part of the name.
fn layer_and_rest(name: &str) -> (Option<usize>, String) {
    let (half, rest) = match name.split_once(".blk.") {
        Some((half @ ("enc" | "dec"), rest)) => (half, Some(rest)),
        _ => ("", name.strip_prefix("blk.")),
    };
    let parts = rest.and_then(|rest| rest.split_once('.'));
    let number = |text: &str| text.parse().ok().filter(|&layer| layer < MAX_LAYERS);
    match parts.and_then(|(layer, rest)| Some((number(layer)?, rest))) {
        Some((layer, rest)) if half.is_empty() => (Some(layer), rest.to_owned()),
        Some((layer, rest)) => (Some(layer), format!("{half}.{rest}")),
        None => (None, name.to_owned()),
    }
}

#[derive(Debug, Clone)]
pub(super) struct Weight {
    /// The name; of a layer's tensor without `blk.N.`.
    pub(super) name: String,
    pub(super) layer: Option<usize>,
    pub(super) kind: TensorType,
    pub(super) ne: [u64; 4],
    pub(super) bytes: u64,
    /// Where it lies in the file, from the start of the tensor data.
    pub(super) offset: u64,
}

impl Weight {
    pub(super) fn of(tensor: &TensorInfo, bytes: u64) -> Self {
        let mut ne = [1; 4];
        for (to, &from) in ne.iter_mut().zip(&tensor.dims) {
            *to = from;
        }
        let (layer, name) = layer_and_rest(&tensor.name);
        Self { name, layer, kind: tensor.kind, ne, bytes, offset: tensor.offset }
    }

    /// The name in the file.
    pub(super) fn full_name(&self) -> Cow<'_, str> {
        match (self.layer, self.name.split_once('.')) {
            (Some(layer), Some((half @ ("enc" | "dec"), rest))) => {
                Cow::Owned(format!("{half}.blk.{layer}.{rest}"))
            }
            (Some(layer), _) => Cow::Owned(format!("blk.{layer}.{}", self.name)),
            (None, _) => Cow::Borrowed(&self.name),
        }
    }

    /// Dimensions beyond which all are 1 (`ggml_n_dims`).
    pub(super) fn dimensions(&self) -> usize {
        (1..4).rev().find(|&dim| self.ne[dim] > 1).map_or(1, |dim| dim + 1)
    }

    pub(super) fn is_expert(&self) -> bool {
        self.name.contains("_exps.") || self.name.contains("_chexps.")
    }

    /// Whether rows are read by number rather than multiplied with (`llm_tensor_info_for` in
    /// llama-arch.cpp).
    pub(super) fn is_table(&self) -> bool {
        matches!(
            self.name.as_str(),
            "token_embd.weight"
                | "position_embd.weight"
                | "token_types.weight"
                | "per_layer_token_embd.weight"
        )
    }
}
