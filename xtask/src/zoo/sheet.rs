//! What is known of a published model: its metadata and the names and shapes of its tensors.

use super::gguf::Value;
use super::vocabulary::Vocabulary;

/// How a published file stores its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mixture {
    /// `Q4_K_M` of llama-quantize.
    Q4KM,
    /// `MXFP4_MOE`: experts in MXFP4, the rest in `Q8_0`.
    Mxfp4Moe,
}

impl Mixture {
    /// `general.file_type`: `enum llama_ftype` of llama.h.
    pub(super) fn file_type(self) -> u32 {
        match self {
            Self::Q4KM => 15,
            Self::Mxfp4Moe => 38,
        }
    }
}

/// A model before its tensors have types.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) mixture: Mixture,
    pub(super) metadata: Vec<(String, Value)>,
    /// Names and shapes, the contiguous dimension first.
    pub(super) tensors: Vec<(String, Vec<u64>)>,
    pub(super) architecture: &'static str,
}

impl Sheet {
    pub(super) fn new(title: &str, architecture: &'static str) -> Self {
        let metadata = vec![
            ("general.architecture".into(), Value::String(architecture.into())),
            ("general.type".into(), Value::String("model".into())),
            ("general.name".into(), Value::String(title.into())),
        ];
        Self { mixture: Mixture::Q4KM, metadata, tensors: Vec::new(), architecture }
    }

    /// Sets `{architecture}.{key}`.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.metadata.push((format!("{}.{key}", self.architecture), value));
    }

    pub(super) fn set_u32(&mut self, key: &str, value: u64) {
        self.set(key, Value::U32(narrow(value)));
    }

    pub(super) fn set_f32(&mut self, key: &str, value: f32) {
        self.set(key, Value::F32(value));
    }

    pub(super) fn vocabulary(&mut self, vocabulary: Vocabulary) {
        self.metadata.extend(vocabulary.metadata());
    }

    /// Adds a tensor outside the blocks.
    pub(super) fn tensor(&mut self, name: &str, shape: &[u64]) {
        self.tensors.push((name.into(), shape.into()));
    }

    /// Adds a tensor of the block `layer`.
    pub(super) fn block(&mut self, layer: u64, name: &str, shape: &[u64]) {
        self.tensors.push((format!("blk.{layer}.{name}"), shape.into()));
    }

    /// The number of layers without the output layer.
    pub(super) fn blocks(&self) -> u64 {
        self.number("block_count").expect("every sheet says how many blocks its model has")
    }

    /// The size of the vocabulary: the rows of the token embeddings.
    pub(super) fn tokens(&self) -> u64 {
        let embeddings = self.tensors.iter().find(|(name, _)| name == "token_embd.weight");
        embeddings.map(|(_, shape)| shape[1]).expect("every sheet has token embeddings")
    }

    /// The number under `{architecture}.{key}`, if it is one number.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        let key = format!("{}.{key}", self.architecture);
        self.metadata.iter().find_map(|(name, value)| match value {
            Value::U32(number) if *name == key => Some(u64::from(*number)),
            _ => None,
        })
    }
}

/// The number as the format stores it.
pub(super) fn narrow(value: u64) -> u32 {
    u32::try_from(value).expect("hyperparameters are below 2^32")
}
