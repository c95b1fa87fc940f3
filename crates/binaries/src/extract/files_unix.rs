//! Modes and links on Unix.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

/// Lets everyone run a file. Nothing else of an archive's modes is taken over: no setuid, no writing by others.
pub(super) fn let_run(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o755))
}

/// Makes a symbolic link at `path` with the text `target`, which has been found to lead to `_file`. Returns how
/// many bytes that took: none.
pub(super) fn link(path: &Path, target: &str, _file: &Path) -> io::Result<u64> {
    symlink(target, path).map(|()| 0)
}
