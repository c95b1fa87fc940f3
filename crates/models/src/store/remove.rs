//! Taking models out of the library.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{Hold, Library, staging};
use crate::{
    disk,
    error::ModelsError,
    manifest::{MANIFEST_FILE, Manifest, ModelName, PARTS, Place},
};

/// What a removal did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoveReport {
    /// The model.
    pub name: String,
    /// Bytes that are free now.
    pub freed: u64,
    /// Parts that stay, because others have them.
    pub kept: Vec<SharedPart>,
    /// Files outside of the library that were only referred to, and stay.
    pub outside: Vec<PathBuf>,
    /// What else there is to say, in sentences.
    pub notes: Vec<String>,
}

/// A part that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedPart {
    /// Its path among the parts.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// The models that have it.
    pub used_by: Vec<String>,
}

impl Library {
    /// Removes a model, and of its parts those that no other model has. Refuses while it is held
    /// ([`Library::hold`]). A model whose manifest is damaged can be removed too; its parts stay for
    /// [`Library::gc`].
    pub fn remove(&self, name: &str) -> Result<RemoveReport, ModelsError> {
        let _lock = self.lock()?;
        let folder = self.find(name)?.ok_or_else(|| self.no_such(name))?;
        let name = folder_name(&folder);
        let Some(_alone) = Hold::try_exclusive(&self.lock_of(&name))? else {
            return Err(ModelsError::InUse { name });
        };
        let manifest = Manifest::read(&folder.join(MANIFEST_FILE));
        let mut report = RemoveReport::of(name, &folder);
        // It is gone at once; emptying the folder may take a while, and a crash may come between.
        let away = self.staging().join(format!("removed-{:016x}", disk::chance()));
        disk::publish(&folder, &away)?;
        for part in self.unused_parts(manifest, "", &mut report)? {
            disk::remove(&part)?;
        }
        disk::remove(&away)?;
        Ok(report)
    }

    /// What [`Library::remove`] would free and leave, were nobody using the model.
    pub fn removal(&self, name: &str) -> Result<RemoveReport, ModelsError> {
        let folder = self.find(name)?.ok_or_else(|| self.no_such(name))?;
        let manifest = Manifest::read(&folder.join(MANIFEST_FILE));
        let mut report = RemoveReport::of(folder_name(&folder), &folder);
        let name = report.name.clone();
        self.unused_parts(manifest, &name, &mut report)?;
        Ok(report)
    }

    /// The folders of the parts of `manifest` that nobody but the model `own` has. What goes and what stays is taken
    /// down in `report`.
    fn unused_parts(
        &self,
        manifest: Result<Manifest, ModelsError>,
        own: &str,
        report: &mut RemoveReport,
    ) -> Result<Vec<PathBuf>, ModelsError> {
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                report.notes.push(format!("{error}; parts it may have had stay until gc"));
                return Ok(Vec::new());
            }
        };
        let (users, damaged) = self.users_of_parts()?;
        let claimed = staging::claimed(self)?;
        let mut unused = Vec::new();
        for file in manifest.files() {
            match &file.place {
                Place::Model { .. } => {}
                Place::Outside { path } => report.outside.push(path.clone()),
                Place::Parts { path } => {
                    let folder = part_folder(path.as_str());
                    let mut used_by = users.get(folder).cloned().unwrap_or_default();
                    used_by.retain(|name| name != own);
                    if claimed.contains(folder) {
                        used_by.push("a model that is being made".to_owned());
                    }
                    if damaged {
                        used_by.push("a model whose manifest cannot be read, perhaps".to_owned());
                    }
                    let part = self.root().join(PARTS).join(folder);
                    if !used_by.is_empty() {
                        report.kept.push(SharedPart { path: path.to_string(), size: file.size, used_by });
                    } else if !unused.contains(&part) {
                        report.freed += disk::bytes_freed_with(&part);
                        unused.push(part);
                    }
                }
            }
        }
        Ok(unused)
    }

    /// Which models have each part, by the part's folder; and whether there are manifests that cannot be
    /// read, which may have any.
    pub(super) fn users_of_parts(&self) -> Result<(BTreeMap<String, Vec<String>>, bool), ModelsError> {
        let listing = self.manifests()?;
        let mut users = BTreeMap::<String, Vec<String>>::new();
        let mut damaged = false;
        for (_, manifest) in listing {
            let manifest = match manifest {
                Ok(manifest) => manifest,
                Err(error) => {
                    damaged |= !is_no_model(&error);
                    continue;
                }
            };
            for file in manifest.files() {
                if let Place::Parts { path } = &file.place {
                    let names = users.entry(part_folder(path.as_str()).to_owned()).or_default();
                    names.push(manifest.name.to_string());
                }
            }
        }
        Ok((users, damaged))
    }

    /// All manifests, and what is wrong with those that cannot be read.
    pub(super) fn manifests(&self) -> Result<Vec<Read>, ModelsError> {
        let read = |(name, folder): (String, PathBuf)| (name, Manifest::read(&folder.join(MANIFEST_FILE)));
        // Folders that cannot be models' have no manifest to lose.
        let folders =
            self.model_folders()?.into_iter().filter(|(name, _)| ModelName::new(name.as_str()).is_ok());
        Ok(folders.map(read).collect())
    }
}

impl RemoveReport {
    /// Of the model in `folder`, before its parts are looked at.
    fn of(name: String, folder: &Path) -> Self {
        let freed = disk::bytes_freed_with(folder);
        Self { name, freed, kept: Vec::new(), outside: Vec::new(), notes: Vec::new() }
    }
}

fn folder_name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A folder's name, and its manifest or what is wrong with that.
pub(super) type Read = (String, Result<Manifest, ModelsError>);

/// Whether a folder without a manifest was looked into: it has no parts.
fn is_no_model(error: &ModelsError) -> bool {
    matches!(error, ModelsError::Disk { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

/// The folder of a part's path, which is its SHA-256.
pub(super) fn part_folder(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}
