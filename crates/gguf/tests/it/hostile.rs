//! Files that are wrong, one for each way to be wrong.

use loadmaster_gguf::{ArrayMode, GgufError, Header, LooksLike, MAX_HEADER_BYTES, ReadOptions};

use crate::{
    allocation::{bound, peak_of},
    writer::{Gguf, V, model, s},
};

/// Reads a whole file that must be refused, in little memory, with a message and a remedy.
fn refused(file: &[u8]) -> GgufError {
    let mut last = None;
    for arrays in [ArrayMode::Read, ArrayMode::Skip] {
        let total = Some(file.len() as u64);
        let (result, peak) =
            peak_of(|| Header::from_prefix_with(file, total, ReadOptions { arrays }).map(|_| ()));
        assert!(peak <= bound(file.len()), "{peak} bytes for {}", file.len());
        let error = result.expect_err("the file is wrong");
        let message = error.to_string();
        assert!(!message.contains('\n') && message.len() < 400, "{message}");
        assert!(error.remedy().ends_with('.'), "{}", error.remedy());
        last = Some(error);
    }
    last.expect("two modes")
}

macro_rules! assert_refused {
    ($file:expr, $pattern:pat $(if $guard:expr)?) => {
        let error = refused(&$file[..]);
        assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
    };
}

/// A header with these counts and whatever follows.
fn raw(version: u32, tensors: u64, entries: u64, rest: &[u8]) -> Vec<u8> {
    let mut file = b"GGUF".to_vec();
    file.extend(version.to_le_bytes());
    file.extend(tensors.to_le_bytes());
    file.extend(entries.to_le_bytes());
    file.extend(rest);
    file
}

/// One metadata entry with the key `k`, this type id and this value.
fn entry(kind: u32, value: &[u8]) -> Vec<u8> {
    let mut rest = 1_u64.to_le_bytes().to_vec();
    rest.push(b'k');
    rest.extend(kind.to_le_bytes());
    rest.extend(value);
    raw(3, 0, 1, &rest)
}

fn array_value(element: u32, count: u64) -> Vec<u8> {
    [&element.to_le_bytes()[..], &count.to_le_bytes()].concat()
}

#[test]
fn something_else_than_gguf() {
    assert_refused!([], GgufError::NotGguf { looks_like: LooksLike::Empty });
    assert_refused!(b"gguf", GgufError::NotGguf { looks_like: LooksLike::PlainText });
    let zip = b"PK\x03\x04\x14\x00\x00\x00";
    assert_refused!(zip, GgufError::NotGguf { looks_like: LooksLike::Zip });
    assert_refused!([0; 4096], GgufError::NotGguf { looks_like: LooksLike::Zeros });
    let error = refused(b"<!doctype html><title>Log in</title>");
    assert_eq!(error.to_string(), "not a GGUF file: it is a web page");
}

#[test]
fn versions_and_byte_orders() {
    for version in [0, 1, 4, 77] {
        let file = raw(version, 0, 0, &[]);
        assert_refused!(file, GgufError::UnsupportedVersion { version: v } if *v == version);
    }
    for version in [1_u32, 2, 3] {
        let file = raw(version.swap_bytes(), 0, 0, &[]);
        assert_refused!(file, GgufError::BigEndian { version: v } if *v == version);
    }
    assert_ne!(
        refused(&raw(1, 0, 0, &[])).remedy(),
        refused(&raw(4, 0, 0, &[])).remedy(),
        "too old and too new have different remedies"
    );
}

#[test]
fn counts_that_cannot_be_true() {
    for count in [u64::MAX, 1 << 62, 1 << 33, MAX_HEADER_BYTES] {
        assert_refused!(raw(3, count, 0, &[0; 100]), GgufError::HeaderTooLarge { .. });
        assert_refused!(raw(3, 0, count, &[0; 100]), GgufError::HeaderTooLarge { .. });
        assert_refused!(raw(3, count, count, &[0; 100]), GgufError::HeaderTooLarge { .. });
        // Also without knowing the length of the file: nobody should fetch so much.
        let result = Header::from_prefix(&raw(3, count, 0, &[]), None);
        assert!(matches!(result, Err(GgufError::HeaderTooLarge { .. })));
    }
    // What might be a real header, in a file too short for it.
    let file = raw(3, 300, 40, &[0; 100]);
    assert_refused!(file, GgufError::TruncatedHeader { needed: 7744, actual: 124 });
}

#[test]
fn lengths_that_cannot_be_true() {
    for length in [u64::MAX, 1 << 62, 16 * 1024 * 1024 + 1] {
        let file = entry(8, &length.to_le_bytes());
        assert_refused!(file, GgufError::StringTooLong { at: 37, length: l, .. } if *l == length);
        let key = raw(3, 0, 1, &[&length.to_le_bytes()[..], &[0; 20]].concat());
        assert_refused!(key, GgufError::StringTooLong { at: 24, limit: 65_535, .. });
        let name = raw(3, 1, 0, &[&length.to_le_bytes()[..], &[0; 20]].concat());
        assert_refused!(name, GgufError::StringTooLong { at: 24, limit: 1024, .. });
    }
    let file = entry(8, &1000_u64.to_le_bytes());
    assert_refused!(file, GgufError::TruncatedHeader { needed: 1045, actual: 45 });
}

#[test]
fn arrays_that_cannot_be_true() {
    for element in 0..=12 {
        let file = entry(9, &array_value(element, 1 << 61));
        assert_refused!(file, GgufError::HeaderTooLarge { .. });
        let file = entry(9, &array_value(element, 1000));
        assert_refused!(file, GgufError::TruncatedHeader { .. });
    }
    // Room for the count by its own measure, and strings that do not end.
    let mut strings = array_value(8, 100);
    strings.extend([0xff; 800]);
    assert_refused!(entry(9, &strings), GgufError::StringTooLong { .. });
}

#[test]
fn arrays_nested_without_end() {
    let deepest = [array_value(9, 1).repeat(3), array_value(0, 1), vec![7]].concat();
    assert!(Header::from_prefix(&entry(9, &deepest), None).is_ok());
    let deeper = [array_value(9, 1), deepest].concat();
    assert_refused!(entry(9, &deeper), GgufError::NestedTooDeep { at: 85, .. });
    let nested = array_value(9, 1).repeat(1_000_000);
    assert_refused!(entry(9, &nested), GgufError::NestedTooDeep { limit: 4, .. });
    // A bomb: 4 levels of many arrays with few bytes.
    let file = entry(9, &[array_value(9, 1 << 40), array_value(9, 1 << 40)].concat());
    assert_refused!(file, GgufError::HeaderTooLarge { .. });
}

#[test]
fn unknown_value_types() {
    assert_refused!(entry(99, &[0; 8]), GgufError::UnknownValueType { at: 33, id: 99 });
    assert_refused!(entry(9, &array_value(13, 0)), GgufError::UnknownValueType { at: 37, id: 13 });
}

#[test]
fn booleans_between_true_and_false() {
    assert_refused!(entry(7, &[2]), GgufError::InvalidBool { at: 37, value: 2 });
    let array = [&array_value(7, 2)[..], &[1, 9]].concat();
    assert_refused!(entry(9, &array), GgufError::InvalidBool { at: 50, value: 9 });
}

#[test]
fn keys_empty_binary_or_twice() {
    assert_refused!(Gguf::new().kv("", V::U8(1)).file(), GgufError::InvalidKey { at: 24 });
    assert_refused!(Gguf::new().kv(b"\xff\xfe", V::U8(1)).file(), GgufError::InvalidKey { .. });
    let file = Gguf::new().kv("a", V::U8(1)).kv("b", V::U8(1)).kv("a", V::U8(1)).file();
    assert_refused!(file, GgufError::DuplicateKey { key } if key == "a");
    // Long and full of control characters, and still one short line.
    let key = "\n\x1b[31m".repeat(5000);
    let file = Gguf::new().kv(&key, V::U8(1)).kv(&key, V::U8(1)).file();
    assert_refused!(file, GgufError::DuplicateKey { .. });
}

#[test]
fn alignments_that_are_none() {
    for value in [V::U32(0), V::U32(33), V::I32(-32), V::F32(32.0), s("32"), V::U64(1 << 60)] {
        let file = Gguf::new().kv("general.alignment", value).file();
        assert_refused!(file, GgufError::InvalidAlignment { .. });
    }
}

#[test]
fn tensors_named_empty_binary_or_twice() {
    let file = Gguf::new().tensor("", &[32], 0, 128).file();
    assert_refused!(file, GgufError::InvalidTensorName { at: 24 });
    let file = Gguf::new().tensor_at(b"\xff", &[32], 0, 0, 128).file();
    assert_refused!(file, GgufError::InvalidTensorName { .. });
    let file = Gguf::new().tensor("a", &[8], 0, 32).tensor("a", &[8], 0, 32).file();
    assert_refused!(file, GgufError::DuplicateTensor { name } if name == "a");
}

#[test]
fn tensors_of_impossible_shape() {
    let file = Gguf::new().tensor("t", &[1; 9], 0, 4).file();
    assert_refused!(file, GgufError::TooManyDimensions { dimensions: 9, limit: 8, .. });
    let file = raw(3, 1, 0, &[&1_u64.to_le_bytes()[..], b"t", &[0xff; 32]].concat());
    assert_refused!(file, GgufError::TooManyDimensions { dimensions: u32::MAX, .. });

    let big = 1 << 40;
    for (dims, kind, offset) in [
        (&[big, big][..], 0, 0),
        (&[big, big], 4711, 0),
        (&[1 << 63], 24, 0),
        (&[1 << 62], 0, 0),
        (&[1 << 62], 27, 0),
        (&[0, big, big], 0, 0),
        (&[32], 0, u64::MAX - 31),
        (&[32], 0, i64::MAX as u64 - 31),
        (&[32], 4711, 1 << 63),
    ] {
        let file = Gguf::new().tensor_at(b"t", dims, kind, offset, 0);
        assert_refused!(file.header(), GgufError::TensorTooLarge { .. });
    }

    let file = Gguf::new().tensor("t", &[33, 32], 2, 594).file();
    assert_refused!(file, GgufError::PartialBlock { row: 33, block: 32, .. });
    let file = Gguf::new().tensor("t", &[], 2, 18).file();
    assert_refused!(file, GgufError::PartialBlock { row: 1, block: 32, .. });
}

#[test]
fn tensors_in_wrong_places() {
    let file = Gguf::new().tensor_at(b"t", &[8], 0, 16, 32).file();
    assert_refused!(file, GgufError::MisalignedTensor { offset: 16, alignment: 32, .. });
    let file = Gguf::new().alignment(128).tensor_at(b"t", &[8], 0, 64, 32).file();
    assert_refused!(file, GgufError::MisalignedTensor { offset: 64, alignment: 128, .. });

    let whole = |file: Gguf| {
        let file = file.file();
        let length = file.len() as u64;
        let header = Header::read(std::io::Cursor::new(file), None).expect("the header is right");
        header.check_complete(length)
    };
    let overlap = Gguf::new().tensor_at(b"b", &[8], 0, 32, 32).tensor_at(b"a", &[9], 0, 0, 36).tensor_at(
        b"c",
        &[8],
        0,
        64,
        32,
    );
    let error = whole(overlap).expect_err("a reaches into b");
    assert_eq!(error.to_string(), r#"the tensors "a" and "b" overlap"#);
    let apart = Gguf::new().tensor_at(b"b", &[8], 0, 64, 32).tensor_at(b"a", &[9], 0, 0, 36);
    whole(apart).expect("gaps and disorder are harmless");
    let beyond = Gguf::new().tensor_at(b"a", &[8], 0, 1 << 40, 0);
    let header = beyond.header();
    let read = Header::read(std::io::Cursor::new(&header), None).expect("the header is right");
    assert!(read.check_complete(header.len() as u64).is_err());
}

#[test]
fn a_full_table_of_entries_stays_within_its_bound() {
    // The smallest entries and tensors there can be, many of them.
    let file = (0..20_000_u32).fold(Gguf::new(), |file, n| {
        let name = format!("{n:x}");
        file.kv(&name, V::U8(0)).tensor_at(name.as_bytes(), &[], 24, 0, 1)
    });
    let bytes = file.file();
    let (result, peak) = peak_of(|| Header::read(std::io::Cursor::new(&bytes), None));
    assert_eq!(result.expect("valid").tensors().len(), 20_000);
    assert!(peak <= bound(bytes.len()), "{peak} for {}", bytes.len());
}

#[test]
fn every_remedy_is_a_sentence() {
    let path = || "x".into();
    for error in [
        GgufError::NotFound { path: path() },
        GgufError::PermissionDenied { path: path() },
        GgufError::IsDirectory { path: path() },
        GgufError::NotAFile { path: path() },
        GgufError::TensorDataMissing { expected: 2, actual: 1 },
        GgufError::TruncatedData { expected: 2, actual: 1 },
        GgufError::OverlappingTensors { first: "a".into(), second: "b".into() },
    ] {
        assert!(error.remedy().ends_with('.'));
        assert!(error.remedy().starts_with(char::is_uppercase));
    }
    assert!(Header::from_prefix(&model().file(), None).is_ok(), "the fixture itself is right");
}
