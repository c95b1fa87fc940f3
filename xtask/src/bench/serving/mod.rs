//! Servers of two models with room for one, as the benchmarks of the gateway and of swaps need them.
//!
//! The two models are one file under two names: what is measured is the change, not the models.

mod bare;
mod daemon;
mod router;

use std::path::PathBuf;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::http::Address;
use crate::fixtures::Store;
use crate::workspace;

pub(super) use self::bare::Bare;
pub(super) use self::daemon::Daemon;
pub(super) use self::router::Router;

/// The names of the models.
pub(super) const MODELS: [&str; 2] = ["one", "two"];

/// Slots and context of every server here, unless a benchmark wants other slots: llama-server's own choice of
/// slots, and room for each.
const SLOTS: &str = "4";
const CONTEXT: &str = "4096";

/// What all of them are started from.
pub(super) struct Programs {
    pub(super) loadmaster: PathBuf,
    pub(super) llama_server: PathBuf,
    /// How many slots share the context.
    slots: &'static str,
    /// Has both models.
    models: TempDir,
}

impl Programs {
    /// Builds the release and lays out the models.
    pub(super) fn prepare() -> Result<Self> {
        let store = Store::open()?;
        let (llama_server, smollm2) = (store.llama_server()?, store.smollm2()?);
        let models = tempfile::tempdir().context("cannot create a temporary folder")?;
        for name in MODELS {
            let path = models.path().join(format!("{name}.gguf"));
            // A temporary folder may lie on another disk.
            std::fs::hard_link(&smollm2, &path)
                .or_else(|_| std::fs::copy(&smollm2, &path).map(drop))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self { loadmaster: workspace::build_release()?, llama_server, slots: SLOTS, models })
    }

    /// The same, with another number of slots.
    pub(super) fn with_slots(self, slots: &'static str) -> Self {
        Self { slots, ..self }
    }

    fn model(&self, name: &str) -> PathBuf {
        self.models.path().join(format!("{name}.gguf"))
    }
}

/// A server that clients can ask.
pub(super) trait Serves {
    /// Where it listens.
    fn address(&self) -> Address;

    /// How many servers of models it has started so far.
    fn starts(&self) -> Result<u64>;
}
