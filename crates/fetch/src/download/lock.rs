//! One download per target, among all processes.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use super::os;
use crate::error::{FetchError, of_disk};

/// The right to download to a target. The system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock whose file is `path`; `None` while somebody else has it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, FetchError> {
        let failed = |error: &std::io::Error| of_disk(path, "locked", error);
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(path);
            let file = file.map_err(|error| failed(&error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
            }
            // Who had it may have removed the file after it was opened here: then it locks nobody out.
            if os::is_at(&file, path).map_err(|error| failed(&error))? {
                return Ok(Some(Self { path: path.to_owned(), _file: file }));
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held.
        os::remove_lock(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let lock = Lock::try_take(&path).unwrap().expect("nobody has it");
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(lock);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }

    #[test]
    fn many_threads_never_have_it_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut had = 0;
                    while had < 50 {
                        let Some(lock) = Lock::try_take(&path).unwrap() else { continue };
                        assert_eq!(inside.fetch_add(1, order), 0);
                        had += 1;
                        inside.fetch_sub(1, order);
                        drop(lock);
                    }
                });
            }
        });
    }
}
