//! `[binaries]`: where builds of servers come from, and whether `run` installs one.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::args::CatalogArgs;

/// `[binaries]` of `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    /// What is fetched from instead of <https://github.com/>.
    pub(super) mirror: Option<String>,
    /// A catalog of the user's own: of a path that is not absolute, from the folder of the configuration file on.
    pub(super) catalog: Option<PathBuf>,
    /// A Python with pip.
    python: Option<PathBuf>,
    install: Install,
}

/// Whether `run` installs a server when there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Install {
    /// On a terminal, where somebody sees it.
    #[default]
    Auto,
    /// It says how to.
    Never,
}

/// Where builds of servers come from, and whether `run` installs one.
#[derive(Debug, Clone)]
pub(crate) struct Builds {
    /// What is fetched from instead of <https://github.com/>.
    pub(crate) mirror: Option<String>,
    /// A catalog of the user's own.
    pub(crate) catalog: Option<PathBuf>,
    /// A Python with pip; the first on the search path if `None`.
    pub(crate) python: Option<PathBuf>,
    pub(crate) install: Install,
}

impl Builds {
    pub(super) fn new(args: CatalogArgs, section: Section, file: &Path) -> Self {
        let beside = |path: PathBuf| file.with_file_name("").join(path);
        Self {
            mirror: args.mirror.or(section.mirror),
            catalog: args.catalog.or(section.catalog.map(beside)),
            python: section.python,
            install: section.install,
        }
    }
}
