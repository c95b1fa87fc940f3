//! Removing what nobody needs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::Serialize;

use super::{Hold, Library, staging};
use crate::{disk, error::ModelsError};

/// What to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcOptions {
    /// Only tell what would be removed.
    pub dry_run: bool,
    /// Downloads that were not finished are kept for this long after they were last written to: the next
    /// pull goes on with them.
    pub keep_unfinished: Duration,
}

impl Default for GcOptions {
    /// Unfinished downloads are kept for a week.
    fn default() -> Self {
        Self { dry_run: false, keep_unfinished: Duration::from_hours(7 * 24) }
    }
}

/// What was removed, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GcReport {
    /// What was removed, or would be.
    pub removed: Vec<Removed>,
    /// What looks unneeded and stays.
    pub kept: Vec<Kept>,
    /// Bytes that are free now, or would be.
    pub freed: u64,
}

/// Something that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Where it was.
    pub path: PathBuf,
    /// Bytes that it took.
    pub bytes: u64,
    /// What it was.
    pub what: &'static str,
}

/// Something that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Why it stays.
    pub why: String,
}

impl Library {
    /// Removes parts that no model has, unfinished models that are old, and what removals left behind. What
    /// it does not know it leaves alone, and parts too while a manifest cannot be read.
    pub fn gc(&self, options: GcOptions) -> Result<GcReport, ModelsError> {
        let mut report = GcReport::default();
        let _lock = self.lock()?;
        self.gc_staging(options, &mut report)?;
        self.gc_parts(options, &mut report)?;
        for (name, manifest) in self.manifests()? {
            if let Err(error) = manifest {
                let path = self.root().join(name);
                report.kept.push(Kept { bytes: disk::bytes_of(&path), path, why: error.to_string() });
            }
        }
        Ok(report)
    }

    fn gc_staging(&self, options: GcOptions, report: &mut GcReport) -> Result<(), ModelsError> {
        for (name, folder) in disk::entries(&self.staging())? {
            if !folder.is_dir() {
                continue;
            }
            if name.starts_with("removed-") {
                report.take(&folder, "a model that was removed", options)?;
                continue;
            }
            let bytes = disk::bytes_of(&folder);
            let mut keep =
                |why: &str| report.kept.push(Kept { path: folder.clone(), bytes, why: why.to_owned() });
            let Some(_alone) = Hold::try_exclusive(&staging::lock_path(&folder))? else {
                keep("a model is being made");
                continue;
            };
            let age = SystemTime::now().duration_since(newest(&folder)).unwrap_or_default();
            if age < options.keep_unfinished {
                keep("a model that is not finished: pulling it again goes on with it");
            } else {
                report.take(&folder, "a model that was not finished", options)?;
            }
        }
        Ok(())
    }

    fn gc_parts(&self, options: GcOptions, report: &mut GcReport) -> Result<(), ModelsError> {
        let (users, damaged) = self.users_of_parts()?;
        let claimed = staging::claimed(self)?;
        for (hash, folder) in disk::entries(&self.parts())? {
            if users.contains_key(&hash) || claimed.contains(&hash) {
                continue;
            }
            if damaged {
                let why = "a model whose manifest cannot be read may have it".to_owned();
                report.kept.push(Kept { bytes: disk::bytes_of(&folder), path: folder, why });
            } else {
                report.take(&folder, "a part that no model has", options)?;
            }
        }
        Ok(())
    }
}

impl GcReport {
    fn take(&mut self, path: &Path, what: &'static str, options: GcOptions) -> Result<(), ModelsError> {
        let bytes = disk::bytes_freed_with(path);
        if !options.dry_run {
            disk::remove(path)?;
        }
        self.freed += bytes;
        self.removed.push(Removed { path: path.to_owned(), bytes, what });
        Ok(())
    }
}

/// When a folder, or anything in it, was last changed.
fn newest(path: &Path) -> SystemTime {
    let Ok(is) = fs::symlink_metadata(path) else { return SystemTime::UNIX_EPOCH };
    let own = is.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    if !is.is_dir() {
        return own;
    }
    let inside = disk::entries(path).unwrap_or_default();
    inside.iter().map(|(_, path)| newest(path)).fold(own, SystemTime::max)
}
