//! Properties over generated files and arbitrary bytes.

use std::io::Cursor;

use loadmaster_gguf::{
    Array, ArrayMode, Elements, Facts, Header, Parsed, ReadOptions, TensorType, Value, WeightSizes,
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{
    allocation::{bound, peak_of},
    writer::{Gguf, V, model},
};

fn scalar() -> impl Strategy<Value = V> {
    prop_oneof![
        any::<u8>().prop_map(V::U8),
        any::<i8>().prop_map(V::I8),
        any::<u16>().prop_map(V::U16),
        any::<i16>().prop_map(V::I16),
        any::<u32>().prop_map(V::U32),
        any::<i32>().prop_map(V::I32),
        (-1e30_f32..1e30).prop_map(V::F32),
        (0..2_u8).prop_map(V::Bool),
        vec(any::<u8>(), 0..40).prop_map(V::Str),
        any::<u64>().prop_map(V::U64),
        any::<i64>().prop_map(V::I64),
        (-1e300_f64..1e300).prop_map(V::F64),
    ]
}

fn array() -> impl Strategy<Value = V> {
    (scalar(), 0..100_usize).prop_map(|(element, count)| V::Arr(element.type_id(), vec![element; count]))
}

fn value() -> impl Strategy<Value = V> {
    let nested = (array(), 0..5_usize).prop_map(|(array, count)| V::Arr(9, vec![array; count]));
    prop_oneof![4 => scalar(), 2 => array(), 1 => nested]
}

fn file() -> impl Strategy<Value = Gguf> {
    let entries = vec(value(), 0..12);
    let tensors = vec((0..TensorType::ALL.len(), vec(0..6_u64, 0..4), any::<bool>()), 0..12);
    (entries, tensors, 2..4_u32, 0..8_u32).prop_map(|(entries, tensors, version, alignment)| {
        let mut file = Gguf::new().version(version).alignment(1 << alignment);
        for (index, value) in entries.into_iter().enumerate() {
            file = file.kv(format!("key.{index}"), value);
        }
        for (index, (kind, mut dims, unknown)) in tensors.into_iter().enumerate() {
            let kind = TensorType::ALL[kind];
            let block = kind.block_elements().expect("known");
            let bytes = kind.block_bytes().expect("known");
            dims.insert(0, block * 2);
            let size = dims.iter().product::<u64>() / block * bytes;
            let id = if unknown && index % 3 == 0 { 1000 + kind.id() } else { kind.id() };
            file = file.tensor(&format!("blk.{index}.t"), &dims, id, size);
        }
        file
    })
}

/// Whether what was read is what was written, as far as it was read.
fn same(written: &V, read: &Value) -> bool {
    match (written, read) {
        (V::U8(a), Value::U8(b)) => a == b,
        (V::I8(a), Value::I8(b)) => a == b,
        (V::U16(a), Value::U16(b)) => a == b,
        (V::I16(a), Value::I16(b)) => a == b,
        (V::U32(a), Value::U32(b)) => a == b,
        (V::I32(a), Value::I32(b)) => a == b,
        (V::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits(),
        (V::Bool(a), Value::Bool(b)) => (*a == 1) == *b,
        (V::Str(a), Value::String(b)) => a == b.as_bytes(),
        (V::U64(a), Value::U64(b)) => a == b,
        (V::I64(a), Value::I64(b)) => a == b,
        (V::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        (V::Arr(element, values), Value::Array(array)) => same_array(*element, values, array),
        _ => false,
    }
}

fn same_array(element: u32, values: &[V], array: &Array) -> bool {
    array.element_type() as u32 == element
        && array.count() == values.len() as u64
        && array.elements().is_none_or(|read| {
            read.len() == values.len()
                && values.iter().enumerate().all(|(at, value)| same(value, &element_at(read, at)))
        })
}

fn element_at(elements: &Elements, at: usize) -> Value {
    match elements {
        Elements::U8(values) => Value::U8(values[at]),
        Elements::I8(values) => Value::I8(values[at]),
        Elements::U16(values) => Value::U16(values[at]),
        Elements::I16(values) => Value::I16(values[at]),
        Elements::U32(values) => Value::U32(values[at]),
        Elements::I32(values) => Value::I32(values[at]),
        Elements::F32(values) => Value::F32(values[at]),
        Elements::Bool(values) => Value::Bool(values[at]),
        Elements::String(values) => Value::String(values.get(at).expect("below the count").into()),
        Elements::Array(values) => Value::Array(values[at].clone()),
        Elements::U64(values) => Value::U64(values[at]),
        Elements::I64(values) => Value::I64(values[at]),
        Elements::F64(values) => Value::F64(values[at]),
    }
}

/// Everything that can be asked of a header, to see that nothing panics.
fn exercise(header: &Header, file: &[u8]) {
    let _ = Facts::of(header);
    let _ = WeightSizes::of(header);
    let _ = header.check_complete(file.len() as u64);
    for (key, value) in header.metadata().iter() {
        assert_eq!(header.metadata().get(key).map(Value::value_type), Some(value.value_type()));
        let _ = value.to_string();
        if let Some(array) = value.as_array() {
            let _ = array.load(&mut Cursor::new(file));
        }
    }
    for tensor in header.tensors() {
        assert_eq!(header.tensor(&tensor.name), Some(tensor));
    }
}

/// Reads arbitrary bytes every way there is, in little memory.
fn survive(bytes: &[u8]) {
    for arrays in [ArrayMode::Skip, ArrayMode::Read] {
        let options = ReadOptions { arrays };
        let (whole, peak) = peak_of(|| Header::read_with(Cursor::new(bytes), None, options));
        assert!(peak <= bound(bytes.len()), "{peak} bytes for {}", bytes.len());
        if let Ok(header) = &whole {
            let ((), peak) = peak_of(|| exercise(header, bytes));
            assert!(peak <= bound(bytes.len()), "{peak} bytes for {}", bytes.len());
        }
        let (prefix, peak) = peak_of(|| Header::from_prefix_with(bytes, None, options));
        assert!(peak <= bound(bytes.len()), "{peak} bytes for {}", bytes.len());
        match (prefix, whole) {
            (Ok(Parsed::Complete(_)), whole) => assert!(whole.is_ok()),
            (Ok(Parsed::NeedMore { at_least }), whole) => {
                assert!(at_least > bytes.len() as u64);
                assert!(whole.is_err());
            }
            (Err(_), whole) => assert!(whole.is_err()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(file in file()) {
        let bytes = file.file();
        for arrays in [ArrayMode::Skip, ArrayMode::Read] {
            let header = Header::read_with(Cursor::new(&bytes), None, ReadOptions { arrays })?;
            prop_assert_eq!(header.header_bytes(), file.header().len() as u64);
            prop_assert_eq!(header.metadata().len(), file.entries().len());
            for ((key, value), (written_key, written)) in header.metadata().iter().zip(file.entries()) {
                prop_assert_eq!(key.as_bytes(), written_key.as_slice());
                prop_assert!(same(written, value), "{:?} is not {:?}", value, written);
            }
            prop_assert_eq!(header.tensors().len(), file.tensors().len());
            for (tensor, written) in header.tensors().iter().zip(file.tensors()) {
                prop_assert_eq!(tensor.name.as_bytes(), written.name.as_slice());
                prop_assert_eq!(&tensor.dims, &written.dims);
                prop_assert_eq!(tensor.kind.id(), written.kind);
                prop_assert_eq!(tensor.offset, written.offset);
            }
            prop_assert!(header.check_complete(bytes.len() as u64).is_ok());
        }
        survive(&bytes);
    }

    #[test]
    fn a_prefix_is_never_wrong(file in file(), cut in any::<Index>()) {
        let (header, bytes) = (file.header(), file.file());
        let length = cut.index(bytes.len());
        match Header::from_prefix(&bytes[..length], Some(bytes.len() as u64))? {
            Parsed::Complete(_) => prop_assert!(length >= header.len()),
            Parsed::NeedMore { at_least } => {
                prop_assert!(length < header.len());
                prop_assert!(length as u64 <= at_least && at_least <= header.len() as u64);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_survived(bytes in vec(any::<u8>(), 0..2000)) {
        survive(&bytes);
    }

    #[test]
    fn arbitrary_bytes_after_the_magic_are_survived(
        bytes in vec(prop_oneof![2 => Just(0_u8), 2 => 0..13_u8, 1 => any::<u8>()], 0..2000),
    ) {
        survive(&[&b"GGUF\x03\0\0\0"[..], &bytes].concat());
    }

    #[test]
    fn mutations_of_a_valid_file_are_survived(
        file in file(),
        changes in vec((any::<Index>(), any::<u8>()), 1..8),
        words in vec((any::<Index>(), prop_oneof![any::<u64>(), Just(u64::MAX), 0..300_u64]), 0..3),
    ) {
        let mut bytes = file.file();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, word) in words {
            let at = at.index(bytes.len());
            for (target, byte) in bytes[at..].iter_mut().zip(word.to_le_bytes()) {
                *target = byte;
            }
        }
        survive(&bytes);
    }

    #[test]
    fn mutations_of_a_model_are_survived(
        at in any::<Index>(),
        word in prop_oneof![any::<u64>(), 0..64_u64, Just(u64::MAX), Just(1 << 32)],
        width in 1..9_usize,
    ) {
        let mut bytes = model().file();
        let at = at.index(model().header().len());
        bytes[at..at + width].copy_from_slice(&word.to_le_bytes()[..width]);
        survive(&bytes);
    }
}
