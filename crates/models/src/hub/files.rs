//! A repository's files.

use serde::Serialize;

use super::{api::TreeEntry, sha256_in};
use crate::{manifest::RelativePath, sha256::Sha256};

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HubFile {
    /// Its path.
    pub path: RelativePath,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, which the hub knows of large files.
    pub sha256: Option<Sha256>,
}

impl HubFile {
    /// The file of an entry; `None` for folders, and for paths that could not be a file's here.
    pub(super) fn of(entry: TreeEntry) -> Option<Self> {
        if entry.kind != "file" {
            return None;
        }
        let path = RelativePath::new(entry.path).ok()?;
        let sha256 = entry.lfs.as_ref().and_then(|lfs| sha256_in(&lfs.oid));
        let size = entry.lfs.and_then(|lfs| lfs.size).unwrap_or(entry.size);
        Some(Self { path, size, sha256 })
    }

    /// The end of its name after the last dot, in lower case.
    pub fn extension(&self) -> String {
        self.path.file_name().rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_ascii_lowercase())
    }
}
