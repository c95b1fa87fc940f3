//! What the library knows of a model: one JSON file in the model's folder.

mod facts;
mod json;
mod kind;
mod name;
mod path;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use self::{
    facts::{Facts, Format},
    json::{MANIFEST_FILE, MAX_MANIFEST_BYTES, SCHEMA},
    kind::{Kind, Role},
    name::{MAX_NAME_BYTES, ModelName},
    path::RelativePath,
};
use crate::sha256::Sha256;

/// The folder, beside those of the models, of files that several models may have.
pub const PARTS: &str = "parts";

/// What the library knows of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format: [`SCHEMA`].
    pub schema: u32,
    /// The model's name, and that of its folder.
    pub name: ModelName,
    /// What the model is for.
    pub kind: Kind,
    /// When it came into the library, in seconds since 1970 (UTC).
    pub added: u64,
    /// What was asked for when it was pulled or adopted, as in `owner/repo:Q4_K_M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its weights: one file, or all files of a split model in order.
    pub weights: Vec<StoredFile>,
    /// Other files that it needs, each with its role. Other models may have them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// What its header says.
    #[serde(default)]
    pub facts: Facts,
    /// Settings that whoever curated it recommends: numbers and words by name, for a person or a backend.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recommended: BTreeMap<String, serde_json::Value>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256. Files that were taken in by reference may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// A file with a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// What it is to the model.
    pub role: Role,
    /// The file.
    #[serde(flatten)]
    pub file: StoredFile,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum Place {
    /// In the model's own folder.
    Model {
        /// Its path there.
        path: RelativePath,
    },
    /// Among the [`PARTS`] that models share: `SHA256/NAME`.
    Parts {
        /// Its path there.
        path: RelativePath,
    },
    /// Somewhere else: it belongs to somebody else and is never changed or removed.
    Outside {
        /// Its absolute path.
        path: PathBuf,
    },
}

/// Where a file came from. Everything is as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// Its address, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The repository on the hub: `owner/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The branch, tag or commit that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The commit that this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The file's path in the repository, or where it was copied from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its licence, as in `apache-2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where the licence can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence_url: Option<String>,
}

impl Manifest {
    /// All files: weights first, then components.
    pub fn files(&self) -> impl Iterator<Item = &StoredFile> {
        self.weights.iter().chain(self.components.iter().map(|component| &component.file))
    }

    /// Bytes of all files, those included that other models have too.
    pub fn size(&self) -> u64 {
        self.files().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The licence of the weights, as it was given.
    pub fn licence(&self) -> Option<&str> {
        self.weights.first()?.source.as_ref()?.licence.as_deref()
    }

    /// The file that a server is started with, in the library at `root`: of a split model, the first.
    pub fn main_file(&self, root: &Path) -> Option<PathBuf> {
        self.weights.first().map(|file| self.path(root, file))
    }

    /// Where `file` is, with the library at `root`.
    pub fn path(&self, root: &Path, file: &StoredFile) -> PathBuf {
        match &file.place {
            Place::Model { path } => path.below(&root.join(self.name.as_str())),
            Place::Parts { path } => path.below(&root.join(PARTS)),
            Place::Outside { path } => path.clone(),
        }
    }
}
