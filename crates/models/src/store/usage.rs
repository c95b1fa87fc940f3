//! What the library takes of the disk.

use serde::Serialize;

use super::Library;
use crate::{
    disk,
    error::ModelsError,
    manifest::{Manifest, PARTS, Place},
};

/// What the library takes of the disk, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DiskUsage {
    /// Each model.
    pub models: Vec<ModelUsage>,
    /// All parts, each counted once.
    pub parts: u64,
    /// Of these, parts that no model has.
    pub orphans: u64,
    /// Models that are not finished.
    pub unfinished: u64,
    /// Everything in the library's folder.
    pub total: u64,
}

/// What one model takes, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelUsage {
    /// The model, or the folder that is none.
    pub name: String,
    /// Files in its folder.
    pub own: u64,
    /// Parts that it alone has: they go when it goes.
    pub parts: u64,
    /// Parts that others have too.
    pub shared: u64,
    /// Files outside of the library.
    pub outside: u64,
}

impl Library {
    /// Adds up what the library takes.
    pub fn disk_usage(&self) -> Result<DiskUsage, ModelsError> {
        let (users, _) = self.users_of_parts()?;
        let mut usage = DiskUsage { unfinished: disk::bytes_of(&self.staging()), ..DiskUsage::default() };
        for (name, manifest) in self.manifests()? {
            let own = disk::bytes_of(&self.root().join(&name));
            let mut model = ModelUsage { name, own, parts: 0, shared: 0, outside: 0 };
            for file in manifest.iter().flat_map(Manifest::files) {
                match &file.place {
                    Place::Model { .. } => {}
                    Place::Outside { .. } => model.outside += file.size,
                    Place::Parts { path } => {
                        let users = users.get(super::remove::part_folder(path.as_str())).map_or(0, Vec::len);
                        *(if users > 1 { &mut model.shared } else { &mut model.parts }) += file.size;
                    }
                }
            }
            usage.models.push(model);
        }
        for (hash, folder) in disk::entries(&self.root().join(PARTS))? {
            let bytes = disk::bytes_of(&folder);
            usage.parts += bytes;
            if !users.contains_key(&hash) {
                usage.orphans += bytes;
            }
        }
        usage.total = disk::bytes_of(self.root());
        Ok(usage)
    }
}
