//! A private folder on Windows.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The temporary folder is the user's own.
pub(super) fn temporary_runtime_dir() -> PathBuf {
    std::env::temp_dir().join("loadmaster")
}

/// Makes `folder`. What lies in the user's profile is closed to other users by inheritance.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
