//! Files and folders, changed so that neither a crash nor another process sees half of it.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

pub(crate) use self::system::{links, sync_folder};
use crate::error::ModelsError;

/// Writes `bytes` to `path`, which has all of them when this returns, or is what it was.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelsError> {
    let beside = path.with_file_name(format!(".new-{:016x}", chance()));
    let written = File::create_new(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let published = written.and_then(|()| fs::rename(&beside, path));
    let lasting = published.and_then(|()| path.parent().map_or(Ok(()), sync_folder));
    lasting.map_err(|error| {
        let _ = fs::remove_file(&beside);
        ModelsError::disk(path, "written", error)
    })
}

/// Moves `from` to `to`, on the same file system, for good.
pub(crate) fn publish(from: &Path, to: &Path) -> Result<(), ModelsError> {
    fs::rename(from, to)
        .and_then(|()| to.parent().map_or(Ok(()), sync_folder))
        .map_err(|error| ModelsError::disk(to, "put in its place", error))
}

/// Makes `path` a folder, and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), ModelsError> {
    fs::create_dir_all(path).map_err(|error| ModelsError::disk(path, "made", error))
}

/// Removes a file or a folder with all that is in it. What is not there is removed.
pub(crate) fn remove(path: &Path) -> Result<(), ModelsError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(is) if is.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ModelsError::disk(path, "removed", error))
        }
        _ => Ok(()),
    }
}

/// What is in a folder: names and paths, in order. A folder that is not there is empty.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, ModelsError> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other,
    };
    let failed = |error| ModelsError::disk(folder, "read", error);
    let mut found = Vec::new();
    for entry in read.map_err(failed)? {
        let entry = entry.map_err(failed)?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}

/// Bytes of a file, or of all files in a folder. Links are not followed.
pub(crate) fn bytes_of(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(is) if is.is_dir() => {
            entries(path).unwrap_or_default().iter().map(|(_, path)| bytes_of(path)).sum()
        }
        Ok(is) => is.len(),
        Err(_) => 0,
    }
}

/// Bytes that come free when `path` is removed: files that have another name elsewhere free nothing.
pub(crate) fn bytes_freed_with(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(is) if is.is_dir() => {
            entries(path).unwrap_or_default().iter().map(|(_, path)| bytes_freed_with(path)).sum()
        }
        Ok(is) if links(&is) > 1 => 0,
        Ok(is) => is.len(),
        Err(_) => 0,
    }
}

/// A number that no other process has.
pub(crate) fn chance() -> u64 {
    // Without a source of randomness, process and time are still unlike those of others.
    getrandom::u64().unwrap_or_else(|_| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::from(std::process::id()) << 32 ^ u64::from(now.subsec_nanos())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(entries(folder.path()).unwrap().len(), 1);
        // What cannot be replaced leaves nothing behind either.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("in")).unwrap();
        assert!(write_whole(&taken, b"three").is_err());
        assert_eq!(entries(folder.path()).unwrap().len(), 2);
    }
}
