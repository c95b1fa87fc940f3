//! The files beside a target while it is downloaded, and how they become the target.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use fs4::FileExt;

use super::{
    journal::{self, Journal},
    lock::Lock,
    os,
};
use crate::error::{FetchError, is_full, of_disk};

/// How much is left free beside the file: one part in so many.
pub(crate) const HEADROOM: u64 = 20;

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) target: PathBuf,
    /// The bytes.
    pub(crate) part: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) folder: PathBuf,
}

impl Paths {
    /// The names for a target, which must be able to be a file.
    pub(crate) fn of(target: &Path) -> Result<Self, FetchError> {
        let target = std::path::absolute(target).map_err(|error| of_disk(target, "found", &error))?;
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(of_disk(&target, "written", &io::ErrorKind::IsADirectory.into()));
        };
        let beside = |end: &str| {
            let mut name = name.to_owned();
            name.push(end);
            folder.join(name)
        };
        Ok(Self {
            part: beside(".part"),
            journal: beside(".part.journal"),
            lock: beside(".part.lock"),
            folder: folder.to_owned(),
            target,
        })
    }

    /// What an earlier try left, if it can be gone on with.
    pub(crate) fn kept(&self) -> Option<Journal> {
        let journal = Journal::read(&self.journal)?;
        let length = fs::metadata(&self.part).ok().filter(fs::Metadata::is_file)?.len();
        (journal.done.end() <= length).then_some(journal)
    }

    /// Removes what an earlier try left. The journal goes first: without it the bytes mean nothing.
    /// That it is gone must last before other bytes come, about which it would lie.
    pub(crate) fn clear(&self) -> Result<(), FetchError> {
        let unfinished = journal::unfinished(&self.journal);
        for (path, must_last) in [(&unfinished, false), (&self.journal, true), (&self.part, false)] {
            match fs::remove_file(path) {
                Ok(()) if must_last => {
                    os::sync_folder(&self.folder).map_err(|error| of_disk(&self.folder, "synced", &error))?;
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(of_disk(path, "removed", &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The file that bytes are written to. Who has it has the lock.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) paths: Paths,
    file: File,
    _lock: Arc<Lock>,
}

impl Part {
    /// Opens the part, or makes it.
    pub(crate) fn open(paths: &Paths, lock: &Arc<Lock>) -> Result<Self, FetchError> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&paths.part);
        let file = file.map_err(|error| of_disk(&paths.part, "written", &error))?;
        Ok(Self { paths: paths.clone(), file, _lock: lock.clone() })
    }

    /// Takes room for a file of `length` bytes on the disk, after looking whether there is any: the file and
    /// 5 % of it, less what the part has already.
    pub(crate) fn reserve(&self, length: u64) -> Result<(), FetchError> {
        let failed = |error: io::Error| of_disk(&self.paths.part, "written", &error);
        let has = self.file.allocated_size().map_err(failed)?.min(length);
        let needed = length - has + length / HEADROOM;
        let free = self.free()?;
        if free < needed {
            return Err(FetchError::DiskFull { path: self.paths.target.clone(), needed, free });
        }
        if !os::has_cheap_room(&self.file) {
            return self.file.set_len(length).map_err(failed);
        }
        match self.file.allocate(length) {
            Err(error) if is_full(&error) => {
                Err(FetchError::DiskFull { path: self.paths.target.clone(), needed, free })
            }
            // Where room cannot be taken beforehand, the file has holes until they are filled.
            Err(_) => self.file.set_len(length).map_err(failed),
            Ok(()) => Ok(()),
        }
    }

    fn free(&self) -> Result<u64, FetchError> {
        fs4::available_space(&self.paths.folder).map_err(|error| of_disk(&self.paths.folder, "read", &error))
    }

    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        os::write_at(&self.file, bytes, offset)
    }

    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), FetchError> {
        os::read_at(&self.file, buffer, offset).map_err(|error| of_disk(&self.paths.part, "read", &error))
    }

    /// What a failed write means, with `missing` bytes still to come.
    pub(crate) fn unwritten(&self, error: &io::Error, missing: u64) -> FetchError {
        if is_full(error) {
            let (path, free) = (self.paths.target.clone(), self.free().unwrap_or(0));
            return FetchError::DiskFull { path, needed: missing, free };
        }
        of_disk(&self.paths.part, "written", error)
    }

    /// Puts what was written on the disk.
    pub(crate) fn sync(&self) -> Result<(), FetchError> {
        self.file.sync_data().map_err(|error| self.unwritten(&error, 0))
    }

    /// Notes what is on the disk.
    pub(crate) fn note(&self, journal: &Journal) -> Result<(), FetchError> {
        journal.write(&self.paths.journal).map_err(|error| {
            if is_full(&error) {
                self.unwritten(&error, journal.done.missing(journal.length))
            } else {
                of_disk(&self.paths.journal, "written", &error)
            }
        })
    }

    /// Gives room behind `end` back.
    pub(crate) fn cut(&self, end: u64) -> Result<(), FetchError> {
        self.file.set_len(end).map_err(|error| of_disk(&self.paths.part, "cut", &error))
    }

    /// Makes the part the target, which is there from then on, whole. The part must be synced.
    pub(crate) fn publish(&self) -> Result<(), FetchError> {
        let Paths { target, part, journal, folder, .. } = &self.paths;
        fs::rename(part, target).map_err(|error| of_disk(target, "put into place", &error))?;
        os::sync_folder(folder).map_err(|error| of_disk(folder, "synced", &error))?;
        // One that stays is about a part that is not there, which is noticed.
        let _ = fs::remove_file(journal);
        let _ = fs::remove_file(journal::unfinished(journal));
        Ok(())
    }
}
