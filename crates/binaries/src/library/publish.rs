//! Puts a proven build into its place.

use std::fs;

use super::{files::Files, stage::Staged};
use crate::{
    catalog::Build,
    error::{At, BinariesError},
    host::Fingerprint,
    prove::Proof,
    remembered::Record,
};

/// Puts a build that has been proven into its place, in place of what was there, and remembers it. The lock is
/// held.
///
/// The old one is beside it until the new one's record is written; whoever is interrupted in between leaves what
/// [`Files::lock`] puts right.
pub(super) async fn publish(
    files: &Files,
    build: &Build,
    staged: Staged,
    proof: Proof,
    host: Fingerprint,
) -> Result<Record, BinariesError> {
    let (files, build) = (files.clone(), build.clone());
    let publishing = tokio::task::spawn_blocking(move || {
        let mut record = Record::of(&build, &staged.root, &staged.program).at(&staged.root)?;
        record.remember(proof, host);
        if staged.staging.is_none() {
            files.set_record(&record)?;
            return Ok(record);
        }
        let (place, replaced) = (files.build(&build.id), files.replaced(&build.id));
        if place.exists() {
            fs::rename(&place, &replaced).at(&replaced)?;
        }
        let swapped = fs::rename(&staged.root, &place).at(&place).and_then(|()| files.set_record(&record));
        if let Err(error) = swapped {
            if replaced.exists() {
                drop(fs::remove_dir_all(&place));
                fs::rename(&replaced, &place).at(&place)?;
            }
            return Err(error);
        }
        if replaced.exists() {
            fs::remove_dir_all(&replaced).at(&replaced)?;
        }
        Ok(record)
    });
    publishing.await.map_err(|_| BinariesError::BrokenOff)?
}
