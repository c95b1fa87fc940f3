//! A plan: which files, and why those.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use loadmaster_gguf::Header;
use serde::Serialize;

use super::head::Head;
use crate::{
    choice::Choice,
    error::ModelsError,
    hub::Repo,
    manifest::{Facts, Kind, ModelName, RelativePath, Role, Source},
    sha256::Sha256,
};

/// What a pull is going to fetch, and why that.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// What the model will be called.
    pub name: ModelName,
    /// What it is for.
    pub kind: Kind,
    /// What was asked for.
    pub reference: String,
    /// Its files: weights first, in order, then components.
    pub files: Vec<PlannedFile>,
    /// Bytes of all files of which the length is known.
    pub bytes: u64,
    /// What its header says.
    pub facts: Facts,
    /// Why this one, where there was a choice.
    pub choice: Option<Choice>,
    /// Settings that the catalog recommends.
    pub recommended: BTreeMap<String, serde_json::Value>,
    #[serde(skip)]
    pub(super) header: Option<Header>,
    /// What was read of the weights, in order.
    #[serde(skip)]
    pub(super) heads: Vec<Head>,
    #[serde(skip)]
    pub(super) repos: Vec<Repo>,
}

/// A file that is going to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedFile {
    /// What it is to the model; nothing for weights.
    pub role: Option<Role>,
    /// Its path in the model's folder, or its name among the parts.
    pub path: RelativePath,
    /// Its address. May have secrets, if the user gave such a one.
    #[serde(skip)]
    pub url: String,
    /// Its length in bytes, if that is known.
    pub size: Option<u64>,
    /// Its SHA-256, as the hub says it.
    pub sha256: Option<Sha256>,
    /// Where it comes from.
    pub source: Source,
}

impl Plan {
    /// The model's header, of a split one merged, if it is GGUF: what an estimate is made of.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The same without its header and what was read with it, which may be megabytes: for whoever keeps a plan
    /// for later. Fetching it fetches those bytes too, unless they are here.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = None;
        self.heads = Vec::new();
        self
    }

    /// Writes what was read of the weights into `folder`, each file under its name; returns the first. So
    /// whoever reads headers of files can read these, and nothing is fetched again.
    pub fn save_heads(&self, folder: &Path) -> Result<Option<PathBuf>, ModelsError> {
        let paths: Vec<PathBuf> = self.weights().map(|file| file.path.below(folder)).collect();
        for (head, path) in self.heads.iter().zip(&paths) {
            head.write(path)?;
        }
        Ok(paths.into_iter().next().filter(|_| !self.heads.is_empty()))
    }

    /// The same for whoever reads headers by the length of their file: each file is as long as the whole, with nothing
    /// behind what was read of it. `None` where a length is not known, or where the model has parts beside its weights,
    /// of which nothing was read.
    ///
    /// # Errors
    /// A file cannot be written. A file system without holes needs the room of the whole.
    pub fn save_outline(&self, folder: &Path) -> Result<Option<PathBuf>, ModelsError> {
        let whole = |file: &PlannedFile| file.role.is_none() && file.size.is_some();
        if !self.files.iter().all(whole) || self.heads.len() < self.files.len() {
            return Ok(None);
        }
        let first = self.save_heads(folder)?;
        for file in self.weights() {
            let path = file.path.below(folder);
            let lengthened = std::fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|opened| opened.set_len(file.size.unwrap_or_default()));
            lengthened.map_err(|error| ModelsError::disk(&path, "written", error))?;
        }
        Ok(first)
    }

    /// The weights.
    pub fn weights(&self) -> impl Iterator<Item = &PlannedFile> {
        self.files.iter().filter(|file| file.role.is_none())
    }
}
