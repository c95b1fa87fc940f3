//! The first bytes of a file, which were read before it is downloaded.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::{
    journal::Journal,
    lock::Lock,
    part::{Part, Paths},
};
use crate::{error::FetchError, file::RemoteFile, ranges::Ranges};

/// The first bytes of one version of a file.
#[derive(Clone)]
pub(crate) struct Start {
    journal: Journal,
    bytes: Bytes,
}

impl Start {
    /// What was read as `file`; `None` where nothing could show later that it is of the same version.
    pub(crate) fn of(file: &RemoteFile, bytes: Bytes) -> Option<Self> {
        let (length, version) = (file.length()?, file.version().clone());
        let has_name = version.linked_etag.is_some() || version.condition().is_some();
        let count = bytes.len() as u64;
        if !has_name || count == 0 || count > length {
            return None;
        }
        let mut done = Ranges::default();
        done.insert(0..count);
        Some(Self { journal: Journal { url: file.url(), length, version, done }, bytes })
    }

    /// Leaves it beside the target as an earlier try would have, unless one has left something. From there on it
    /// is judged like any other part.
    pub(crate) fn leave(&self, paths: &Paths, lock: &Arc<Lock>) -> Result<(), FetchError> {
        if paths.kept().is_some() {
            return Ok(());
        }
        paths.clear()?;
        let part = Part::open(paths, lock)?;
        let written = part.write(&self.bytes, 0).map_err(|error| part.unwritten(&error, 0));
        if written.and_then(|()| part.sync()).and_then(|()| part.note(&self.journal)).is_err() {
            // Whatever is wrong with the disk is told when the download writes to it.
            paths.clear()?;
        }
        Ok(())
    }
}

impl fmt::Debug for Start {
    /// Without the bytes, which may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
