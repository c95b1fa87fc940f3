//! What tells one file from another one that took its place.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// Size and time of a file; nothing of one that is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    modified: Duration,
}

impl Stamp {
    /// Looks at the file. Blocks.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let known = fs::metadata(file).ok()?;
        let modified =
            known.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        Some(Self { bytes: known.len(), modified: modified.unwrap_or_default() })
    }

    /// As bytes.
    pub(crate) fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[8..].copy_from_slice(&self.modified.as_nanos().to_le_bytes());
        bytes
    }
}
