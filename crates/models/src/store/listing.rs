//! What is in the library.

use std::path::PathBuf;

use serde::Serialize;

use super::Library;
use crate::{
    error::ModelsError,
    manifest::{MANIFEST_FILE, Manifest},
};

/// All models, those that are whole and those that are not.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Listing {
    /// Models by name.
    pub models: Vec<Listed>,
    /// Folders whose manifest cannot be used. They do not concern the others.
    pub damaged: Vec<Damaged>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// What the library knows of it.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// Bytes of all its files.
    pub size: u64,
    /// Whether it is being used.
    pub in_use: bool,
    /// Files that are not where they should be, or have another length.
    pub missing: Vec<PathBuf>,
}

/// A folder whose manifest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// The folder's name.
    pub name: String,
    /// The manifest.
    pub path: PathBuf,
    /// What is wrong, on one line.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Library {
    /// Reads all manifests, and looks whether the files are there. Their content is not read
    /// ([`Library::verify`] does).
    pub fn list(&self) -> Result<Listing, ModelsError> {
        let mut listing = Listing::default();
        for (name, folder) in self.model_folders()? {
            let path = folder.join(MANIFEST_FILE);
            match Manifest::read(&path) {
                Ok(manifest) => listing.models.push(self.listed(manifest)),
                // Somebody removed it just now.
                Err(_) if !folder.exists() => {}
                Err(error) => {
                    let (problem, remedy) = (error.to_string(), remedy(&error));
                    listing.damaged.push(Damaged { name, path, problem, remedy });
                }
            }
        }
        Ok(listing)
    }

    fn listed(&self, manifest: Manifest) -> Listed {
        let files = manifest.files().map(|file| (manifest.path(self.root(), file), file.size));
        let missing = files
            .filter(|(path, size)| !std::fs::metadata(path).is_ok_and(|is| is.is_file() && is.len() == *size))
            .map(|(path, _)| path)
            .collect();
        Listed { size: manifest.size(), in_use: self.is_in_use(manifest.name.as_str()), missing, manifest }
    }
}

fn remedy(error: &ModelsError) -> String {
    match error {
        ModelsError::Disk { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "Something else than a model is in this folder, or its manifest was lost: move it away, or remove it."
                .to_owned()
        }
        other => other.remedy(),
    }
}
