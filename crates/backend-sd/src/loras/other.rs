use std::{io, path::Path};

/// Lets `place` have what `file` has: by a second name of it, or by a copy where they are on different disks. Symbolic
/// links need a privilege on Windows.
pub(super) fn link(file: &Path, place: &Path) -> io::Result<()> {
    std::fs::hard_link(file, place).or_else(|_| std::fs::copy(file, place).map(drop))
}
