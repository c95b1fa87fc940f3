//! Windows.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// The names that a Python 3 may have on the `PATH`, best first; `python3` is often a link to a shop.
pub(crate) const PYTHON_NAMES: &[&str] = &["python", "py", "python3"];

/// Nothing to do: the extension decides what can be run.
#[expect(clippy::unnecessary_wraps, reason = "the signature is that of the sibling for Unix")]
pub(crate) fn make_executable(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// The interpreter of the virtual environment at `folder`.
pub(crate) fn venv_python(folder: &Path) -> PathBuf {
    folder.join("Scripts").join("python.exe")
}

/// Nothing to do: symbols are in a file of their own there.
#[expect(clippy::unnecessary_wraps, reason = "the signature is that of the sibling for Unix")]
pub(crate) fn strip(_path: &Path) -> Result<()> {
    Ok(())
}

/// Never: packages are installed by the user there.
pub(crate) fn is_root() -> bool {
    false
}
