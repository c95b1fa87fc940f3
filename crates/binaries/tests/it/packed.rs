//! Archives with any entries.

use std::{fs::File, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};

/// One entry of an archive, with any name.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Folder(Vec<u8>),
    File(Vec<u8>, Vec<u8>, u32),
    Symbolic(Vec<u8>, Vec<u8>),
    Hard(Vec<u8>, Vec<u8>),
    /// Of this type in a tar's header.
    Special(Vec<u8>, u8),
    /// Of this type in a tar's header, and about the entry that follows.
    About(u8, Vec<u8>),
}

pub(crate) fn file(name: &str, contents: &str) -> Entry {
    Entry::File(name.into(), contents.into(), 0o644)
}

pub(crate) fn program(name: &str) -> Entry {
    Entry::File(name.into(), b"#!/bin/sh\n".to_vec(), 0o4777)
}

pub(crate) fn link(name: &str, target: &str) -> Entry {
    Entry::Symbolic(name.into(), target.into())
}

/// Writes a tar.gz, byte for byte as the entries say: the crate's own writer refuses most attacks.
pub(crate) fn write_tar_gz(path: &Path, entries: &[Entry]) {
    let mut out = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    let about = b"././@LongLink".to_vec();
    for entry in entries {
        let (name, target, contents, kind, mode) = match entry {
            Entry::Folder(name) => (name, &[][..], &[][..], b'5', 0o755),
            Entry::File(name, contents, mode) => (name, &[][..], contents.as_slice(), b'0', *mode),
            Entry::Symbolic(name, target) => (name, target.as_slice(), &[][..], b'2', 0o777),
            Entry::Hard(name, target) => (name, target.as_slice(), &[][..], b'1', 0o644),
            Entry::Special(name, kind) => (name, &[][..], &[][..], *kind, 0o644),
            Entry::About(kind, contents) => (&about, &[][..], contents.as_slice(), *kind, 0o644),
        };
        let mut header = [0_u8; 512];
        header[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        header[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = kind;
        header[157..157 + target.len()].copy_from_slice(target);
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.write_all(&header).unwrap();
        out.write_all(contents).unwrap();
        out.write_all(&vec![0; contents.len().next_multiple_of(512) - contents.len()]).unwrap();
    }
    out.write_all(&[0; 1024]).unwrap();
    out.finish().unwrap();
}
