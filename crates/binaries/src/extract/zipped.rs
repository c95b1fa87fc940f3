//! Reads a zip.

use std::{fs::File, io::Read};

use zip::{ZipArchive, result::ZipError};

use super::{
    fault::ArchiveFault,
    name::printable,
    tree::{LinkKind, Tree, damaged},
};

/// A link's target in a zip is its contents; longer than any path.
const LONGEST_TARGET: u64 = 4096;

/// The file types in the upper bits of a Unix mode (`stat.h`).
const TYPE: u32 = 0o170_000;
const FIFO: u32 = 0o010_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const FOLDER: u32 = 0o040_000;
const BLOCK_DEVICE: u32 = 0o060_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Takes all entries of the zip `file` into `tree`.
pub(super) fn read(file: File, tree: &mut Tree<'_>) -> Result<(), ArchiveFault> {
    let mut archive = ZipArchive::new(std::io::BufReader::new(file)).map_err(|error| unreadable(&error))?;
    if archive.has_duplicate_names() {
        // The reader keeps the last of each name only, and does not say which there were.
        return Err(ArchiveFault::Duplicate { name: "a name".to_owned() });
    }
    if archive.has_overlapping_files().map_err(|error| unreadable(&error))? {
        return Err(ArchiveFault::Overlap);
    }
    for index in 0..archive.len() {
        entry(&mut archive, index, tree)?;
    }
    Ok(())
}

fn entry(
    archive: &mut ZipArchive<std::io::BufReader<File>>,
    index: usize,
    tree: &mut Tree<'_>,
) -> Result<(), ArchiveFault> {
    let raw = archive.by_index_raw(index).map_err(|error| unreadable(&error))?;
    let encrypted = raw.encrypted();
    let name = raw.name_raw().to_vec();
    drop(raw);
    if encrypted {
        return Err(ArchiveFault::Encrypted { name: printable(&name) });
    }
    let mut entry = archive.by_index(index).map_err(|error| unreadable(&error))?;
    let mode = entry.unix_mode().unwrap_or(0);
    if entry.is_dir() {
        return tree.folder(&name);
    }
    let what = match mode & TYPE {
        LINK => {
            let mut target = Vec::new();
            entry.by_ref().take(LONGEST_TARGET).read_to_end(&mut target).map_err(|error| damaged(&error))?;
            return tree.link(&name, &target, LinkKind::Symbolic);
        }
        // Zips of other systems have no Unix mode.
        FILE | 0 => return tree.file(&name, mode & 0o111 != 0, &mut entry),
        FIFO => "a pipe",
        CHARACTER_DEVICE | BLOCK_DEVICE => "a device",
        FOLDER => "a folder with contents",
        _ => "of an unknown type",
    };
    Err(ArchiveFault::NotAFile { name: printable(&name), what })
}

fn unreadable(error: &ZipError) -> ArchiveFault {
    ArchiveFault::Damaged { cause: error.to_string() }
}
