//! What differs between systems: here, Windows.

use std::{fs::File, io, os::windows::fs::FileExt, path::Path};

/// Writes all of `bytes` at `offset`.
pub(crate) fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = file.seek_write(bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

/// Fills `buffer` from `offset` on.
pub(crate) fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = file.seek_read(buffer, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[read..];
        offset += read as u64;
    }
    Ok(())
}

/// Whether taking room for a file costs nothing.
pub(crate) fn has_cheap_room(_file: &File) -> bool {
    true
}

/// A name for the file system that a folder is on: its drive.
pub(crate) fn file_system(folder: &Path) -> io::Result<String> {
    let folder = folder.canonicalize()?;
    Ok(folder
        .components()
        .next()
        .map(|drive| drive.as_os_str().to_string_lossy().into_owned())
        .unwrap_or_default())
}

/// NTFS keeps a journal of names, and has no way to wait for it.
#[expect(clippy::unnecessary_wraps, reason = "on other systems this can fail")]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether `file` is the one that is called `path`: always, since the files of locks are never removed here.
#[expect(clippy::unnecessary_wraps, reason = "on other systems this can fail")]
pub(crate) fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Leaves the file of the lock, which is empty: one that is removed while others wait for it would be two.
pub(crate) fn remove_lock(_path: &Path) {}
