//! Brings a build into a folder of its own beside its place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Library,
    files::{Files, STAGING},
};
use crate::{
    catalog::{Build, Program, Source, Variant},
    error::{At, BinariesError},
    extract::{ArchiveFault, extract},
    prove::Fault,
    report::{Attempt, Stage},
    step::{Observer, Step},
    transport::{TransportError, Wish},
};

/// Folders within a build in which its program may lie.
const DEEPEST: usize = 4;

/// A build that is here and not yet in its place.
#[derive(Debug)]
pub(super) struct Staged {
    /// It goes when dropped. `None` if the build stays where it is.
    pub(super) staging: Option<tempfile::TempDir>,
    /// The build's files.
    pub(super) root: PathBuf,
    /// The program, below the root.
    pub(super) program: PathBuf,
}

/// Why a build did not come; not yet who tried.
#[derive(Debug)]
pub(super) struct Reason {
    pub(super) stage: Stage,
    pub(super) cause: String,
    pub(super) remedy: Option<String>,
    pub(super) fault: Option<Fault>,
}

impl Reason {
    pub(super) fn attempt(&self, build: &str, variant: Variant) -> Attempt {
        Attempt {
            build: build.to_owned(),
            variant,
            stage: self.stage,
            cause: self.cause.clone(),
            remedy: self.remedy.clone(),
            fault: self.fault.clone(),
        }
    }
}

impl From<TransportError> for Reason {
    fn from(error: TransportError) -> Self {
        Self { stage: Stage::Fetch, cause: error.to_string(), remedy: Some(error.remedy()), fault: None }
    }
}

impl From<ArchiveFault> for Reason {
    fn from(fault: ArchiveFault) -> Self {
        let (cause, remedy) = match fault {
            // That is no fault of the archive.
            ArchiveFault::Io(_) => (
                fault.to_string(),
                Some("Check that the disk has room, and that its folder is yours.".to_owned()),
            ),
            _ => (format!("its archive is refused: {fault}"), None),
        };
        Self { stage: Stage::Unpack, cause, remedy, fault: None }
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        Self { stage: Stage::Prove, cause: fault.to_string(), remedy: fault.remedy(), fault: Some(fault) }
    }
}

impl Library {
    /// Fetches and unpacks a build, or finds it where it is. The outer error is the library's, the inner one the
    /// build's.
    pub(super) async fn stage(
        &self,
        build: &Build,
        observer: &Observer,
    ) -> Result<Result<Staged, Reason>, BinariesError> {
        if let Source::Path(path) = &build.from {
            return Ok(in_place(build.program, path).map_err(Reason::from));
        }
        let files = self.files(build.program);
        let folder = &files.folder;
        let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(folder).at(folder)?;
        let root = staging.path().join("build");
        if let Err(reason) = self.fill(build, &files, staging.path(), &root, observer).await {
            return Ok(Err(reason));
        }
        let staged = match locate(build.program, &root) {
            Some(program) => Ok(Staged { staging: Some(staging), root, program }),
            None => Err(no_program(build.program).into()),
        };
        Ok(staged)
    }

    async fn fill(
        &self,
        build: &Build,
        files: &Files,
        staging: &Path,
        root: &Path,
        observer: &Observer,
    ) -> Result<(), Reason> {
        match &build.from {
            Source::Archive(archive) => {
                let wish = Wish {
                    url: self.tools.catalog.address(&archive.url),
                    sha256: archive.sha256.clone(),
                    bytes: archive.bytes,
                };
                let from = self.download(&wish, files, &build.id, observer).await?;
                let unpacked = self.unpack(&from, root, &archive.only, build, observer).await;
                files.forget_download(&from).map_err(TransportError::from)?;
                unpacked?;
            }
            Source::Pip(pip) => {
                let folder = staging.join("pip");
                fs::create_dir(&folder).map_err(TransportError::from)?;
                let progress = fetching(&build.id, observer);
                progress(0, pip.bytes);
                let wheel = self.tools.pip.fetch(pip, &folder, &progress).await?;
                self.unpack(&wheel, root, &pip.only, build, observer).await?;
            }
            Source::Path(_) => return Ok(()),
        }
        for (number, extra) in build.also.iter().enumerate() {
            let wish = Wish {
                url: self.tools.catalog.address(&extra.url),
                sha256: extra.sha256.clone(),
                bytes: extra.bytes,
            };
            let archive = self.download(&wish, files, &extra.what, observer).await?;
            let unpacked = staging.join(format!("extra-{number}-unpacked"));
            let done = self.unpack(&archive, &unpacked, &[], build, observer).await;
            files.forget_download(&archive).map_err(TransportError::from)?;
            done?;
            // Libraries are found beside the program.
            let program = locate(build.program, root).ok_or_else(|| no_program(build.program))?;
            add(&unpacked, root.join(program).parent().unwrap_or(root))?;
        }
        Ok(())
    }

    /// Brings an archive here, from where the last try has left it.
    async fn download(
        &self,
        wish: &Wish,
        files: &Files,
        what: &str,
        observer: &Observer,
    ) -> Result<PathBuf, Reason> {
        let progress = fetching(what, observer);
        progress(0, wish.bytes);
        let to = files.download(&wish.sha256).map_err(TransportError::from)?;
        self.tools.downloads.fetch(wish, &to, &progress).await?;
        Ok(to)
    }

    async fn unpack(
        &self,
        archive: &Path,
        to: &Path,
        only: &[String],
        build: &Build,
        observer: &Observer,
    ) -> Result<(), Reason> {
        let (archive, to, only, limits) =
            (archive.to_owned(), to.to_owned(), only.to_owned(), self.tools.limits);
        let id = build.id.clone();
        let pace = observer.pace();
        let unpacking = tokio::task::spawn_blocking(move || {
            let mut tell = |bytes| pace.tell(false, || Step::Unpacking { build: id.clone(), bytes });
            extract(&archive, &to, &only, &limits, &mut tell)
        });
        let unpacked = unpacking.await.map_err(|error| ArchiveFault::Io(std::io::Error::other(error)))?;
        unpacked.map(drop).map_err(Reason::from)
    }
}

/// Tells the observer of a file that is on its way.
fn fetching(what: &str, observer: &Observer) -> impl Fn(u64, Option<u64>) + Send + Sync + use<> {
    let (what, pace) = (what.to_owned(), observer.pace());
    move |bytes, total| {
        pace.tell(total == Some(bytes), || Step::Fetching { what: what.clone(), bytes, total });
    }
}

/// A build that somebody else has brought: a program, or a folder with one.
fn in_place(program: Program, path: &Path) -> Result<Staged, Fault> {
    if path.is_file() {
        let name = path.file_name().map(PathBuf::from).ok_or_else(|| no_program(program))?;
        let root = path.parent().unwrap_or(path).to_owned();
        return Ok(Staged { staging: None, root, program: name });
    }
    // Only in the folder itself: below it may lie anything.
    let found =
        program.executables().iter().map(|name| file_name(name)).find(|name| path.join(name).is_file());
    match found {
        Some(name) => Ok(Staged { staging: None, root: path.to_owned(), program: name.into() }),
        None => Err(Fault::NoProgram { name: format!("{} in {}", names(program), path.display()) }),
    }
}

/// The program of an unpacked build, below `root`: the preferred name first, then the highest folder.
pub(super) fn locate(program: Program, root: &Path) -> Option<PathBuf> {
    program.executables().iter().find_map(|name| search(root, Path::new(""), &file_name(name), DEEPEST))
}

fn search(root: &Path, below: &Path, name: &str, depth: usize) -> Option<PathBuf> {
    let here = below.join(name);
    if fs::symlink_metadata(root.join(&here)).is_ok_and(|metadata| metadata.is_file()) {
        return Some(here);
    }
    let depth = depth.checked_sub(1)?;
    let entries = fs::read_dir(root.join(below)).ok()?;
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut folders: Vec<_> = folders.map(|entry| below.join(entry.file_name())).collect();
    folders.sort();
    folders.iter().find_map(|folder| search(root, folder, name, depth))
}

/// Moves the files of `from` into `to`, none of which may be there.
fn add(from: &Path, to: &Path) -> Result<(), ArchiveFault> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if fs::symlink_metadata(&target).is_ok() {
            return Err(ArchiveFault::Duplicate { name: entry.file_name().to_string_lossy().into_owned() });
        }
        fs::rename(entry.path(), target)?;
    }
    Ok(())
}

pub(super) fn file_name(program: &str) -> String {
    format!("{program}{}", std::env::consts::EXE_SUFFIX)
}

fn names(program: Program) -> String {
    program.executables().join(" or ")
}

fn no_program(program: Program) -> Fault {
    Fault::NoProgram { name: names(program) }
}
