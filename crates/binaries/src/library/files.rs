//! Where what lies in the library's folder, and how it is read and written.
//!
//! ```text
//! .lock                          held by who changes anything
//! .downloads/SHA256              archives that are on their way, kept when that is broken off
//! llama/state.json               which build is used, which were before, what failed last
//! llama/records/ID.json          what is remembered of a build
//! llama/builds/ID/               its files
//! llama/builds/.replaced-ID/     the one before of the same id, until the new one's record is written
//! llama/.staging-*/              a build that is on its way
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    catalog::{Program, Source, Variant},
    error::{At, BinariesError},
    remembered::Record,
    report::Attempt,
    step::{Observer, Step},
};

/// The beginnings of folders that are on their way in or out.
pub(super) const STAGING: &str = ".staging-";
const REPLACED: &str = ".replaced-";

/// The beginning of files that are being written.
const WRITING: &str = ".writing-";

/// The paths of one program's builds.
#[derive(Debug, Clone)]
pub(super) struct Files {
    lock: PathBuf,
    downloads: PathBuf,
    pub(super) folder: PathBuf,
    program: Program,
}

/// Which build is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) current: Option<Selected>,
    /// The last one last.
    #[serde(default)]
    pub(super) before: Vec<Selected>,
    #[serde(default)]
    pub(super) pinned: bool,
    /// What failed on the way to the current one.
    #[serde(default)]
    pub(super) attempts: Vec<Attempt>,
}

/// A build, and what it is used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Selected {
    pub(super) build: String,
    pub(super) variant: Variant,
}

/// While it lives, no other process changes the library.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl State {
    /// Uses another build from now on.
    pub(super) fn select(&mut self, selected: &Selected) {
        let old = self.current.replace(selected.clone());
        self.before.retain(|before| before.build != selected.build);
        if let Some(old) = old.filter(|old| old.build != selected.build) {
            self.before.retain(|before| before.build != old.build);
            self.before.push(old);
        }
    }
}

impl Files {
    pub(super) fn new(library: &Path, program: Program) -> Self {
        Self {
            lock: library.join(".lock"),
            downloads: library.join(".downloads"),
            folder: library.join(program.name()),
            program,
        }
    }

    pub(super) fn create(&self) -> Result<(), BinariesError> {
        for folder in [self.builds(), self.records()] {
            fs::create_dir_all(&folder).at(&folder)?;
        }
        Ok(())
    }

    /// Where the archive with this hash is downloaded to. Its folder is made.
    pub(super) fn download(&self, sha256: &str) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.downloads)?;
        Ok(self.downloads.join(sha256))
    }

    /// Removes an archive that is not needed any more, and the folder with the last one.
    pub(super) fn forget_download(&self, archive: &Path) -> io::Result<()> {
        gone(fs::remove_file(archive))?;
        // What is left of other archives stays for another day.
        drop(fs::remove_dir(&self.downloads));
        Ok(())
    }

    /// Removes what downloads have left that were broken off; returns its bytes.
    pub(super) fn forget_downloads(&self) -> Result<u64, BinariesError> {
        let sizes = fs::read_dir(&self.downloads).into_iter().flatten().flatten();
        let bytes = sizes.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum();
        gone(fs::remove_dir_all(&self.downloads)).at(&self.downloads)?;
        Ok(bytes)
    }

    fn builds(&self) -> PathBuf {
        self.folder.join("builds")
    }

    fn records(&self) -> PathBuf {
        self.folder.join("records")
    }

    pub(super) fn build(&self, id: &str) -> PathBuf {
        self.builds().join(id)
    }

    pub(super) fn replaced(&self, id: &str) -> PathBuf {
        self.builds().join(format!("{REPLACED}{id}"))
    }

    fn record_path(&self, id: &str) -> PathBuf {
        self.records().join(format!("{id}.json"))
    }

    /// The folder of a build's files: ours, or where somebody else has them.
    pub(super) fn root(&self, record: &Record) -> PathBuf {
        match &record.build.from {
            Source::Path(path) if path.is_dir() => path.clone(),
            Source::Path(path) => path.parent().unwrap_or(path).to_owned(),
            _ => self.build(&record.build.id),
        }
    }

    pub(super) fn executable(&self, record: &Record) -> PathBuf {
        self.root(record).join(&record.program)
    }

    pub(super) fn state(&self) -> Result<State, BinariesError> {
        Ok(read(&self.folder.join("state.json"))?.unwrap_or_default())
    }

    pub(super) fn set_state(&self, state: &State) -> Result<(), BinariesError> {
        write(&self.folder.join("state.json"), state)
    }

    /// What is remembered of a build; `None` if it is not installed.
    pub(super) fn record(&self, id: &str) -> Result<Option<Record>, BinariesError> {
        let path = self.record_path(id);
        let record: Option<Record> = read(&path)?;
        match record {
            Some(record) if record.schema != Record::SCHEMA => {
                let cause = format!("its schema {} is not known", record.schema);
                Err(BinariesError::Damaged { path, cause })
            }
            record => Ok(record),
        }
    }

    pub(super) fn set_record(&self, record: &Record) -> Result<(), BinariesError> {
        write(&self.record_path(&record.build.id), record)
    }

    /// Every installed build, by its id; what is wrong with its record if that cannot be read.
    pub(super) fn all(&self) -> Result<BTreeMap<String, Result<Record, BinariesError>>, BinariesError> {
        let folder = self.records();
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(&folder).at(&folder)? {
            let name = entry.at(&folder)?.file_name().to_string_lossy().into_owned();
            let Some(id) = name.strip_suffix(".json").filter(|id| !id.starts_with('.')) else { continue };
            // One that goes away meanwhile is not installed.
            if let Some(record) = self.record(id).transpose() {
                all.insert(id.to_owned(), record);
            }
        }
        Ok(all)
    }

    /// Forgets a build, and removes its files if they are ours.
    pub(super) fn forget(&self, id: &str) -> Result<(), BinariesError> {
        // The files first: a record without files is seen as damaged and can be removed again.
        for folder in [self.build(id), self.replaced(id)] {
            gone(fs::remove_dir_all(&folder)).at(&folder)?;
        }
        let record = self.record_path(id);
        gone(fs::remove_file(&record)).at(&record)
    }

    /// Waits until no other process changes the library, and clears up after one that was ended.
    pub(super) async fn lock(&self, observer: &Observer) -> Result<Lock, BinariesError> {
        let (path, observer, files) = (self.lock.clone(), observer.clone(), self.clone());
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::create(&path).at(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    observer.tell(&Step::Waiting);
                    file.lock().at(&path)?;
                }
                Err(TryLockError::Error(error)) => return Err(error).at(&path),
            }
            files.recover()?;
            Ok(Lock { _file: file })
        });
        locked.await.map_err(|_| BinariesError::BrokenOff)?
    }

    /// Clears up after a process that was ended in the middle.
    fn recover(&self) -> Result<(), BinariesError> {
        for (path, name) in entries(&self.folder)? {
            if name.starts_with(STAGING) {
                gone(fs::remove_dir_all(&path)).at(&path)?;
            }
        }
        for (path, name) in [entries(&self.folder)?, entries(&self.records())?].concat() {
            if name.starts_with(WRITING) {
                gone(fs::remove_file(&path)).at(&path)?;
            }
        }
        for (path, name) in entries(&self.builds())? {
            if let Some(id) = name.strip_prefix(REPLACED) {
                self.settle(id, &path)?;
            } else if !self.record_path(&name).exists() {
                // A first build whose record was not written: nobody has used it.
                gone(fs::remove_dir_all(&path)).at(&path)?;
            }
        }
        Ok(())
    }

    /// Ends a replacement that was interrupted: the new one stays if its record was written, else the old one.
    fn settle(&self, id: &str, old: &Path) -> Result<(), BinariesError> {
        let new = self.build(id);
        let is_new = matches!(self.record(id), Ok(Some(record)) if record.is_untouched(&new));
        if is_new {
            return gone(fs::remove_dir_all(old)).at(old);
        }
        gone(fs::remove_dir_all(&new)).at(&new)?;
        fs::rename(old, &new).at(&new)
    }

    pub(super) fn program(&self) -> Program {
        self.program
    }
}

fn entries(folder: &Path) -> Result<Vec<(PathBuf, String)>, BinariesError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).at(folder)? {
        let entry = entry.at(folder)?;
        entries.push((entry.path(), entry.file_name().to_string_lossy().into_owned()));
    }
    Ok(entries)
}

/// Something that is to be gone may be gone already.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, BinariesError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.at(path)?,
    };
    let damaged =
        |error: serde_json::Error| BinariesError::Damaged { path: path.to_owned(), cause: error.to_string() };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

/// Writes a whole file or none.
fn write(path: &Path, value: &impl Serialize) -> Result<(), BinariesError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::other).at(path)?;
    let mut file = tempfile::Builder::new().prefix(WRITING).tempfile_in(folder).at(folder)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).at(path)?;
    file.persist(path).map_err(|error| error.error).at(path)?;
    Ok(())
}
