//! Locks among processes. The system takes them back when a process ends, however it ends; their files are
//! empty and stay.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use crate::error::ModelsError;

/// The right to change which models and parts there are. Held for renames and removals, never for transfers.
#[derive(Debug)]
pub(crate) struct LibraryLock(#[expect(dead_code, reason = "it is held by being open")] File);

impl LibraryLock {
    /// Waits until nobody else has it.
    pub(crate) fn take(path: &Path) -> Result<Self, ModelsError> {
        let file = open(path)?;
        file.lock().map_err(|error| ModelsError::disk(path, "locked", error))?;
        Ok(Self(file))
    }
}

/// Somebody uses a model, or makes one; see [`crate::Library::hold`].
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "it is held by being open")] File);

impl Hold {
    /// One of any number of users. Waits for whoever looks whether there are any.
    pub(crate) fn shared(path: &Path) -> Result<Self, ModelsError> {
        let file = open(path)?;
        file.lock_shared().map_err(|error| ModelsError::disk(path, "locked", error))?;
        Ok(Self(file))
    }

    /// The only user; `None` if there are others.
    pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Self>, ModelsError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(ModelsError::disk(path, "locked", error)),
        }
    }

    /// Waits until there are no others.
    pub(crate) fn exclusive(path: &Path) -> Result<Self, ModelsError> {
        let file = open(path)?;
        file.lock().map_err(|error| ModelsError::disk(path, "locked", error))?;
        Ok(Self(file))
    }
}

fn open(path: &Path) -> Result<File, ModelsError> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    file.map_err(|error| ModelsError::disk(path, "locked", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_share_and_keep_out_whoever_wants_to_be_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let one = Hold::shared(&path).unwrap();
        let two = Hold::shared(&path).unwrap();
        drop(one);
        assert!(Hold::try_exclusive(&path).unwrap().is_none());
        drop(two);
        assert!(Hold::try_exclusive(&path).unwrap().is_some());
    }
}
