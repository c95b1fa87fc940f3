//! What differs between systems: here, Windows.

use std::{fs::Metadata, io, path::Path};

/// NTFS keeps a journal of names, and has no way to wait for it.
#[expect(clippy::unnecessary_wraps, reason = "on other systems this can fail")]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// How many names the file has: the standard library does not tell, and one is what most have.
pub(crate) fn links(_file: &Metadata) -> u64 {
    1
}
