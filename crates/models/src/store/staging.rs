//! Models that are not whole yet.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{Hold, Library, LibraryLock};
use crate::{
    disk,
    error::ModelsError,
    manifest::{MANIFEST_FILE, Manifest, ModelName, Place, RelativePath, StoredFile},
    sha256::Sha256,
};

const MODEL: &str = "model";
const PARTS: &str = "parts";
const CLAIMS: &str = "claims";

/// A folder in which a model comes together, which nobody else writes to. What it has survives its process:
/// whoever makes the same model next goes on with it.
#[derive(Debug)]
pub(crate) struct Staging {
    library: Library,
    folder: PathBuf,
    _hold: Hold,
}

impl Staging {
    /// Makes the folder called `key`, or takes up the one that is there; waits while another process has it.
    pub(crate) fn open(library: &Library, key: &str) -> Result<Self, ModelsError> {
        let hold = Hold::exclusive(&lock_path(&library.staging().join(key)))?;
        Self::held(library, key, hold)
    }

    /// The same; `None` while another process has it.
    pub(crate) fn try_open(library: &Library, key: &str) -> Result<Option<Self>, ModelsError> {
        let hold = Hold::try_exclusive(&lock_path(&library.staging().join(key)))?;
        hold.map(|hold| Self::held(library, key, hold)).transpose()
    }

    fn held(library: &Library, key: &str, hold: Hold) -> Result<Self, ModelsError> {
        let folder = library.staging().join(key);
        for part in [MODEL, PARTS, CLAIMS] {
            disk::make_folder(&folder.join(part))?;
        }
        Ok(Self { library: library.clone(), folder, _hold: hold })
    }

    /// Where the model's own file `path` comes together under `key`.
    pub(crate) fn model_file_of(library: &Library, key: &str, path: &RelativePath) -> PathBuf {
        path.below(&library.staging().join(key).join(MODEL))
    }

    /// Where the part called `name` comes together under `key`, which is number `index` of the model's files.
    pub(crate) fn part_file_of(library: &Library, key: &str, index: usize, name: &str) -> PathBuf {
        library.staging().join(key).join(PARTS).join(index.to_string()).join(name)
    }

    /// Where the model's own file `path` comes together.
    pub(crate) fn model_file(&self, path: &RelativePath) -> Result<PathBuf, ModelsError> {
        let path = path.below(&self.folder.join(MODEL));
        path.parent().map_or(Ok(()), disk::make_folder)?;
        Ok(path)
    }

    /// Where the part called `name` comes together, which is number `index` of the files.
    pub(crate) fn part_file(&self, index: usize, name: &str) -> Result<PathBuf, ModelsError> {
        let folder = self.folder.join(PARTS).join(index.to_string());
        disk::make_folder(&folder)?;
        Ok(folder.join(name))
    }

    /// The part with this content, if the library has it: it stays there for as long as this folder does.
    pub(crate) fn claim(&self, hash: Sha256, size: u64) -> Result<Option<RelativePath>, ModelsError> {
        let _lock = self.library.lock()?;
        match self.library.part_file(hash)? {
            Some((path, length)) if length == size => {
                let claim = self.folder.join(CLAIMS).join(hash.to_string());
                File::create(&claim).map_err(|error| ModelsError::disk(&claim, "written", error))?;
                Ok(Some(path))
            }
            _ => Ok(None),
        }
    }

    /// Makes a part, which came together at `staged`, one of the library's; returns its path there.
    fn publish_part(
        &self,
        staged: &Path,
        hash: Sha256,
        _: &LibraryLock,
    ) -> Result<RelativePath, ModelsError> {
        if let Some((path, _)) = self.library.part_file(hash)? {
            return Ok(path);
        }
        let name = staged.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let path = RelativePath::new(format!("{hash}/{name}"))?;
        // What a crash may have left there is empty.
        disk::remove(&self.library.part(hash))?;
        let whole = self.folder.join(format!("{hash}.part"));
        disk::make_folder(&whole)?;
        disk::publish(staged, &whole.join(&name))?;
        disk::publish(&whole, &self.library.part(hash))?;
        Ok(path)
    }

    /// Makes the model one of the library's: after this it is there, and before it is not. `parts` are
    /// those that came together here, by the place they have in the manifest's components.
    pub(crate) fn publish(
        &self,
        manifest: &mut Manifest,
        parts: &[(usize, PathBuf, Sha256)],
    ) -> Result<(), ModelsError> {
        let lock = self.library.lock()?;
        check_free(&self.library, &manifest.name)?;
        for (index, staged, hash) in parts {
            let path = self.publish_part(staged, *hash, &lock)?;
            if let Some(component) = manifest.components.get_mut(*index) {
                component.file.place = Place::Parts { path };
            }
        }
        let model = self.folder.join(MODEL);
        sweep(&model, manifest)?;
        manifest.write(&model.join(MANIFEST_FILE))?;
        disk::publish(&model, &self.library.root().join(manifest.name.as_str()))?;
        drop(lock);
        Ok(())
    }

    /// Removes what has come together.
    pub(crate) fn discard(self) -> Result<(), ModelsError> {
        disk::remove(&self.folder)
    }

    /// Removes what has come together under a key that nobody else will ever use, and its lock.
    pub(crate) fn discard_for_good(self) -> Result<(), ModelsError> {
        let lock = lock_path(&self.folder);
        self.discard()?;
        disk::remove(&lock)
    }
}

/// Removes from the model's folder what the manifest does not name: halves that an earlier try left.
fn sweep(model: &Path, manifest: &Manifest) -> Result<(), ModelsError> {
    for (name, path) in disk::entries(model)? {
        let is_named = |file: &StoredFile| match &file.place {
            Place::Model { path } => path.as_str().split('/').next() == Some(name.as_str()),
            Place::Parts { .. } | Place::Outside { .. } => false,
        };
        if !manifest.files().any(is_named) {
            disk::remove(&path)?;
        }
    }
    Ok(())
}

impl Library {
    /// Removes what came together under `key`; `false` if somebody is at it.
    pub(crate) fn discard_staging(&self, key: &str) -> Result<bool, ModelsError> {
        let folder = self.staging().join(key);
        match Hold::try_exclusive(&lock_path(&folder))? {
            Some(_hold) => disk::remove(&folder).map(|()| true),
            None => Ok(false),
        }
    }

    /// Puts `manifest` in the place of the one that its model has.
    pub(crate) fn update(&self, manifest: &Manifest) -> Result<(), ModelsError> {
        let _lock = self.lock()?;
        let folder =
            self.find(manifest.name.as_str())?.ok_or_else(|| self.no_such(manifest.name.as_str()))?;
        manifest.write(&folder.join(MANIFEST_FILE))
    }
}

/// An error if there is a model of this name.
pub(crate) fn check_free(library: &Library, name: &ModelName) -> Result<(), ModelsError> {
    match library.find(name.as_str())? {
        None => Ok(()),
        Some(_) => Err(ModelsError::Exists { name: name.to_string() }),
    }
}

/// The lock of a staging folder: beside it, so that the folder can be removed.
pub(super) fn lock_path(folder: &Path) -> PathBuf {
    folder.with_added_extension("lock")
}

/// The parts that staging folders count on.
pub(super) fn claimed(library: &Library) -> Result<BTreeSet<String>, ModelsError> {
    let mut claimed = BTreeSet::new();
    for (_, folder) in disk::entries(&library.staging())? {
        if fs::metadata(&folder).is_ok_and(|is| is.is_dir()) {
            claimed.extend(disk::entries(&folder.join(CLAIMS))?.into_iter().map(|(hash, _)| hash));
        }
    }
    Ok(claimed)
}
