//! What a predictor is given and what it answers.

use std::path::Path;

use anyhow::{Context, Result};
use loadmaster_gguf::Header;

use super::grid::Settings;

/// A model as a predictor sees it.
pub(super) struct Subject {
    pub(super) header: Header,
    pub(super) file_bytes: u64,
}

/// Bytes on one device or on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) weights: u64,
    pub(super) cache: u64,
    pub(super) compute: u64,
}

/// An answer; `None` where the predictor has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Prediction {
    pub(super) device: Option<Bytes>,
    pub(super) host: Option<Bytes>,
}

/// A way to predict, and what the page calls it.
pub(super) struct Predictor {
    pub(super) name: &'static str,
    pub(super) predict: fn(&Subject, &Settings) -> Prediction,
}

impl Subject {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let header = Header::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file_bytes = path.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
        Ok(Self { header, file_bytes })
    }

    /// The number of layers without the output layer.
    pub(super) fn blocks(&self) -> u64 {
        self.header.arch_u64("block_count").unwrap_or(0)
    }
}

impl Bytes {
    pub(super) fn total(&self) -> u64 {
        self.weights + self.cache + self.compute
    }
}
