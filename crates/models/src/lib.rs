//! A library of AI models on disk: pulled from hubs, imported, adopted where they are, verified, removed.
//!
//! A [`Library`] is a folder with a folder for each model, and in that a [`Manifest`]: what the model is, its
//! files with lengths and hashes, where they came from and under which licence. A [`Puller`] brings models
//! from a [`Hub`]. [`Origin`] finds those of other programs.
//!
//! ```no_run
//! use loadmaster_models::{Import, Job, Library};
//!
//! # fn main() -> Result<(), loadmaster_models::ModelsError> {
//! let library = Library::open("models")?;
//! let model = library.import(Import::of("llama-3.2-1b-Q4_K_M.gguf"), &Job::default())?;
//! println!("{} is {:?}", model.name, model.main_file(library.root()));
//! let report = library.verify(&[model], &Job::default())?;
//! assert!(report.is_intact());
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - A model is in the library whole or not at all: it comes together beside it and appears by one rename,
//!   whatever moment the process or the machine ends at.
//! - A manifest that is damaged, or of a newer version, is reported and takes nobody else down; no part that
//!   its model may have is removed while it cannot be read.
//! - Several processes can use one library. What is held ([`Library::hold`]) is not removed, and two who pull
//!   the same model fetch it once: the second waits, and shows how far the first is ([`Step::Wait`]).
//! - Files that were taken in by reference are never changed or removed.
//! - What a hub says is checked: every file against the hub's SHA-256, every path for leading out of its
//!   folder.
//! - Pickles are never opened. Safetensors and GGUF headers are read within bounds; any bytes give a header or
//!   an error.
//!
//! # Limitations
//! - Which family a diffusion model belongs to is not kept, only that it is one ([`Contents`]):
//!   `loadmaster-checkpoint` tells it.
//! - On Windows the number of a file's names is not known: what a removal says was freed counts hard links
//!   as if they were copies.

mod adopt;
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
mod sha256;
mod store;

pub use loadmaster_checkpoint::{
    Contents, MAX_SAFETENSORS_HEADER_BYTES, SafeTensor, SafetensorsError, SafetensorsHeader,
};

pub use crate::{
    adopt::{Adoptable, Origin, Scan},
    catalog::{Catalog, CatalogComponent, CatalogModel, HubPlace},
    choice::{Budget, Candidate, Choice, Fit, candidates, choose},
    error::ModelsError,
    hub::{HUGGING_FACE, Hub, HubFile, Repo},
    inspect::{Inspected, inspect},
    job::{FileProgress, Job, Progress, ProgressStream, Step},
    manifest::{
        Component, Facts, Format, Kind, MANIFEST_FILE, MAX_MANIFEST_BYTES, MAX_NAME_BYTES, Manifest,
        ModelName, PARTS, Place, RelativePath, Role, SCHEMA, Source, StoredFile,
    },
    nearest::nearest,
    pull::{OnServer, Plan, PlannedFile, PullOptions, Puller, Strategy},
    quantisation::Quantisation,
    reference::{Pick, Reference},
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
