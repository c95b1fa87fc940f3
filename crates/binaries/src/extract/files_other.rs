//! Modes and links where there are no modes and links take a privilege: on Windows.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// A program is told by its name here.
#[expect(clippy::unnecessary_wraps, reason = "its sibling for Unix can fail")]
pub(super) fn let_run(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Puts a copy of `file` where the archive has a link to it. Returns how many bytes that took: many links to one
/// large file are a bomb here.
pub(super) fn link(path: &Path, _target: &str, file: &Path) -> io::Result<u64> {
    fs::copy(file, path)
}
