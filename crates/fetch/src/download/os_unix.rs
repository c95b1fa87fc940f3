//! What differs between systems: here, those of the Unix kind.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

/// Writes all of `bytes` at `offset`.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Fills `buffer` from `offset` on.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buffer, offset)
}

/// Whether taking room for a file costs nothing: in memory it would be filled with zeros.
#[cfg(target_os = "linux")]
pub(crate) fn has_cheap_room(file: &File) -> bool {
    /// From `linux/magic.h`.
    const TMPFS: u64 = 0x0102_1994;
    rustix::fs::fstatfs(file).is_ok_and(|system| u64::try_from(system.f_type) != Ok(TMPFS))
}

/// Whether taking room for a file costs nothing.
#[cfg(not(target_os = "linux"))]
pub(crate) fn has_cheap_room(_file: &File) -> bool {
    true
}

/// A name for the file system that a folder is on.
pub(crate) fn file_system(folder: &Path) -> io::Result<String> {
    Ok(std::fs::metadata(folder)?.dev().to_string())
}

/// Makes what happened to the names in `folder` last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Whether `file` is the one that is called `path`.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let same = |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    match std::fs::metadata(path) {
        Ok(other) => Ok(same(&file.metadata()?, &other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the file of a lock that is held.
pub(crate) fn remove_lock(path: &Path) {
    // Nothing is lost by one that stays.
    let _ = std::fs::remove_file(path);
}
