//! Where other programs keep models.

use std::path::PathBuf;

use loadmaster_models::Origin;

/// The folders of `origin`'s models that there are, by the variables that it heeds itself.
pub(crate) fn folders_of(origin: Origin) -> Vec<PathBuf> {
    etcetera::home_dir().map_or_else(|_| Vec::new(), |home| origin.folders(&home, &variable))
}

#[expect(clippy::disallowed_methods, reason = "this is the configuration, where the environment is read")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}
