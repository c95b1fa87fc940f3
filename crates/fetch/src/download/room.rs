//! Whether several downloads have room together, before the first of them begins.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use fs4::FileExt;

use super::{
    Download, os,
    part::{HEADROOM, Paths},
};
use crate::error::FetchError;

/// What one download will take of a disk.
#[derive(Debug)]
struct Need {
    folder: PathBuf,
    /// Which file system the folder is on.
    system: String,
    bytes: u64,
}

/// Refuses downloads that would not all fit on their disks, as far as their sizes are known. What each is
/// refused with, in their order.
pub(crate) fn refusals(downloads: &[Download]) -> Vec<Option<FetchError>> {
    let needs: Vec<_> = downloads.iter().map(need).collect();
    let mut sums: HashMap<&str, u64> = HashMap::new();
    for need in needs.iter().flatten() {
        *sums.entry(&need.system).or_default() += need.bytes;
    }
    let refusal = |need: &Need, download: &Download| {
        let needed = *sums.get(need.system.as_str())?;
        let free = fs4::available_space(&need.folder).ok()?;
        let path = download.target.clone();
        (free < needed).then_some(FetchError::DiskFull { path, needed, free })
    };
    needs.iter().zip(downloads).map(|(need, download)| refusal(need.as_ref()?, download)).collect()
}

/// What a download needs; nothing if its size is not known, or its folder cannot be: that is told when it runs.
fn need(download: &Download) -> Option<Need> {
    let size = download.expected.size?;
    let paths = Paths::of(&download.target).ok()?;
    let system = os::file_system(&paths.folder).ok()?;
    // A file of that size probably has the hash that is expected.
    let has_size = fs::metadata(&paths.target).is_ok_and(|file| file.len() == size);
    let is_there = has_size && download.expected.sha256.is_some();
    let bytes = if is_there { 0 } else { size - allocated(&paths.part).min(size) + size / HEADROOM };
    Some(Need { folder: paths.folder, system, bytes })
}

fn allocated(part: &Path) -> u64 {
    File::open(part).and_then(|part| part.allocated_size()).unwrap_or(0)
}
