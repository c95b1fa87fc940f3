//! The build that is used, without asking the machine about its cards.

use std::path::Path;

use super::files::{Files, Selected};
use crate::{catalog::Program, report::Found};

/// The build that the library in `folder` uses, as [`Library::find`](super::Library::find) would remember it: its
/// files are as they were when it was proven, under the same version of the system and, of a build for CUDA, with
/// the driver that is loaded now. `None` if there is none, or if only a trial can tell.
///
/// That costs a look at each file's size and time, and starts nothing: asking graphics cards who they are takes a
/// tenth of a second. So that a card was exchanged, or the driver of one that is not NVIDIA's was, is noticed by
/// [`Library::find`](super::Library::find) alone. Nothing is written, and no folder is made.
pub fn glance(folder: &Path, program: Program) -> Option<Found> {
    let files = Files::new(folder, program);
    let state = files.state().ok()?;
    let Selected { build, variant } = state.current?;
    let record = files.record(&build).ok()??;
    let held = record.proofs.iter().find(|held| held.proof.variant == variant)?;
    if !held.host.seems_here(variant) || !record.is_untouched(&files.root(&record)) {
        return None;
    }
    let proof = held.proof.clone();
    let program = files.executable(&record);
    Some(Found { build, variant, program, proof, remembered: true, attempts: state.attempts })
}
