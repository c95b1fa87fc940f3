//! The library of models, as the command uses it.

mod arrived;
mod failed;
mod named;
pub(crate) mod progress;
pub(crate) mod recommended;
pub(crate) mod rested;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use loadmaster_models::{Job, Library};

pub(crate) use self::{
    arrived::arrived,
    named::{Found, catalog, find, find_now, hold, known, models_to_serve, pullable, stored},
};
use crate::{Failed, commands::interrupts::Interrupts, config::Config, failed::INTERRUPTED};

/// How long work may take to notice that it was called off.
const PATIENCE: Duration = Duration::from_secs(2);

/// The library's folder.
pub(crate) fn root(config: &Config) -> PathBuf {
    config.folders.models.clone()
}

/// Opens the library, which is made when it is first needed.
pub(crate) fn open(config: &Config) -> Result<Library, Failed> {
    Ok(Library::open(root(config))?)
}

/// Runs what reads and writes disks on a thread that may block.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Failed>
where
    T: Send + 'static,
    E: Into<Failed> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(error) => Err(Failed::because(format!("The work on the library ended early: {error}"))),
    }
}

/// Waits for work, and calls it off when the user interrupts it: `None` then.
pub(crate) async fn interruptible<T>(
    job: &Job,
    work: impl Future<Output = Result<T, Failed>>,
) -> Result<Option<T>, Failed> {
    let mut interrupts = Interrupts::listen()?;
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done.map(Some),
        () = interrupts.next() => {
            job.cancel();
            // Whatever moment it ends at, nothing is half done; so it is not waited for long.
            tokio::select! {
                _ = work => {}
                () = interrupts.next() => {}
                () = tokio::time::sleep(PATIENCE) => {}
            }
            Ok(None)
        }
    }
}

/// How a command ends that the user interrupted.
pub(crate) fn interrupted(told: &str) -> ExitCode {
    eprintln!("interrupted: {told}");
    ExitCode::from(INTERRUPTED)
}
