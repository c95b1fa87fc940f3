//! Which processor a program is made for, by its first bytes.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use super::fault::Fault;

/// A program's system and processor, in words; `None` where they are not known, as of scripts.
pub(super) fn built_for(path: &Path) -> io::Result<Option<&'static str>> {
    let mut file = File::open(path)?;
    let mut head = [0; 64];
    let mut read = 0;
    while read < head.len() {
        match file.read(&mut head[read..])? {
            0 => break,
            bytes => read += bytes,
        }
    }
    if head.starts_with(b"MZ") {
        // The offset of the real header is at 0x3c; the machine follows its four letters.
        let offset = u32::from_le_bytes([head[0x3c], head[0x3d], head[0x3e], head[0x3f]]);
        let mut header = [0; 6];
        file.seek(SeekFrom::Start(offset.into()))?;
        return Ok(match file.read_exact(&mut header) {
            Ok(()) => portable_executable(header),
            Err(_) => None,
        });
    }
    Ok(elf_or_mach_o(&head))
}

/// Refuses a program that this machine cannot run. One of which that is not known is let through.
pub(super) fn check(path: &Path) -> Result<(), Fault> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Fault::NoProgram { name: path.display().to_string() },
        _ => Fault::NotExecutable { cause: error.to_string() },
    };
    let Some(built_for) = built_for(path).map_err(cannot)? else { return Ok(()) };
    let runs = runs_here();
    match runs.first() {
        Some(here) if !runs.contains(&built_for) => {
            Err(Fault::WrongArchitecture { built_for: built_for.to_owned(), here: (*here).to_owned() })
        }
        _ => Ok(()),
    }
}

/// What runs on this machine, its own kind first; nothing where that is not known. Emulation by the system
/// (Rosetta, Windows on ARM) counts: it works, and the proof that follows tells how.
fn runs_here() -> &'static [&'static str] {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => &["Linux on x86-64"],
        ("linux", "aarch64") => &["Linux on 64-bit ARM"],
        ("macos", "aarch64") => &["macOS on 64-bit ARM", "macOS", "macOS on x86-64"],
        ("macos", "x86_64") => &["macOS on x86-64", "macOS"],
        ("windows", "x86_64") => &["Windows on x86-64"],
        ("windows", "aarch64") => &["Windows on 64-bit ARM", "Windows on x86-64"],
        _ => &[],
    }
}

/// `e_machine` of elf.h, `cputype` of mach-o/loader.h.
fn elf_or_mach_o(head: &[u8; 64]) -> Option<&'static str> {
    match (&head[..4], head[4]) {
        (b"\x7fELF", _) => Some(match u16::from_le_bytes([head[18], head[19]]) {
            62 => "Linux on x86-64",
            183 => "Linux on 64-bit ARM",
            _ => "Linux on another processor",
        }),
        ([0xcf, 0xfa, 0xed, 0xfe], 7) => Some("macOS on x86-64"),
        ([0xcf, 0xfa, 0xed, 0xfe], 12) => Some("macOS on 64-bit ARM"),
        // For several processors at once.
        ([0xca, 0xfe, 0xba, 0xbe], _) => Some("macOS"),
        _ => None,
    }
}

/// `Machine` of the PE format.
fn portable_executable(header: [u8; 6]) -> Option<&'static str> {
    if !header.starts_with(b"PE\0\0") {
        return None;
    }
    Some(match u16::from_le_bytes([header[4], header[5]]) {
        0x8664 => "Windows on x86-64",
        0xaa64 => "Windows on 64-bit ARM",
        _ => "Windows on another processor",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<&'static str> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        built_for(file.path()).unwrap()
    }

    #[test]
    fn programs_say_what_they_are_for() {
        let elf =
            |machine: u8| [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 11], &[machine, 0], &[0; 60]].concat();
        assert_eq!(of(&elf(62)), Some("Linux on x86-64"));
        assert_eq!(of(&elf(183)), Some("Linux on 64-bit ARM"));
        assert_eq!(of(b"\xcf\xfa\xed\xfe\x0c\0\0\x01"), Some("macOS on 64-bit ARM"));
        let mut windows = b"MZ".to_vec();
        windows.resize(0x3c, 0);
        windows.extend_from_slice(&[0x40, 0, 0, 0]);
        windows.extend_from_slice(b"PE\0\0\x64\xaa");
        assert_eq!(of(&windows), Some("Windows on 64-bit ARM"));
        assert_eq!(of(&windows[..0x41]), None);
        assert_eq!(of(b"#!/bin/sh\n"), None);
        assert_eq!(of(b""), None);
    }

    #[test]
    fn what_is_for_another_machine_is_refused() {
        // This test itself is a program for this machine.
        check(&std::env::current_exe().unwrap()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 11], &[243, 0]].concat())
            .unwrap();
        assert!(matches!(check(file.path()), Err(Fault::WrongArchitecture { .. })));
        assert!(matches!(check(Path::new("/nowhere/a")), Err(Fault::NoProgram { .. })));
    }
}
