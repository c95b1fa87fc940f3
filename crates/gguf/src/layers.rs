//! Figures that some models have once and others for each layer.

use crate::value::Value;

/// One number for all layers, or one for each: `attention.head_count_kv` is either.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
pub enum PerLayer {
    /// The same number for every layer.
    Same(u64),
    /// A number for each layer, from layer 0 on.
    Each(Vec<u64>),
}

impl PerLayer {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Array(array) => array.to_u64s().map(Self::Each),
            single => single.as_u64().map(Self::Same),
        }
    }

    /// The number for this layer; `None` beyond the layers that are given.
    #[must_use]
    pub fn get(&self, layer: usize) -> Option<u64> {
        match self {
            Self::Same(value) => Some(*value),
            Self::Each(values) => values.get(layer).copied(),
        }
    }

    /// The largest number; `None` of an empty list.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        match self {
            Self::Same(value) => Some(*value),
            Self::Each(values) => values.iter().max().copied(),
        }
    }
}
