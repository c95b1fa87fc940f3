//! What can be loaded.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a model is for. Backends say by it what they serve; the API says by it what may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelKind {
    /// Writes text: chat and completion.
    Text,
    /// Turns text into vectors.
    Embedding,
    /// Makes images.
    Image,
}

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The name it is asked for by, unique within one orchestrator.
    pub id: String,
    /// What it is for.
    pub kind: ModelKind,
    /// Its file; for a sharded model the first shard.
    pub path: PathBuf,
}

impl Model {
    /// A model named after its file, without the extension: `/m/SmolLM2.Q4_1.gguf` is `SmolLM2.Q4_1`.
    ///
    /// Commas and control characters become `-`: servers take lists of names separated by commas.
    pub fn from_file(kind: ModelKind, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { id: id_of(&path), kind, path }
    }
}

fn id_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let id: String = stem.chars().map(|c| if c == ',' || c.is_control() { '-' } else { c }).collect();
    if id.trim().is_empty() { "model".to_owned() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_named_after_its_file() {
        let id = |path: &str| Model::from_file(ModelKind::Text, path).id;
        assert_eq!(id("/m/SmolLM2-135M-Instruct.Q4_1.gguf"), "SmolLM2-135M-Instruct.Q4_1");
        assert_eq!(id("a,b.gguf"), "a-b");
        assert_eq!(id("/"), "model");
    }
}
