//! What builds said of themselves. A build is asked once, and again when another one has taken its place.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use loadmaster_core::BackendError;
use loadmaster_supervise::Supervisor;

use crate::{
    programs::{self, Build},
    stamp::Stamp,
    work_folder::off_thread,
};

/// What builds said, by program.
#[derive(Debug, Default)]
pub(crate) struct Builds(Mutex<HashMap<PathBuf, (Option<Stamp>, Build)>>);

impl Builds {
    /// What `program` can do.
    pub(crate) async fn of(&self, program: &Path, supervisor: &Supervisor) -> Result<Build, BackendError> {
        let looked = program.to_owned();
        let stamp = off_thread(move || Ok(Stamp::of(&looked))).await.ok().flatten();
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, build)) = known().get(program)
            && *of == stamp
        {
            return Ok(build.clone());
        }
        let build = programs::ask(program, supervisor).await?;
        known().insert(program.to_owned(), (stamp, build.clone()));
        Ok(build)
    }
}
