//! Linux and macOS.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command;

/// The names that a Python 3 may have on the `PATH`, best first.
pub(crate) const PYTHON_NAMES: &[&str] = &["python3", "python"];

/// Lets everybody run the file at `path`.
pub(crate) fn make_executable(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// The interpreter of the virtual environment at `folder`.
pub(crate) fn venv_python(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// Takes the names of symbols out of the program at `path`; the tool comes with every compiler.
pub(crate) fn strip(path: &Path) -> Result<()> {
    command::run(command::new("strip").arg(path))
}

/// Whether this process may install system packages.
pub(crate) fn is_root() -> bool {
    command::capture(command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}
