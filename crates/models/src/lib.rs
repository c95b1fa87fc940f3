//! wip
mod catalog;
mod choice;
mod disk;
mod error;
mod hub;
mod inspect;
mod job;
mod manifest;
mod nearest;
mod pull;
mod quantisation;
mod reference;
mod safetensors;
mod sha256;
mod store;

pub use crate::{
    catalog::{Catalog, CatalogComponent, CatalogModel, HubPlace},
    choice::{Budget, Candidate, Choice, Fit, candidates, choose},
    error::ModelsError,
    hub::{HUGGING_FACE, Hub, HubFile, Repo},
    inspect::{Inspected, inspect},
    job::{Job, Progress, ProgressStream, Step},
    manifest::{
        Component, Facts, Format, Kind, MANIFEST_FILE, MAX_MANIFEST_BYTES, MAX_NAME_BYTES, Manifest,
        ModelName, PARTS, Place, RelativePath, Role, SCHEMA, Source, StoredFile,
    },
    pull::{Plan, PlannedFile, PullOptions, Puller, Strategy},
    quantisation::Quantisation,
    reference::{Pick, Reference},
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
