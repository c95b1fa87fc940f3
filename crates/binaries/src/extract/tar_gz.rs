//! Reads a tar.gz.

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

use flate2::bufread::GzDecoder;
use tar::EntryType;

use super::{
    fault::ArchiveFault,
    name::printable,
    tree::{LinkKind, Tree, damaged},
};

/// Counts what comes out of the decompressor, whatever it is for: names and entries that are not wanted too.
struct Bounded<R> {
    inner: R,
    left: u64,
    over: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        match self.left.checked_sub(bytes as u64) {
            Some(left) => self.left = left,
            None => self.over = true,
        }
        if self.over { Err(io::Error::other(TOO_MUCH)) } else { Ok(bytes) }
    }
}

/// By which the reader above is told from a damaged archive.
const TOO_MUCH: &str = "it unpacks to too much";

/// Takes all entries of the tar.gz `file` into `tree`.
pub(super) fn read(file: File, tree: &mut Tree<'_>) -> Result<(), ArchiveFault> {
    let decoder = GzDecoder::new(BufReader::with_capacity(256 << 10, file));
    let bounded = Bounded { inner: decoder, left: tree.most_bytes(), over: false };
    let mut archive = tar::Archive::new(bounded);
    let result = entries(&mut archive, tree);
    let mut bounded = archive.into_inner();
    if bounded.over {
        return Err(tree.too_much());
    }
    result?;
    // Read to its end, so that the checksum behind it is compared.
    match io::copy(&mut bounded, &mut io::sink()) {
        Ok(_) => Ok(()),
        Err(_) if bounded.over => Err(tree.too_much()),
        Err(error) => Err(damaged(&error)),
    }
}

fn entries<R: Read>(archive: &mut tar::Archive<R>, tree: &mut Tree<'_>) -> Result<(), ArchiveFault> {
    let damaged = |error: io::Error| damaged(&error);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path_bytes().into_owned();
        let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let what = match entry.header().entry_type() {
            EntryType::Directory => {
                tree.folder(&name)?;
                continue;
            }
            EntryType::Regular | EntryType::Continuous => {
                let mode = entry.header().mode().map_err(damaged)?;
                tree.file(&name, mode & 0o111 != 0, &mut entry)?;
                continue;
            }
            EntryType::Symlink => {
                tree.link(&name, &target, LinkKind::Symbolic)?;
                continue;
            }
            EntryType::Link => {
                tree.link(&name, &target, LinkKind::Hard)?;
                continue;
            }
            // What `git archive` writes first: the commit, as a comment.
            EntryType::XGlobalHeader => continue,
            EntryType::Fifo => "a pipe",
            EntryType::Char | EntryType::Block => "a device",
            EntryType::GNUSparse => "a file with holes",
            _ => "of an unknown type",
        };
        return Err(ArchiveFault::NotAFile { name: printable(&name), what });
    }
    Ok(())
}
