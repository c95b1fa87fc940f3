//! What differs between operating systems, behind functions with the same signatures.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{PYTHON_NAMES, is_root, make_executable, strip, venv_python};
#[cfg(windows)]
pub(crate) use windows::{PYTHON_NAMES, is_root, make_executable, strip, venv_python};

/// The name of this platform in `fixtures.toml`, such as `linux-x86_64`.
pub(crate) fn name() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}
