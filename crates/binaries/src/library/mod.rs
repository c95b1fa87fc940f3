//! The folder of installed builds.

mod files;
mod find;
mod glance;
mod install;
mod look;
mod publish;
mod stage;
mod upkeep;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use loadmaster_fetch::Client;
use loadmaster_supervise::Supervisor;

use self::files::Files;
pub use self::glance::glance;
pub use self::install::{Request, find_on_path};
use crate::{
    catalog::{Catalog, Program},
    error::BinariesError,
    extract::Limits,
    prove::Prover,
    transport::{PipDownloads, Transport, UrlDownloads},
};

/// What a library works with.
#[derive(Clone)]
pub struct Tools {
    /// The builds there are.
    pub catalog: Catalog,
    /// Brings archives.
    pub downloads: Arc<dyn Transport>,
    /// Brings wheels.
    pub pip: PipDownloads,
    /// Tries builds.
    pub prover: Prover,
    /// How much an archive may become.
    pub limits: Limits,
}

impl Tools {
    /// The embedded catalog, and what is usual for the rest.
    pub fn new(client: Client, supervisor: Supervisor) -> Self {
        Self {
            catalog: Catalog::embedded(),
            downloads: Arc::new(UrlDownloads::new(client)),
            pip: PipDownloads::new(None, supervisor.clone(), Vec::new()),
            prover: Prover::new(supervisor, Vec::new()),
            limits: Limits::default(),
        }
    }
}

/// The folder of installed builds. Cheap to clone; processes may share a folder.
#[derive(Clone)]
pub struct Library {
    folder: PathBuf,
    tools: Tools,
}

impl Library {
    /// Opens a folder, which is created when missing.
    ///
    /// # Errors
    /// [`BinariesError::Folder`] if it cannot be.
    pub fn open(folder: &Path, tools: Tools) -> Result<Self, BinariesError> {
        let folder = std::path::absolute(folder)
            .map_err(|source| BinariesError::Folder { path: folder.to_owned(), source })?;
        let library = Self { folder, tools };
        for program in Program::ALL {
            library.files(program).create()?;
        }
        Ok(library)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The builds there are.
    pub fn catalog(&self) -> &Catalog {
        &self.tools.catalog
    }

    fn files(&self, program: Program) -> Files {
        Files::new(&self.folder, program)
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("folder", &self.folder).finish_non_exhaustive()
    }
}
