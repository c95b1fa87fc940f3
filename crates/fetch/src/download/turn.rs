//! Before a download begins: whose turn it is, and whether the file is there already.

use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Downloaded, Expected, How, journal::Journal, lock::Lock, part::Paths, reporter::Reporter};
use crate::{
    error::{FetchError, of_disk},
    progress::Phase,
    verify::hash_with,
};

/// How often it is looked whether another download has ended.
const LOOK: Duration = Duration::from_millis(200);

/// Takes the lock of a target; whether another download had it first. While that goes on, its progress is
/// shown.
pub(crate) async fn take(paths: &Paths, reporter: &mut Reporter) -> Result<(Arc<Lock>, bool), FetchError> {
    let mut waited = false;
    loop {
        if let Some(lock) = Lock::try_take(&paths.lock)? {
            return Ok((Arc::new(lock), waited));
        }
        waited = true;
        match Journal::read(&paths.journal) {
            Some(journal) => reporter.another(&journal),
            None => reporter.phase(Phase::WaitingForOther),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What tells one file of a name from the next.
pub(crate) type Stamp = Option<(u64, Option<SystemTime>)>;

/// The stamp of the target as it is now; none if there is none. A folder can be no target.
pub(crate) fn stamp(target: &Path) -> Result<Stamp, FetchError> {
    match fs::metadata(target) {
        Ok(metadata) if metadata.is_dir() => {
            Err(of_disk(target, "written", &io::ErrorKind::IsADirectory.into()))
        }
        Ok(metadata) => Ok(Some((metadata.len(), metadata.modified().ok()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of_disk(target, "read", &error)),
    }
}

/// The target, if it is what is expected: by its hash, or because another download has just brought it.
pub(crate) async fn there(
    paths: &Paths,
    expected: Expected,
    by_another: bool,
    reporter: &Reporter,
) -> Result<Option<Downloaded>, FetchError> {
    let Some((length, _)) = stamp(&paths.target)? else { return Ok(None) };
    if expected.size.is_some_and(|size| size != length) || (expected.sha256.is_none() && !by_another) {
        return Ok(None);
    }
    let hash = hash_with(&paths.target, |hashed| reporter.hashed(hashed, length)).await?;
    if expected.sha256.is_some_and(|expected| expected != hash) {
        return Ok(None);
    }
    let how = if by_another { How::ByAnother } else { How::WasThere };
    Ok(Some(Downloaded { path: paths.target.clone(), length, sha256: hash, how }))
}
