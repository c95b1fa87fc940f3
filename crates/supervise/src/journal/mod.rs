//! The journal of children: what a program must know about those it left behind.
//!
//! One small JSON file per child, written before the child is started, completed with its number
//! right after, and removed when it was reaped. A file whose owner is gone names an orphan.

mod entry;
mod reap;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::SuperviseError;
use crate::identity;
use crate::journal::entry::{Entry, Started};

pub use self::reap::{Orphan, Outcome, Reaped};

/// A folder in which children are written down; cheap to clone.
///
/// Several programs may share one: each touches only entries whose owner is gone.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: Arc<Path>,
}

impl Journal {
    /// Opens the journal in `dir`, which is created when missing.
    ///
    /// # Errors
    ///
    /// [`SuperviseError::Journal`] if it cannot be created.
    pub fn open(dir: &Path) -> Result<Self, SuperviseError> {
        std::fs::create_dir_all(dir).map_err(|source| failed(dir, source))?;
        Ok(Self { folder: dir.into() })
    }

    /// Ends the children that programs left behind which ended without a chance to clean up, and
    /// forgets their entries. To be called when the program starts.
    ///
    /// Blocks for up to two seconds per orphan. Nobody else's process is touched: the start time
    /// and the mark in the environment must both be those written down. A process is killed with
    /// its group; others that carry the mark (grandchildren that outlived the child) one by one.
    /// Entries of an owner that still runs, this program's own included, are left alone and not
    /// reported.
    ///
    /// # Errors
    ///
    /// [`SuperviseError::Journal`] if the folder cannot be read. A single entry that cannot be
    /// read is reported as [`Outcome::Damaged`].
    pub fn reap_orphans(&self) -> Result<Vec<Reaped>, SuperviseError> {
        reap::all(&self.folder)
    }

    /// The children that [`reap_orphans`](Self::reap_orphans) would end now, left as they are.
    ///
    /// # Errors
    ///
    /// [`SuperviseError::Journal`] if the folder cannot be read.
    pub fn orphans(&self) -> Result<Vec<Orphan>, SuperviseError> {
        reap::look(&self.folder)
    }

    /// Writes down that a child with this mark is about to be started.
    pub(crate) fn announce(&self, nonce: String, program: PathBuf) -> Result<Record, SuperviseError> {
        let owner = std::process::id();
        let entry =
            Entry { nonce, program, owner: Started { pid: owner, start: start_of(owner) }, child: None };
        let record = Record { folder: Arc::clone(&self.folder), entry };
        record.write()?;
        Ok(record)
    }
}

/// The entry of one child of this program.
#[derive(Debug)]
pub(crate) struct Record {
    folder: Arc<Path>,
    entry: Entry,
}

impl Record {
    pub(crate) fn program(&self) -> &Path {
        &self.entry.program
    }

    /// Adds the process that was started.
    pub(crate) fn complete(&mut self, pid: u32) -> Result<(), SuperviseError> {
        self.entry.child = Some(Started { pid, start: start_of(pid) });
        self.write()
    }

    /// Forgets the child.
    pub(crate) fn remove(&self) {
        let path = self.entry.path(&self.folder);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = path.display();
                tracing::warn!(%path, %error, "cannot remove the journal entry of a child");
            }
            _ => {}
        }
    }

    fn write(&self) -> Result<(), SuperviseError> {
        let path = self.entry.path(&self.folder);
        self.entry.write(&self.folder).map_err(|source| failed(&path, source))
    }
}

/// When the process started; a form that equals nothing where the system does not say, so that it
/// is never taken for another.
fn start_of(pid: u32) -> String {
    identity::look(pid).map_or_else(|| "unknown".to_owned(), |seen| seen.start)
}

fn failed(path: &Path, source: io::Error) -> SuperviseError {
    SuperviseError::Journal { path: path.to_owned(), source }
}
