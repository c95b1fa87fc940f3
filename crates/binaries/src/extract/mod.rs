//! Unpacks zip and tar.gz archives that nobody vouches for.
//!
//! Everything goes into a fresh folder beside the target, which takes the target's name when all of it has been
//! found in order, and which is gone when anything was refused.

mod fault;
#[cfg_attr(unix, path = "files_unix.rs")]
#[cfg_attr(not(unix), path = "files_other.rs")]
mod files;
mod name;
mod tar_gz;
mod tree;
mod zipped;

use std::{
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
};

pub(crate) use self::name::parts_of;
use self::tree::Tree;
pub use self::{fault::ArchiveFault, name::NameFault};

/// How much an archive may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all that is unpacked.
    pub bytes: u64,
    /// How many times the archive's own size that may be. Deflate reaches 1032 with nothing but zeros; programs
    /// and libraries become three to four times their size.
    pub ratio: u64,
    /// Up to this many bytes the ratio is not looked at: small files may well be full of zeros.
    pub ratio_from: u64,
    /// Files, folders and links.
    pub entries: usize,
}

impl Default for Limits {
    /// 8 GiB, 100 times the archive's size beyond 16 MiB, 20,000 entries: several times what any build has.
    fn default() -> Self {
        Self { bytes: 8 << 30, ratio: 100, ratio_from: 16 << 20, entries: 20_000 }
    }
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// How many files and links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Unpacks `archive` to `target`, which must not exist, in a folder that does.
///
/// Folders that hold nothing but one folder are left out at the top. Of Unix modes, only whether a file can be
/// run is kept. Names beyond the folders in `only` are checked, and not unpacked; all are if it is empty.
/// `progress` hears how many bytes have been written.
///
/// # Errors
/// [`ArchiveFault`]; there is nothing at or beside `target` then.
pub fn extract(
    archive: &Path,
    target: &Path,
    only: &[String],
    limits: &Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Unpacked, ArchiveFault> {
    let only = only.iter().map(|folder| parts_of(folder)).collect::<Result<Vec<_>, _>>();
    let only =
        only.map_err(|why| ArchiveFault::UnsafeName { name: "the folder asked for".to_owned(), why })?;
    let beside = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = File::open(archive)?;
    let size = file.metadata()?.len();
    let staging = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(beside)?;
    let mut tree = Tree::new(staging.path(), only, *limits, size, progress);
    let mut magic = [0; 2];
    let read = file.read(&mut magic)?;
    file.rewind()?;
    match &magic[..read] {
        b"PK" => zipped::read(file, &mut tree)?,
        [0x1f, 0x8b] => tar_gz::read(file, &mut tree)?,
        _ => return Err(ArchiveFault::NoArchive),
    }
    let unpacked = tree.finish()?;
    if unpacked.files == 0 {
        return Err(ArchiveFault::Empty);
    }
    if fs::symlink_metadata(target).is_ok() {
        return Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists).into());
    }
    fs::rename(innermost(staging.path())?, target)?;
    Ok(unpacked)
}

/// The folder below `root` that does not just hold one folder.
fn innermost(root: &Path) -> Result<PathBuf, std::io::Error> {
    let mut folder = root.to_owned();
    loop {
        let mut entries = fs::read_dir(&folder)?;
        let only = match (entries.next(), entries.next()) {
            (Some(only), None) => only?,
            _ => return Ok(folder),
        };
        if !only.file_type()?.is_dir() {
            return Ok(folder);
        }
        folder = only.path();
    }
}
