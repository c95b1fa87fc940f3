//! A folder for the files of one process, which goes with it.

use std::path::{Path, PathBuf};

use loadmaster_core::BackendError;

/// A folder that is deleted with everything in it: by [`WorkFolder::delete`], or else when it is dropped.
#[derive(Debug)]
pub(crate) struct WorkFolder(PathBuf);

impl WorkFolder {
    /// A new folder for the user alone, within `parent`.
    pub(crate) async fn new(parent: &Path) -> Result<Self, BackendError> {
        let path = parent.join(format!("work-{}", &loadmaster_upstream::random_hex()?[..16]));
        let made = path.clone();
        // Whoever stops waiting leaves the folder to this: it is deleted as soon as it is made.
        off_thread(move || made_for_the_user(&made).map(|()| Self(made)))
            .await
            .map_err(|error| BackendError::system(format!("making the folder {}", path.display()), error))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Deletes it off the async threads, and returns when it is gone.
    pub(crate) async fn delete(self) {
        let _ = off_thread(move || {
            drop(self);
            Ok(())
        })
        .await;
    }
}

/// Deleted here and now: nobody may be left to do it later.
impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a working folder could not be deleted");
        }
    }
}

fn made_for_the_user(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)?;
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Does `work`, which waits for a disk, on a thread that may wait.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(std::io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_goes_with_what_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = WorkFolder::new(&parent.path().join("work")).await.unwrap();
        std::fs::write(folder.path().join("image"), "bytes").unwrap();
        let path = folder.path().to_owned();
        folder.delete().await;
        assert!(!path.exists());
        let dropped = WorkFolder::new(parent.path()).await.unwrap();
        let path = dropped.path().to_owned();
        drop(dropped);
        assert!(!path.exists());
    }
}
