//! What differs between systems: here, those of the Unix kind.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Makes what happened to the names in `folder` last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// How many names the file has.
pub(crate) fn links(file: &Metadata) -> u64 {
    file.nlink()
}
