//! The beginning of a file on a server, kept from when its header was read, so that it is fetched once.

use std::{fmt, fs, path::Path};

use loadmaster_fetch::{Bytes, Download, RemoteFile};

use crate::error::ModelsError;

/// The beginning of a file: its header, and perhaps some bytes after it.
#[derive(Clone)]
pub(super) struct Head {
    file: RemoteFile,
    bytes: Bytes,
}

impl Head {
    pub(super) fn new(file: RemoteFile, bytes: Vec<u8>) -> Self {
        Self { file, bytes: bytes.into() }
    }

    /// Length in bytes and `ETag` of the file, where its server says them.
    pub(super) fn says(&self) -> (Option<u64>, Option<String>) {
        (self.file.length(), self.file.etag().map(str::to_owned))
    }

    /// The download of the same file, which need not fetch this again.
    pub(super) fn begin(&self, download: Download) -> Download {
        download.known_start(&self.file, self.bytes.clone())
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), ModelsError> {
        fs::write(path, &self.bytes).map_err(|error| ModelsError::disk(path, "written", error))
    }
}

impl fmt::Debug for Head {
    /// Without the bytes, which may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
