//! The library: models in folders.
//!
//! ```text
//! models/
//!   NAME/manifest.json, NAME/...     a model and its own files
//!   parts/SHA256/FILE                files that several models may have
//!   .staging/KEY/...                 what is not whole yet
//!   .locks/...                       who does what
//! ```
//!
//! A model is there when its folder is, which comes whole, by one rename. Parts are shared by path, not by
//! hard links: those do not exist on every file system (exFAT, network drives) and hide from whoever looks
//! at the disk what is taken twice.

mod gc;
mod import;
mod listing;
mod lock;
mod remove;
mod staging;
mod usage;
mod verify;

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub use self::{
    gc::{GcOptions, GcReport, Kept, Removed},
    import::{How, Import},
    listing::{Damaged, Listed, Listing},
    lock::Hold,
    remove::{RemoveReport, SharedPart},
    usage::{DiskUsage, ModelUsage},
    verify::{FileCheck, Outcome, VerifyReport},
};
pub(crate) use self::{lock::LibraryLock, staging::Staging};
use crate::{
    disk,
    error::ModelsError,
    manifest::{MANIFEST_FILE, Manifest, ModelName, PARTS, RelativePath},
    sha256::Sha256,
};

const STAGING: &str = ".staging";
const LOCKS: &str = ".locks";

/// A folder of models. Cheap to clone. Several processes can use one at once.
///
/// Its methods read and write disks: from asynchronous code, call them on a thread that may block.
#[derive(Debug, Clone)]
pub struct Library {
    root: PathBuf,
}

impl Library {
    /// Opens the library in `root`, which is made if it is not there.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, ModelsError> {
        let root = root.into();
        let root = std::path::absolute(&root).map_err(|error| ModelsError::disk(&root, "found", error))?;
        let library = Self { root };
        for folder in [library.parts(), library.root.join(STAGING), library.root.join(LOCKS)] {
            disk::make_folder(&folder)?;
        }
        Ok(library)
    }

    /// The library's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads one model's manifest. The name's case does not count.
    pub fn get(&self, name: &str) -> Result<Manifest, ModelsError> {
        match self.find(name)? {
            Some(folder) => Manifest::read(&folder.join(MANIFEST_FILE)),
            None => Err(self.no_such(name)),
        }
    }

    /// Takes down that the model is being used, in this process or another; until the hold is dropped, it
    /// cannot be removed.
    pub fn hold(&self, name: &str) -> Result<Hold, ModelsError> {
        let manifest = self.get(name)?;
        let hold = Hold::shared(&self.lock_of(manifest.name.as_str()))?;
        // It may have been removed while it was waited for.
        self.get(name)?;
        Ok(hold)
    }

    /// Whether somebody holds the model.
    pub fn is_in_use(&self, name: &str) -> bool {
        let is_name = ModelName::new(name).is_ok();
        is_name && matches!(Hold::try_exclusive(&self.lock_of(name)), Ok(None))
    }

    /// Where the part with this content is.
    fn part(&self, hash: Sha256) -> PathBuf {
        self.parts().join(hash.to_string())
    }

    fn parts(&self) -> PathBuf {
        self.root.join(PARTS)
    }

    /// The part with this content, if it is there: its path among the parts, and its length.
    fn part_file(&self, hash: Sha256) -> Result<Option<(RelativePath, u64)>, ModelsError> {
        let files = disk::entries(&self.part(hash))?;
        let Some((name, path)) = files.into_iter().next() else { return Ok(None) };
        let length = std::fs::metadata(&path).map_err(|error| ModelsError::disk(&path, "read", error))?.len();
        Ok(Some((RelativePath::new(format!("{hash}/{name}"))?, length)))
    }

    /// Bytes of the part with this content, if it is there.
    pub(crate) fn has_part(&self, hash: Sha256) -> Option<u64> {
        self.part_file(hash).ok().flatten().map(|(_, length)| length)
    }

    fn staging(&self) -> PathBuf {
        self.root.join(STAGING)
    }

    fn lock_of(&self, name: &str) -> PathBuf {
        self.root.join(LOCKS).join(name.to_ascii_lowercase())
    }

    fn lock(&self) -> Result<LibraryLock, ModelsError> {
        // No model is called this.
        LibraryLock::take(&self.root.join(LOCKS).join(".library"))
    }

    /// The folder of a model, as it is written.
    fn find(&self, name: &str) -> Result<Option<PathBuf>, ModelsError> {
        let Ok(name) = ModelName::new(name) else { return Ok(None) };
        let folders = self.model_folders()?;
        Ok(folders.into_iter().find(|(folder, _)| name.is_same_folder(folder)).map(|(_, path)| path))
    }

    /// The folders of all models, those without a manifest too.
    fn model_folders(&self) -> Result<Vec<(String, PathBuf)>, ModelsError> {
        let mut folders = disk::entries(&self.root)?;
        folders.retain(|(name, path)| !name.starts_with('.') && name != PARTS && path.is_dir());
        Ok(folders)
    }

    fn no_such(&self, name: &str) -> ModelsError {
        let folders = self.model_folders().unwrap_or_default();
        let near = crate::nearest::nearest(name, folders.iter().map(|(name, _)| name.as_str()), 3);
        ModelsError::NoSuchModel { name: name.chars().take(80).collect(), near }
    }
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.display().fmt(f)
    }
}
