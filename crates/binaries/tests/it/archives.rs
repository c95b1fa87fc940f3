//! Archives as they should be, and the writers that the attacks use.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use loadmaster_binaries::{ArchiveFault, Limits, Unpacked, extract};
use zip::{ZipWriter, write::SimpleFileOptions};

pub(crate) use crate::packed::{Entry, file, link, program, write_tar_gz};

/// A folder in which archives are made and unpacked.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("inner/target")
    }

    /// Unpacks with these limits what was written to `archive`.
    pub(crate) fn unpack_within(&self, only: &[&str], limits: &Limits) -> Result<Unpacked, ArchiveFault> {
        fs::create_dir_all(self.folder.path().join("inner")).unwrap();
        let only: Vec<_> = only.iter().map(|&folder| folder.to_owned()).collect();
        extract(&self.archive(), &self.target(), &only, limits, &mut |_| {})
    }

    pub(crate) fn unpack(&self) -> Result<Unpacked, ArchiveFault> {
        self.unpack_within(&[], &Limits::default())
    }

    /// Everything below the folder, beside the archive, sorted.
    pub(crate) fn everything(&self) -> Vec<String> {
        let mut names = Vec::new();
        walk(self.folder.path(), "", &mut names);
        names.retain(|name| name != "archive" && name != "inner");
        names.sort();
        names
    }
}

fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{name}/"), names);
        }
        names.push(name);
    }
}

/// Writes a zip. What the writer does not take is put right in its bytes afterwards.
pub(crate) fn write_zip(path: &Path, entries: &[Entry]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (index, entry) in entries.iter().enumerate() {
        let stand_in = |name: &[u8]| String::from_utf8(stand_in(index, name)).unwrap();
        let options = SimpleFileOptions::default();
        match entry {
            Entry::Folder(name) => {
                zip.add_directory(stand_in(name), options.unix_permissions(0o755)).unwrap();
            }
            Entry::File(name, contents, mode) => {
                zip.start_file(stand_in(name), options.unix_permissions(*mode)).unwrap();
                zip.write_all(contents).unwrap();
            }
            Entry::Symbolic(name, target) => {
                let target = String::from_utf8(target.clone()).unwrap();
                zip.add_symlink(stand_in(name), target, options).unwrap();
            }
            Entry::Hard(..) | Entry::Special(..) | Entry::About(..) => panic!("a zip has no such entry"),
        }
    }
    zip.finish().unwrap();
    let mut bytes = fs::read(path).unwrap();
    for (index, entry) in entries.iter().enumerate() {
        let (Entry::Folder(name) | Entry::File(name, ..) | Entry::Symbolic(name, _)) = entry else {
            continue;
        };
        replace(&mut bytes, &stand_in(index, name), name.strip_suffix(b"/").unwrap_or(name));
    }
    fs::write(path, bytes).unwrap();
}

/// A name of the same length, which no other entry has.
fn stand_in(index: usize, name: &[u8]) -> Vec<u8> {
    let mut stand_in = format!("{index:02}").into_bytes();
    stand_in.resize(name.strip_suffix(b"/").unwrap_or(name).len().max(2), b'_');
    stand_in
}

/// Replaces each occurrence, in the entry itself and in the directory.
pub(crate) fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len(), "names keep their length");
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
}

/// Writes the same as tar.gz and as zip, and shows what came of each.
fn both(entries: &[Entry], check: impl Fn(&Place, Result<Unpacked, ArchiveFault>)) {
    for write in [write_tar_gz, write_zip] {
        let place = Place::new();
        write(&place.archive(), entries);
        let result = place.unpack();
        check(&place, result);
    }
}

#[test]
fn nested_top_folders_are_left_out_and_modes_and_links_are_kept() {
    let entries = [
        Entry::Folder(b"llama-b1/".to_vec()),
        program("llama-b1/bin/llama-server"),
        file("llama-b1/bin/libggml.so.0.1", "library"),
        link("llama-b1/bin/libggml.so.0", "libggml.so.0.1"),
        link("llama-b1/bin/libggml.so", "./libggml.so.0"),
    ];
    both(&entries, |place, result| {
        let unpacked = result.unwrap();
        assert_eq!((unpacked.files, unpacked.bytes), (4, 17));
        let target = place.target();
        assert_eq!(fs::read(target.join("libggml.so")).unwrap(), b"library");
        assert_eq!(fs::read_dir(&target).unwrap().count(), 4);
        modes_and_links(&target);
    });
}

#[cfg(unix)]
fn modes_and_links(target: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |name: &str| fs::metadata(target.join(name)).unwrap().permissions().mode();
    // Everyone may run it, nobody but its owner may write it, and it gives nobody the owner's rights.
    assert_eq!(mode("llama-server") & 0o7777, 0o755);
    assert_eq!(mode("libggml.so.0.1") & 0o7133, 0);
    assert_eq!(fs::read_link(target.join("libggml.so")).unwrap(), Path::new("./libggml.so.0"));
}

#[cfg(not(unix))]
fn modes_and_links(_target: &Path) {}

#[test]
fn hard_links_are_the_same_file() {
    let place = Place::new();
    let hard = Entry::Hard(b"top/b".to_vec(), b"top/a".to_vec());
    write_tar_gz(&place.archive(), &[file("top/a", "contents"), hard]);
    assert_eq!(place.unpack().unwrap().files, 2);
    assert_eq!(fs::read(place.target().join("b")).unwrap(), b"contents");
}

#[test]
fn only_the_folders_that_were_asked_for_are_unpacked() {
    let entries = [
        file("package/__init__.py", ""),
        program("package/bin/llama-server"),
        file("package/licenses/MIT", "text"),
        file("package.dist-info/RECORD", ""),
    ];
    for write in [write_tar_gz, write_zip] {
        let place = Place::new();
        write(&place.archive(), &entries);
        let only = ["package/bin", "package/licenses"];
        assert_eq!(place.unpack_within(&only, &Limits::default()).unwrap().files, 2);
        let target = place.target();
        assert!(target.join("bin/llama-server").is_file() && target.join("licenses/MIT").is_file());
        let none = Place::new();
        write(&none.archive(), &entries);
        assert!(matches!(none.unpack_within(&["elsewhere"], &Limits::default()), Err(ArchiveFault::Empty)));
        assert!(none.everything().is_empty());
    }
}

#[test]
fn backslashes_of_windows_part_folders() {
    both(&[file("build\\a.dll", "a"), file("build\\b.dll", "b")], |place, result| {
        assert_eq!(result.unwrap().files, 2);
        assert!(place.target().join("a.dll").is_file());
    });
}

#[test]
fn progress_tells_of_all_bytes() {
    let place = Place::new();
    write_zip(&place.archive(), &[file("aa", &"x".repeat(700_000)), file("bb", "y")]);
    fs::create_dir(place.folder.path().join("inner")).unwrap();
    let mut told = Vec::new();
    extract(&place.archive(), &place.target(), &[], &Limits::default(), &mut |bytes| told.push(bytes))
        .unwrap();
    assert!(told.is_sorted());
    assert_eq!(told.last(), Some(&700_001));
}

#[test]
fn what_is_there_is_not_overwritten() {
    let place = Place::new();
    write_zip(&place.archive(), &[file("aa", "new")]);
    fs::create_dir_all(place.target()).unwrap();
    fs::write(place.target().join("aa"), "old").unwrap();
    assert!(matches!(place.unpack(), Err(ArchiveFault::Io(_))));
    assert_eq!(fs::read(place.target().join("aa")).unwrap(), b"old");
    assert_eq!(place.everything(), ["inner/target", "inner/target/aa"]);
}
