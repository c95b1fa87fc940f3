//! Files on disk, and what is not one.

use std::{fs, io::Cursor};

use loadmaster_gguf::{Array, GgufError, Header, LooksLike};

use crate::{
    allocation::peak_of,
    writer::{Gguf, V, model, s},
};

#[test]
fn a_file_is_read_from_disk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.gguf");
    fs::write(&path, model().file()).expect("written");
    let header = Header::open(&path).expect("a valid file");
    assert_eq!(header.architecture(), Some("llama"));
    assert_eq!(header.file_len(), Some(model().file().len() as u64));
}

#[test]
fn a_header_larger_than_the_first_window_is_read() {
    // 2 MB of metadata, so that the window has to grow several times, also within one entry.
    let tokens = (0..40_000).map(|n| s(&format!("token number {n}"))).collect();
    let file = Gguf::new()
        .kv("a", s(&"x".repeat(300_000)))
        .kv("tokens", V::Arr(8, tokens))
        .kv("z", V::U32(7))
        .tensor("t", &[32], 0, 128)
        .file();
    let header = Header::read(Cursor::new(&file), None).expect("a valid file");
    assert_eq!(header.metadata().get_u64("z"), Some(7));
    assert_eq!(header.metadata().get_array("tokens").map(Array::count), Some(40_000));
    assert!(header.tensor("t").is_some());
}

#[test]
fn errors_of_the_file_system_name_the_path() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = folder.path().join("missing.gguf");
    let error = Header::open(&missing).expect_err("missing");
    assert!(matches!(error, GgufError::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("missing.gguf"), "{error}");

    let error = Header::open(folder.path()).expect_err("a folder");
    assert!(matches!(error, GgufError::IsDirectory { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_instead_of_read() {
    let error = Header::open("/dev/zero").expect_err("endless");
    assert!(matches!(error, GgufError::NotAFile { .. }), "{error}");
}

#[test]
fn an_empty_file_is_called_empty() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("empty.gguf");
    fs::write(&path, b"").expect("written");
    let error = Header::open(&path).expect_err("empty");
    assert!(matches!(error, GgufError::NotGguf { looks_like: LooksLike::Empty }), "{error}");
}

#[test]
fn a_half_finished_download_has_a_readable_header_and_says_what_is_missing() {
    let whole = model().file();
    let total = whole.len() as u64;
    let header_end = model().header().len();
    for kept in [header_end, header_end + 5000, whole.len() - 1] {
        let header = Header::read(Cursor::new(&whole[..kept]), Some(total)).expect("header is whole");
        let error = header.check_complete(kept as u64).expect_err("data is missing");
        let (GgufError::TensorDataMissing { expected, actual }
        | GgufError::TruncatedData { expected, actual }) = error
        else {
            panic!("{error}")
        };
        assert_eq!((expected, actual), (total, kept as u64));
        let nothing = kept == header_end;
        assert_eq!(matches!(error, GgufError::TensorDataMissing { .. }), nothing, "{error}");
    }
    let header = Header::read(Cursor::new(&whole), None).expect("whole");
    assert_eq!(header.expected_file_bytes(), total);
    header.check_complete(total).expect("whole");
    header.check_complete(total + 1).expect("more than whole");
}

#[test]
fn a_source_shorter_than_promised_ends_in_truncation() {
    let whole = model().file();
    let error = Header::read(Cursor::new(&whole[..100]), Some(1 << 40)).expect_err("cut");
    assert!(matches!(error, GgufError::TruncatedHeader { actual: 100, .. }), "{error}");
}

/// A disk that fails: a fake, as no real one does on demand.
struct BrokenDisk;

impl std::io::Read for BrokenDisk {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("unreadable sector"))
    }
}

impl std::io::Seek for BrokenDisk {
    fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
        Ok(0)
    }
}

#[test]
fn read_errors_are_passed_on() {
    let error = Header::read(BrokenDisk, Some(1000)).expect_err("broken");
    assert_eq!(error.to_string(), "reading the file failed: unreadable sector");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_false_length_takes_no_memory() {
    // A string of 16 MiB and an array of 200 MB are claimed, of a file that is said to be large.
    for (kind, claim) in [(8_u32, &(16_u64 << 20).to_le_bytes()[..]), (9, &FAR[..])] {
        let mut file = b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
        file.extend([1, 0, 0, 0, 0, 0, 0, 0, b'k']);
        file.extend(kind.to_le_bytes());
        file.extend(claim);
        file.resize(300_000, 0);
        let (result, peak) = peak_of(|| Header::read(Cursor::new(&file), Some(1 << 40)).map(|_| ()));
        let error = result.expect_err("cut");
        assert!(matches!(error, GgufError::TruncatedHeader { actual: 300_000, .. }), "{error}");
        assert!(peak < 4 * file.len(), "{peak}");
    }
}

/// An array of 200 million bytes.
const FAR: [u8; 12] = [0, 0, 0, 0, 0, 0xc2, 0xeb, 0x0b, 0, 0, 0, 0];
