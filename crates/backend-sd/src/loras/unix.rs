use std::{io, path::Path};

/// Lets `place` lead to `file`, which is no copy.
pub(super) fn link(file: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(file, place)
}
