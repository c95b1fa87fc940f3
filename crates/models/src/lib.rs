//! wip
mod disk;
mod error;
mod inspect;
mod job;
mod manifest;
mod nearest;
mod safetensors;
mod sha256;
mod store;

pub use crate::{
    error::ModelsError,
    inspect::{Inspected, inspect},
    job::{Job, Progress, ProgressStream, Step},
    manifest::{
        Component, Facts, Format, Kind, MANIFEST_FILE, MAX_MANIFEST_BYTES, MAX_NAME_BYTES, Manifest,
        ModelName, PARTS, Place, RelativePath, Role, SCHEMA, Source, StoredFile,
    },
    safetensors::{Contents, MAX_SAFETENSORS_HEADER_BYTES, SafeTensor, SafetensorsError, SafetensorsHeader},
    sha256::Sha256,
    store::{
        Damaged, DiskUsage, FileCheck, GcOptions, GcReport, Hold, How, Import, Kept, Library, Listed,
        Listing, ModelUsage, Outcome, RemoveReport, Removed, SharedPart, VerifyReport,
    },
};

/// Seconds since 1970 (UTC).
fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
