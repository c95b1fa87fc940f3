//! Arrays: small ones read, large ones skipped and loaded later.

use std::io::Cursor;

use loadmaster_gguf::{Array, ArrayMode, Elements, GgufError, Header, ReadOptions, SMALL_ARRAY, ValueType};

use crate::writer::{Gguf, V, s, strings};

fn array(file: &[u8], arrays: ArrayMode) -> Array {
    let header = Header::read_with(Cursor::new(file), None, ReadOptions { arrays });
    header.expect("a valid file").metadata().get_array("a").expect("written").clone()
}

fn numbers(count: u64) -> Vec<u8> {
    let count = u32::try_from(count).expect("small");
    Gguf::new().kv("a", V::Arr(4, (0..count).map(V::U32).collect())).file()
}

#[test]
fn small_arrays_are_always_read() {
    let small = array(&numbers(SMALL_ARRAY), ArrayMode::Skip);
    assert_eq!(small.to_u64s().map(|values| values.len() as u64), Some(SMALL_ARRAY));
    let large = array(&numbers(SMALL_ARRAY + 1), ArrayMode::Skip);
    assert_eq!(large.to_u64s(), None);
    assert_eq!(large.count(), SMALL_ARRAY + 1);
    let asked = array(&numbers(SMALL_ARRAY + 1), ArrayMode::Read);
    assert_eq!(asked.to_u64s().map(|values| values.len() as u64), Some(SMALL_ARRAY + 1));

    let tags = array(&Gguf::new().kv("a", strings(&["chat", "", "en"])).file(), ArrayMode::Skip);
    let tags = tags.elements().and_then(Elements::as_strings).expect("small");
    assert_eq!(tags.iter().collect::<Vec<_>>(), [&b"chat"[..], b"", b"en"]);
    assert_eq!(tags.get(3), None);
}

#[test]
fn a_skipped_array_says_where_it_lies_and_can_be_loaded() {
    let tokens: Vec<V> = (0..5000).map(|n| V::Str(format!("t{n}\u{e9}").into_bytes())).collect();
    let file = Gguf::new().kv("before", s("x")).kv("a", V::Arr(8, tokens)).file();
    let skipped = array(&file, ArrayMode::Skip);
    assert_eq!((skipped.element_type(), skipped.count()), (ValueType::String, 5000));
    assert!(skipped.elements().is_none());
    assert_eq!(skipped.to_string(), "[string x 5000]");

    let read = array(&file, ArrayMode::Read);
    assert_eq!(read.bytes(), skipped.bytes());
    let start = usize::try_from(skipped.bytes().start).expect("small");
    assert_eq!(file[start..start + 8], 4_u64.to_le_bytes(), "the length of the first string");

    let loaded = skipped.load(&mut Cursor::new(&file)).expect("the file is whole");
    assert_eq!(Some(&loaded), read.elements());
    assert_eq!(loaded.len(), 5000);
    let strings = loaded.as_strings().expect("strings");
    assert_eq!(strings.get(4999), Some("t4999\u{e9}".as_bytes()));

    let cut = &file[..start + 100];
    let error = skipped.load(&mut Cursor::new(cut)).expect_err("cut");
    assert!(matches!(error, GgufError::TruncatedHeader { .. }), "{error}");
}

#[test]
fn elements_of_every_type_are_read() {
    let cases = [
        (V::Arr(0, vec![V::U8(1), V::U8(255)]), Elements::U8(vec![1, 255])),
        (V::Arr(1, vec![V::I8(-1)]), Elements::I8(vec![-1])),
        (V::Arr(2, vec![V::U16(65_535)]), Elements::U16(vec![65_535])),
        (V::Arr(3, vec![V::I16(-2)]), Elements::I16(vec![-2])),
        (V::Arr(4, vec![V::U32(7)]), Elements::U32(vec![7])),
        (V::Arr(5, vec![V::I32(-7)]), Elements::I32(vec![-7])),
        (V::Arr(6, vec![V::F32(0.25)]), Elements::F32(vec![0.25])),
        (V::Arr(7, vec![V::Bool(1), V::Bool(0)]), Elements::Bool(vec![true, false])),
        (V::Arr(10, vec![V::U64(u64::MAX)]), Elements::U64(vec![u64::MAX])),
        (V::Arr(11, vec![V::I64(-9)]), Elements::I64(vec![-9])),
        (V::Arr(12, vec![V::F64(0.1)]), Elements::F64(vec![0.1])),
        (V::Arr(4, vec![]), Elements::U32(vec![])),
    ];
    for (written, expected) in cases {
        let file = Gguf::new().kv("a", written).file();
        for mode in [ArrayMode::Skip, ArrayMode::Read] {
            assert_eq!(array(&file, mode).elements(), Some(&expected));
        }
    }
}

#[test]
fn nested_arrays_are_walked_and_read_when_asked() {
    let inner = |n: u32| V::Arr(4, vec![V::U32(n); 3]);
    let file = Gguf::new().kv("a", V::Arr(9, vec![inner(1), inner(2)])).kv("z", V::U8(9)).file();
    let skipped = array(&file, ArrayMode::Skip);
    assert!(skipped.elements().is_none());
    let Some(Elements::Array(read)) = array(&file, ArrayMode::Read).elements().cloned() else {
        panic!("arrays of arrays");
    };
    assert_eq!(read[1].to_u64s(), Some(vec![2, 2, 2]));
    let loaded = skipped.load(&mut Cursor::new(&file)).expect("the file is whole");
    assert_eq!(loaded, Elements::Array(read));
}
