//! How the bytes of a model are spread over its parts: the ground of a memory estimate.

use std::collections::BTreeMap;

use crate::{header::Header, limits::MAX_LAYERS, tensor::TensorInfo, tensor_type::TensorType};

/// Tensors of one type, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TypeTotal {
    /// The type.
    pub kind: TensorType,
    /// Number of tensors.
    pub tensors: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The bytes of the tensors in a file, by what they are for. Names are those llama.cpp gives
/// (`src/llama-arch.cpp`); padding between tensors is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct WeightSizes {
    /// Bytes of each layer: the tensors `blk.N.…` at index N.
    pub layer_bytes: Vec<u64>,
    /// Of these, the bytes of routed experts (`…_exps.…`), which can stay in host memory.
    pub layer_expert_bytes: Vec<u64>,
    /// Bytes of the token embeddings (`token_embd.…`, `per_layer_token_embd.…`), which llama.cpp
    /// keeps in host memory.
    pub token_embedding_bytes: u64,
    /// Bytes of the output matrix and its norm (`output.…`, `output_norm.…`).
    pub output_bytes: u64,
    /// Bytes of all other tensors.
    pub other_bytes: u64,
    /// Bytes of all tensors.
    pub total_bytes: u64,
    /// Whether there is a token embedding and no output matrix: llama.cpp then loads the embedding
    /// a second time as output matrix.
    pub tied_output: bool,
    /// The types in use, the one with most bytes first.
    pub by_type: Vec<TypeTotal>,
    /// Whether every type is known. If not, tensors of unknown type count as the bytes up to the
    /// next tensor (or the end of the file), which may include padding.
    pub exact: bool,
}

impl WeightSizes {
    /// Adds up the tensors of a header.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let mut sizes = Self {
            tied_output: header.tensor("token_embd.weight").is_some()
                && header.tensor("output.weight").is_none(),
            exact: true,
            ..Self::default()
        };
        let mut types = BTreeMap::new();
        for (tensor, bytes) in tensor_sizes(header) {
            sizes.exact &= tensor.byte_size().is_some();
            sizes.add(tensor, bytes);
            let total = types.entry(tensor.kind).or_insert((0_u64, 0_u64));
            total.0 += 1;
            total.1 = total.1.saturating_add(bytes);
        }
        sizes.by_type =
            types.into_iter().map(|(kind, (tensors, bytes))| TypeTotal { kind, tensors, bytes }).collect();
        sizes.by_type.sort_by_key(|total| std::cmp::Reverse(total.bytes));
        sizes
    }

    fn add(&mut self, tensor: &TensorInfo, bytes: u64) {
        add(&mut self.total_bytes, bytes);
        if let Some(layer) = tensor.layer().filter(|&layer| layer < MAX_LAYERS) {
            if self.layer_bytes.len() <= layer {
                self.layer_bytes.resize(layer + 1, 0);
                self.layer_expert_bytes.resize(layer + 1, 0);
            }
            add(&mut self.layer_bytes[layer], bytes);
            if tensor.name.contains("_exps.") {
                add(&mut self.layer_expert_bytes[layer], bytes);
            }
            return;
        }
        match tensor.name.split('.').next() {
            Some("token_embd" | "per_layer_token_embd") => add(&mut self.token_embedding_bytes, bytes),
            Some("output" | "output_norm") => add(&mut self.output_bytes, bytes),
            _ => add(&mut self.other_bytes, bytes),
        }
    }
}

/// The tensors in the order of their data, each with its bytes; those of unknown type with the room
/// that they have.
pub(crate) fn tensor_sizes(header: &Header) -> impl Iterator<Item = (&TensorInfo, u64)> {
    let tensors = header.tensors_by_offset();
    (0..tensors.len()).map(move |index| {
        let tensor = tensors[index];
        let bytes = tensor.byte_size();
        (tensor, bytes.unwrap_or_else(|| room(header, tensor, tensors.get(index + 1).copied())))
    })
}

/// Adds without overflow; only overlapping tensors of a hostile file get near it.
fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}

/// The bytes a tensor of unknown size can have: up to the next one, or the end of the file.
fn room(header: &Header, tensor: &TensorInfo, next: Option<&TensorInfo>) -> u64 {
    let end = match next {
        Some(next) => next.offset,
        None => header.file_len().map_or(0, |length| length.saturating_sub(header.data_offset())),
    };
    end.saturating_sub(tensor.offset)
}
