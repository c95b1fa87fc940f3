//! One file of the journal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The end of an entry's name.
pub(crate) const EXTENSION: &str = "json";
/// The end of the name of an entry that is being written.
pub(crate) const UNFINISHED: &str = "json-unfinished";

/// A process as it can be found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) pid: u32,
    pub(crate) start: String,
}

/// What is written about one child.
///
/// Later versions may add fields, which earlier ones ignore; they must not rename any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The mark in the child's environment.
    pub(crate) nonce: String,
    pub(crate) program: PathBuf,
    /// The program that started it.
    pub(crate) owner: Started,
    /// The child; `None` while it is being started.
    pub(crate) child: Option<Started>,
}

impl Entry {
    /// Where the entry lies.
    pub(crate) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.nonce).with_extension(EXTENSION)
    }

    /// Writes it so that a reader sees the old or the new one, whenever this program ends. It need not reach
    /// the disk, which takes milliseconds: the power cut that would lose it leaves no child behind either.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let unfinished = folder.join(&self.nonce).with_extension(UNFINISHED);
        let entry = serde_json::to_vec_pretty(self)?;
        fs::write(&unfinished, entry).and_then(|()| fs::rename(&unfinished, self.path(folder))).inspect_err(
            // On a full disk the beginning of a file may be there.
            |_| drop(fs::remove_file(&unfinished)),
        )
    }

    /// Reads an entry and refuses what cannot be one.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let entry: Self = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        entry.check()?;
        Ok(entry)
    }

    fn check(&self) -> Result<(), String> {
        let hexadecimal = self.nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.nonce.len() != 32 || !hexadecimal {
            return Err("the mark is not 32 hexadecimal digits".to_owned());
        }
        match &self.child {
            // Zero means "my own group" to the system, and one is init.
            Some(child) if child.pid < 2 => Err(format!("{} is no child's number", child.pid)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Started};

    fn entry() -> Entry {
        Entry {
            nonce: "0123456789abcdef0123456789abcdef".to_owned(),
            program: "/bin/sleep".into(),
            owner: Started { pid: 77, start: "boot:1".to_owned() },
            child: Some(Started { pid: 78, start: "boot:2".to_owned() }),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        entry().write(folder.path()).unwrap();
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(Entry::read(&entry().path(folder.path())), Ok(entry()));
    }

    #[test]
    fn a_field_of_a_later_version_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let mut value = serde_json::to_value(entry()).unwrap();
        value["since"] = "tomorrow".into();
        std::fs::write(&path, value.to_string()).unwrap();
        assert_eq!(Entry::read(&path), Ok(entry()));
    }

    #[test]
    fn numbers_and_marks_that_cannot_be_are_refused() {
        for pid in [0, 1] {
            let mut entry = entry();
            entry.child = Some(Started { pid, start: String::new() });
            assert!(entry.check().is_err(), "{pid}");
        }
        for nonce in ["", "../../etc/passwd", "0123"] {
            let mut entry = entry();
            entry.nonce = nonce.to_owned();
            assert!(entry.check().is_err(), "{nonce}");
        }
    }
}
