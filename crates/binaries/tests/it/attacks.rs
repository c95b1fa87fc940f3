//! Archives made to do harm: each class is refused for its reason, and nothing is left behind.

use std::fs;

use loadmaster_binaries::{ArchiveFault, Limits, NameFault};

use crate::archives::{Entry, Place, file, link, replace, write_tar_gz, write_zip};

/// A small budget, so that bombs in tests can be small.
fn tight() -> Limits {
    Limits { bytes: 4 << 20, ratio: 20, ratio_from: 64 << 10, entries: 100 }
}

/// Both formats refuse these entries, after a harmless one, and leave nothing.
#[track_caller]
fn refused(entries: &[Entry], is_right: impl Fn(&ArchiveFault) -> bool) {
    refused_tar(entries, &is_right);
    let place = Place::new();
    write_zip(&place.archive(), &with_harmless(entries));
    check(&place, is_right);
}

#[track_caller]
fn refused_tar(entries: &[Entry], is_right: impl Fn(&ArchiveFault) -> bool) {
    let place = Place::new();
    write_tar_gz(&place.archive(), &with_harmless(entries));
    check(&place, is_right);
}

fn with_harmless(entries: &[Entry]) -> Vec<Entry> {
    let mut all = vec![file("harmless", "contents")];
    all.extend_from_slice(entries);
    all
}

#[track_caller]
fn check(place: &Place, is_right: impl Fn(&ArchiveFault) -> bool) {
    let fault = place.unpack_within(&[], &tight()).expect_err("it is an attack");
    assert!(is_right(&fault), "{fault:?}");
    assert_eq!(place.everything(), Vec::<String>::new(), "{fault}");
}

#[test]
fn names_that_lead_out() {
    for (name, fault) in [
        ("../evil", NameFault::Traversal),
        ("a/../../evil", NameFault::Traversal),
        ("..\\evil", NameFault::Traversal),
        ("/tmp/evil-absolute", NameFault::Absolute),
        ("\\\\server\\share\\evil", NameFault::Absolute),
        ("C:\\evil", NameFault::Drive),
        ("C:evil", NameFault::Drive),
        ("server.exe:stream", NameFault::Drive),
        ("bin/NUL", NameFault::Reserved),
        ("evil.exe.", NameFault::Ending),
        ("bell\u{7}", NameFault::Characters),
    ] {
        let is_right =
            |found: &ArchiveFault| matches!(found, ArchiveFault::UnsafeName { why, .. } if *why == fault);
        refused(&[file(name, "evil")], is_right);
    }
    assert!(!std::path::Path::new("/tmp/evil-absolute").exists());
}

#[test]
fn names_that_are_not_text() {
    let not_utf8 = Entry::File(vec![0xff, 0xfe, b'a'], b"evil".to_vec(), 0o644);
    let is_right =
        |fault: &ArchiveFault| matches!(fault, ArchiveFault::UnsafeName { why: NameFault::Characters, .. });
    refused(&[not_utf8], is_right);
}

#[test]
fn folders_that_lead_out() {
    let is_right = |fault: &ArchiveFault| matches!(fault, ArchiveFault::UnsafeName { .. });
    refused(&[Entry::Folder(b"../evil/".to_vec())], is_right);
    refused(&[Entry::Folder(b"/evil/".to_vec())], is_right);
}

#[test]
fn links_that_leave() {
    for target in ["/etc/passwd", "../../outside", "..", "C:\\evil", "a\\b", "sub/../../../evil"] {
        refused(&[link("evil", target)], |fault| matches!(fault, ArchiveFault::LinkLeaves { .. }));
    }
    for target in ["/etc/passwd", "../outside"] {
        let hard = Entry::Hard(b"evil".to_vec(), target.into());
        refused_tar(&[hard], |fault| matches!(fault, ArchiveFault::LinkLeaves { .. }));
    }
}

#[test]
fn links_to_folders_to_themselves_and_to_nothing() {
    let nowhere = |fault: &ArchiveFault| matches!(fault, ArchiveFault::LinkNowhere { .. });
    // Through a link to a folder, a later entry would be written elsewhere.
    refused(&[file("folder/file", "a"), link("evil", "folder")], nowhere);
    refused(&[link("evil", ".")], nowhere);
    refused(&[link("a1", "b1"), link("b1", "a1")], nowhere);
    refused(&[link("evil", "missing")], nowhere);
    let hard = Entry::Hard(b"evil".to_vec(), b"missing".to_vec());
    refused_tar(&[hard], nowhere);
}

#[test]
fn files_written_through_links() {
    // First a link, then a file below its name, or in its place.
    let duplicate = |fault: &ArchiveFault| matches!(fault, ArchiveFault::Duplicate { .. });
    refused(&[link("evil", "harmless"), file("evil/passwd", "x")], duplicate);
    refused(&[link("evil", "harmless"), file("evil", "overwritten")], duplicate);
}

#[test]
fn files_written_through_links_in_another_spelling() {
    let duplicate = |fault: &ArchiveFault| matches!(fault, ArchiveFault::Duplicate { .. });
    refused(&[link("evil", "harmless"), file("EVIL/passwd", "x")], duplicate);
    refused(&[link("evil", "harmless"), file("Evil", "overwritten")], duplicate);
    refused(&[link("evil", "harmless"), file("./evil", "overwritten")], duplicate);
    refused(&[link("evil", "harmless"), Entry::Folder(b"evil/".to_vec())], duplicate);
    refused(&[Entry::Folder(b"evil/".to_vec()), link("evil", "harmless")], duplicate);
    refused(&[link("evil", "harmless"), link("EVIL", "harmless")], duplicate);
    let hard = || Entry::Hard(b"evil".to_vec(), b"harmless".to_vec());
    refused_tar(&[hard(), file("evil", "overwritten")], duplicate);
    refused_tar(&[hard(), file("EVIL", "overwritten")], duplicate);
}

/// A record of the extended headers of POSIX: its length, a key, a value.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    // The length counts its own digits.
    let length = (1..=3)
        .map(|digits| rest.len() + digits)
        .find(|length| length.to_string().len() + rest.len() == *length);
    format!("{}{rest}", length.unwrap()).into_bytes()
}

#[test]
fn names_that_an_earlier_entry_gives() {
    // GNU's long names (`L`) and long targets (`K`), and the extended headers of POSIX (`x`).
    let out =
        |fault: &ArchiveFault| matches!(fault, ArchiveFault::UnsafeName { why: NameFault::Traversal, .. });
    refused_tar(&[Entry::About(b'L', b"../evil\0".to_vec()), file("short", "evil")], out);
    refused_tar(&[Entry::About(b'x', record("path", "../evil")), file("short", "evil")], out);
    let leaves = |fault: &ArchiveFault| matches!(fault, ArchiveFault::LinkLeaves { .. });
    refused_tar(&[Entry::About(b'K', b"/etc/passwd\0".to_vec()), link("short", "harmless")], leaves);
    refused_tar(&[Entry::About(b'x', record("linkpath", "../../evil")), link("short", "harmless")], leaves);
    let again = |fault: &ArchiveFault| matches!(fault, ArchiveFault::Duplicate { .. });
    refused_tar(&[Entry::About(b'L', b"HARMLESS\0".to_vec()), file("short", "evil")], again);
}

#[test]
fn sizes_that_an_earlier_entry_gives() {
    let longer = |fault: &ArchiveFault| matches!(fault, ArchiveFault::Damaged { .. });
    refused_tar(&[Entry::About(b'x', record("size", "4000000")), file("short", "evil")], longer);
    let with_holes = Entry::Special(b"evil".to_vec(), b'S');
    let refused =
        |fault: &ArchiveFault| matches!(fault, ArchiveFault::NotAFile { .. } | ArchiveFault::Damaged { .. });
    refused_tar(&[with_holes], refused);
}

#[test]
fn devices_of_windows() {
    let reserved =
        |fault: &ArchiveFault| matches!(fault, ArchiveFault::UnsafeName { why: NameFault::Reserved, .. });
    for name in
        ["CON", "prn", "bin/Aux.dll", "NUL .txt", "COM1", "com9.exe", "LPT\u{b2}", "CONIN$", "a/conout$"]
    {
        refused(&[file(name, "evil")], reserved);
    }
    refused(&[Entry::Folder(b"nul/".to_vec())], reserved);
    refused(&[link("com1", "harmless")], reserved);
}

#[test]
fn the_same_name_twice() {
    let duplicate = |fault: &ArchiveFault| matches!(fault, ArchiveFault::Duplicate { .. });
    refused(&[file("same", "good"), file("same", "evil")], duplicate);
    refused(&[file("same", "good"), file("SAME", "evil")], duplicate);
    refused(&[file("same", "good"), file("./same", "evil")], duplicate);
    refused(&[file("bin/a", "good"), file("BIN/b", "evil")], duplicate);
    refused(&[file("same", "good"), file("same/below", "evil")], duplicate);
    refused(&[file("same/below", "good"), file("same", "evil")], duplicate);
    refused(&[file("stra\u{df}e", "good"), file("STRA\u{df}E", "evil")], duplicate);
}

#[test]
fn devices_and_pipes() {
    for kind in [b'3', b'4', b'6', b'7' + 9] {
        let special = Entry::Special(b"evil".to_vec(), kind);
        refused_tar(&[special], |fault| matches!(fault, ArchiveFault::NotAFile { .. }));
    }
    // In a zip, the type is in the mode: the upper half of the external attributes.
    for (kind, name) in [(0o010_644_u32, "a pipe"), (0o020_644, "a device"), (0o060_644, "a device")] {
        let place = Place::new();
        write_zip(&place.archive(), &[file("harmless", "a"), file("evil", "")]);
        let mut bytes = fs::read(place.archive()).unwrap();
        let last = directory_entry(&bytes, b"evil");
        bytes[last + 40..last + 42].copy_from_slice(&u16::try_from(kind).unwrap().to_le_bytes());
        fs::write(place.archive(), bytes).unwrap();
        check(&place, |fault| matches!(fault, ArchiveFault::NotAFile { what, .. } if *what == name));
    }
}

/// Where the entry of this name begins in a zip's directory.
fn directory_entry(bytes: &[u8], name: &[u8]) -> usize {
    let is_entry = |at: &usize| bytes[*at..].starts_with(b"PK\x01\x02") && bytes[at + 46..].starts_with(name);
    (0..bytes.len() - 46).find(is_entry).unwrap()
}

#[test]
fn bombs_by_ratio() {
    let zeros = Entry::File(b"zeros".to_vec(), vec![0; 2 << 20], 0o644);
    refused(&[zeros], |fault| matches!(fault, ArchiveFault::Bomb { ratio: 20 }));
}

#[test]
fn bombs_by_size() {
    // No ratio gives them away.
    let mut seed = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.to_be_bytes()[0]
    })
    .take(5 << 20)
    .collect();
    let big = Entry::File(b"big".to_vec(), noise, 0o644);
    refused(&[big], |fault| matches!(fault, ArchiveFault::TooBig { limit } if *limit == 4 << 20));
}

#[test]
fn bombs_in_what_is_not_asked_for() {
    // A tar has to be decompressed to find what is behind.
    let place = Place::new();
    let zeros = Entry::File(b"other/zeros".to_vec(), vec![0; 2 << 20], 0o644);
    write_tar_gz(&place.archive(), &[file("wanted/a", "a"), zeros]);
    let fault = place.unpack_within(&["wanted"], &tight()).unwrap_err();
    assert!(matches!(fault, ArchiveFault::Bomb { .. }), "{fault:?}");
    assert!(place.everything().is_empty());
}

#[test]
fn too_many_entries() {
    let many: Vec<_> = (0..100).map(|number| file(&format!("f{number:03}"), "")).collect();
    refused_tar(&many, |fault| matches!(fault, ArchiveFault::TooManyEntries { limit: 100 }));
}

#[test]
fn entries_that_overlap() {
    let place = Place::new();
    write_zip(&place.archive(), &[file("aaaa", &"x".repeat(100)), file("bbbb", "y")]);
    let mut bytes = fs::read(place.archive()).unwrap();
    // The second entry of the directory is made of the bytes of the first.
    let (first, second) = (directory_entry(&bytes, b"aaaa"), directory_entry(&bytes, b"bbbb"));
    let copied = bytes[first + 10..first + 46].to_vec();
    bytes[second + 10..second + 46].copy_from_slice(&copied);
    fs::write(place.archive(), bytes).unwrap();
    check(&place, |fault| matches!(fault, ArchiveFault::Overlap | ArchiveFault::Damaged { .. }));
}

#[test]
fn encrypted_entries() {
    let place = Place::new();
    write_zip(&place.archive(), &[file("secret", "contents")]);
    let mut bytes = fs::read(place.archive()).unwrap();
    let entry = directory_entry(&bytes, b"secret");
    bytes[entry + 8] |= 1;
    bytes[6] |= 1;
    fs::write(place.archive(), bytes).unwrap();
    check(&place, |fault| matches!(fault, ArchiveFault::Encrypted { .. }));
}

#[test]
fn archives_that_are_cut_off_or_garbled() {
    for write in [write_tar_gz, write_zip] {
        let place = Place::new();
        write(&place.archive(), &[file("aaaa", "contents"), file("bbbb", &"b".repeat(5000))]);
        let whole = fs::read(place.archive()).unwrap();
        for cut in [3, 30, whole.len() / 2, whole.len() - 3] {
            fs::write(place.archive(), &whole[..cut]).unwrap();
            check(&place, |fault| matches!(fault, ArchiveFault::Damaged { .. }));
        }
        // Contents that are not those the checksum was made of: found when all has been read, and undone.
        let mut garbled = whole.clone();
        let at = whole.len() - 8;
        if garbled.starts_with(b"PK") {
            let crc = directory_entry(&whole, b"aaaa") + 16;
            garbled[crc] ^= 1;
        } else {
            garbled[at] ^= 1;
        }
        fs::write(place.archive(), garbled).unwrap();
        check(&place, |fault| matches!(fault, ArchiveFault::Damaged { .. }));
    }
}

#[test]
fn what_is_no_archive() {
    let place = Place::new();
    for text in ["<html>Not found</html>", "", "P"] {
        fs::write(place.archive(), text).unwrap();
        check(&place, |fault| matches!(fault, ArchiveFault::NoArchive));
    }
}

#[test]
fn a_name_that_differs_between_entry_and_directory() {
    let place = Place::new();
    write_zip(&place.archive(), &[file("good", "contents")]);
    let mut bytes = fs::read(place.archive()).unwrap();
    // Some programs believe the one, some the other: what is checked must be what is written.
    let entry = directory_entry(&bytes, b"good");
    replace(&mut bytes[..entry], b"good", b"../e");
    fs::write(place.archive(), bytes).unwrap();
    if place.unpack().is_ok() {
        assert_eq!(fs::read(place.target().join("good")).unwrap(), b"contents");
    }
    assert!(!place.everything().iter().any(|name| name.ends_with("/e") || name == "e"));
}
