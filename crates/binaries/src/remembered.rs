//! What is remembered of a build's files, so that it need not be read and tried again at each start.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Build, Source, Variant},
    host::Fingerprint,
    prove::Proof,
    transport::hash_file,
};

/// What libraries of a build are called that somebody else installed among other programs.
const LIBRARIES: &[&str] =
    &["libggml", "ggml", "libllama", "llama", "libmtmd", "mtmd", "libstable-diffusion", "stable-diffusion"];

/// All that is remembered of an installed build: one JSON file beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) schema: u32,
    /// As the catalog had it.
    pub(crate) build: Build,
    /// The program, below the build's folder.
    pub(crate) program: PathBuf,
    pub(crate) files: Vec<Remembered>,
    /// The last one first; one for each variant and machine.
    pub(crate) proofs: Vec<Held>,
}

/// A proof, and what it holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) proof: Proof,
    pub(crate) host: Fingerprint,
}

/// A file, and by what it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Below the build's folder, parted by `/`.
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) identity: Identity,
    pub(crate) sha256: String,
}

/// What a file system tells of a file that changes when the file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) bytes: u64,
    /// Last change, in nanoseconds since 1970.
    pub(crate) modified: u64,
    /// Which file it is; 0 on systems that do not say.
    pub(crate) inode: u64,
}

/// What became of files since they were remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// They were touched, moved or copied; their contents are the same.
    Touched(Vec<Remembered>),
    /// These are missing or have other contents.
    Other(Vec<String>),
}

impl Record {
    pub(crate) const SCHEMA: u32 = 1;

    /// How many machines' proofs are kept: somebody may go back and forth between two kernels or docks.
    const MOST_PROOFS: usize = 12;

    /// A record of the files in `folder` as they are now, with their hashes.
    pub(crate) fn of(build: &Build, folder: &Path, program: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for path in files_of(build, folder, program)? {
            let full = folder.join(&path);
            let identity = Identity::of(&fs::metadata(&full)?);
            files.push(Remembered { path, identity, sha256: hash_file(&full)? });
        }
        let program = program.to_owned();
        Ok(Self { schema: Self::SCHEMA, build: build.clone(), program, files, proofs: Vec::new() })
    }

    /// The proof for this variant on this machine, if there is one.
    pub(crate) fn proof(&self, variant: Variant, host: &Fingerprint) -> Option<&Proof> {
        let held = self.proofs.iter().find(|held| held.proof.variant == variant && held.host == *host);
        held.map(|held| &held.proof)
    }

    /// Remembers a proof, in place of what it proves anew.
    pub(crate) fn remember(&mut self, proof: Proof, host: Fingerprint) {
        self.proofs.retain(|held| held.proof.variant != proof.variant || held.host != host);
        self.proofs.insert(0, Held { proof, host });
        self.proofs.truncate(Self::MOST_PROOFS);
    }

    /// Whether all files are those that are remembered, by what the file system says: nothing is read.
    pub(crate) fn is_untouched(&self, folder: &Path) -> bool {
        let same = |file: &Remembered| {
            fs::metadata(folder.join(&file.path))
                .is_ok_and(|metadata| Identity::of(&metadata) == file.identity)
        };
        self.files.iter().all(same)
    }

    /// What became of the files. Those are read whose identity has changed, or all.
    pub(crate) fn change(&self, folder: &Path, read_all: bool) -> Change {
        let (mut files, mut other) = (self.files.clone(), Vec::new());
        for file in &mut files {
            let path = folder.join(&file.path);
            let Ok(metadata) = fs::metadata(&path) else {
                other.push(file.path.clone());
                continue;
            };
            let identity = Identity::of(&metadata);
            if identity == file.identity && !read_all {
                continue;
            }
            let same = identity.bytes == file.identity.bytes
                && hash_file(&path).is_ok_and(|hash| hash == file.sha256);
            if !same {
                other.push(file.path.clone());
            }
            file.identity = identity;
        }
        if !other.is_empty() {
            Change::Other(other)
        } else if files == self.files {
            Change::None
        } else {
            Change::Touched(files)
        }
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.identity.bytes).sum()
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        Self { bytes: metadata.len(), modified, inode: inode(metadata) }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}

/// The files that make up a build: all in a folder of ours; of somebody else's, the program and what beside it
/// has the name of a library that it could load.
fn files_of(build: &Build, folder: &Path, program: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    if let Source::Path(_) = build.from {
        let program = program.to_string_lossy().into_owned();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let library = LIBRARIES.iter().any(|start| name.starts_with(start))
                && [".so", ".dll", ".dylib"].iter().any(|end| name.contains(end));
            if (library || name == program) && fs::metadata(entry.path())?.is_file() {
                files.push(name);
            }
        }
    } else {
        walk(folder, "", &mut files)?;
    }
    files.sort();
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn folder() -> (tempfile::TempDir, Record) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/llama-server"), "program").unwrap();
        fs::write(folder.path().join("LICENSE"), "text").unwrap();
        let build = Catalog::embedded().builds()[0].clone();
        let record = Record::of(&build, folder.path(), Path::new("bin/llama-server")).unwrap();
        (folder, record)
    }

    #[test]
    fn nothing_changes_by_itself() {
        let (folder, record) = folder();
        let names: Vec<_> = record.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["LICENSE", "bin/llama-server"]);
        assert!(record.is_untouched(folder.path()));
        assert_eq!(record.change(folder.path(), true), Change::None);
        assert_eq!(record.bytes(), 11);
    }

    #[test]
    fn a_touched_file_is_the_same_and_a_changed_one_is_not() {
        let (folder, record) = folder();
        let path = folder.path().join("LICENSE");
        let touched = fs::File::options().append(true).open(&path).unwrap();
        touched.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(9)).unwrap();
        assert!(!record.is_untouched(folder.path()));
        let Change::Touched(files) = record.change(folder.path(), false) else {
            panic!("it was only touched")
        };
        assert_eq!(files[0].identity.modified, 9_000_000_000);
        fs::write(&path, "tex!").unwrap();
        assert_eq!(record.change(folder.path(), false), Change::Other(vec!["LICENSE".to_owned()]));
        fs::remove_file(&path).unwrap();
        assert_eq!(record.change(folder.path(), false), Change::Other(vec!["LICENSE".to_owned()]));
    }

    #[test]
    fn rot_behind_an_unchanged_identity_is_found_when_all_is_read() {
        let (folder, mut record) = folder();
        record.files[0].sha256 = "0".repeat(64);
        assert!(record.is_untouched(folder.path()));
        assert_eq!(record.change(folder.path(), false), Change::None);
        assert_eq!(record.change(folder.path(), true), Change::Other(vec!["LICENSE".to_owned()]));
    }
}
