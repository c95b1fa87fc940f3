//! The folder of the jobs: one folder for each, with `job.json` and its images.
//!
//! A file is written beside its place and renamed, so that none is ever half there. A job's images are written
//! before the record that names them. One program has the folder at a time: another one would take its jobs for
//! those of a program that died. What cannot be read is left where it is, told, and counted: it goes when a job of
//! its age would.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Record, ms, now_ms};

const RECORD: &str = "job.json";

/// What the name of a file ends with that is being written.
const UNFINISHED: &str = ".part";

/// The file by which one program keeps the others out. It is empty, and stays.
const LOCK: &str = ".lock";

#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// Held by being open. The system takes it back when the program ends, however it ends.
    _lock: File,
}

/// A job that cannot be read.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) id: String,
    /// When something in its folder was written last, in milliseconds since 1970; now, where nobody can tell.
    pub(crate) written_ms: u64,
    /// What its files take.
    pub(crate) bytes: u64,
}

impl Store {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        private(folder)?;
        // Whether it can be read is to be known now.
        fs::read_dir(folder)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                let message = "another Loadmaster uses them; end it, or start this one with another --home";
                Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// All that can be read, and what cannot: a disk may have failed for a moment, or a newer version may have
    /// written it.
    pub(crate) fn records(&self) -> (Vec<Record>, Vec<Unread>) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let (mut records, mut unread) = (Vec::new(), Vec::new());
        for id in names.filter(|name| is_id(name)) {
            match self.read(&id) {
                Ok(record) if record.id == id => records.push(record),
                Ok(_) => unread.push(self.leave(id, "it is the record of another job")),
                Err(error) => unread.push(self.leave(id, &error.to_string())),
            }
        }
        (records, unread)
    }

    fn leave(&self, id: String, cause: &str) -> Unread {
        let folder = self.folder.join(&id);
        tracing::warn!(folder = %folder.display(), cause, "a job cannot be read, and is left for as long as jobs are kept");
        let files =
            fs::read_dir(&folder).into_iter().flatten().flatten().filter_map(|file| file.metadata().ok());
        let (mut bytes, mut written) = (0_u64, None);
        for file in files.chain(fs::metadata(&folder).ok()) {
            bytes = bytes.saturating_add(if file.is_file() { file.len() } else { 0 });
            written = written.max(file.modified().ok());
        }
        let written_ms = written.map_or_else(now_ms, ms);
        Unread { id, written_ms, bytes }
    }

    fn read(&self, id: &str) -> io::Result<Record> {
        Ok(serde_json::from_slice(&fs::read(self.folder.join(id).join(RECORD))?)?)
    }

    /// Writes what is known of a job.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        let folder = self.folder.join(&record.id);
        fs::create_dir_all(&folder)?;
        replace(&folder.join(RECORD), &serde_json::to_vec_pretty(record)?)
    }

    /// Writes one of its images.
    pub(crate) fn write_image(&self, id: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace(&self.folder.join(id).join(name), bytes)
    }

    pub(crate) fn read_image(&self, id: &str, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(id).join(name))
    }

    /// Removes a job. What cannot be removed is tried again after a restart.
    pub(crate) fn remove(&self, id: &str) {
        if let Err(error) = fs::remove_dir_all(self.folder.join(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(job = id, %error, "a job's files could not be removed");
        }
    }
}

/// Whether a folder can be a job's: others are left alone.
fn is_id(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes beside, and renames. What fails leaves nothing.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(UNFINISHED);
    let beside = PathBuf::from(beside);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        // Some disks say only now that they are full.
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        // It may not even have been made.
        let _ = fs::remove_file(&beside);
    })
}

/// Prompts and images are the user's own.
#[cfg(unix)]
fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// The folder is in the user's profile, which others cannot read.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it fails on other systems")]
fn private(_: &Path) -> io::Result<()> {
    Ok(())
}
