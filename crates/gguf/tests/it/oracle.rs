//! The same files through gguf-rs-lib, a reader and writer of other people.

use std::{collections::BTreeMap, io::Cursor};

use gguf_rs_lib::{
    builder::GGUFBuilder,
    format::{GGUFTensorType, GGUFValueType, MetadataArray, MetadataValue},
    reader::GGUFFileReader,
};
use loadmaster_gguf::{ArrayMode, Elements, Header, ReadOptions, TensorType, Value};

use crate::writer::model;

/// A value as text that is the same for both readers.
fn theirs(value: &MetadataValue) -> String {
    match value {
        MetadataValue::Array(array) => {
            let elements: Vec<_> = array.values.iter().map(theirs).collect();
            format!("[{}]", elements.join(","))
        }
        MetadataValue::String(text) => format!("{text:?}"),
        MetadataValue::F32(value) => format!("{value:?}"),
        MetadataValue::F64(value) => format!("{value:?}"),
        MetadataValue::Bool(value) => value.to_string(),
        other => other
            .as_u64()
            .map(i128::from)
            .or_else(|| other.as_i64().map(i128::from))
            .expect("an integer")
            .to_string(),
    }
}

fn ours(value: &Value) -> String {
    fn list<T>(values: &[T], show: impl Fn(&T) -> String) -> String {
        format!("[{}]", values.iter().map(show).collect::<Vec<_>>().join(","))
    }
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::F32(value) => format!("{value:?}"),
        Value::F64(value) => format!("{value:?}"),
        Value::Array(array) => match array.elements().expect("arrays are read") {
            Elements::String(strings) => {
                let texts: Vec<_> = strings.iter().map(String::from_utf8_lossy).collect();
                list(&texts, |text| format!("{text:?}"))
            }
            Elements::F32(values) => list(values, |value| format!("{value:?}")),
            Elements::F64(values) => list(values, |value| format!("{value:?}")),
            Elements::Bool(values) => list(values, ToString::to_string),
            Elements::U8(values) => list(values, ToString::to_string),
            Elements::I8(values) => list(values, ToString::to_string),
            Elements::U16(values) => list(values, ToString::to_string),
            Elements::I16(values) => list(values, ToString::to_string),
            Elements::U32(values) => list(values, ToString::to_string),
            Elements::I32(values) => list(values, ToString::to_string),
            Elements::U64(values) => list(values, ToString::to_string),
            Elements::I64(values) => list(values, ToString::to_string),
            Elements::Array(values) => list(values, |array| ours(&Value::Array(array.clone()))),
        },
        other => other.to_string(),
    }
}

/// Reads a file with both readers and compares all that both of them tell.
fn compare(bytes: &[u8]) {
    let theirs_read = GGUFFileReader::new(Cursor::new(bytes)).expect("valid for them");
    let options = ReadOptions { arrays: ArrayMode::Read };
    let header = Header::read_with(Cursor::new(bytes), None, options).expect("valid for us");

    let expected: BTreeMap<_, _> =
        theirs_read.metadata().iter().map(|(key, value)| (key.as_str(), theirs(value))).collect();
    let actual: BTreeMap<_, _> = header.metadata().iter().map(|(key, v)| (key, ours(v))).collect();
    assert_eq!(actual, expected);

    assert_eq!(header.tensors().len(), theirs_read.tensor_count());
    for tensor in header.tensors() {
        let expected = theirs_read.get_tensor_info(&tensor.name).expect("the same names");
        assert_eq!(tensor.dims, expected.shape().dims());
        assert_eq!(tensor.kind.id(), expected.tensor_type() as u32);
        assert_eq!(tensor.offset, expected.data_offset());
        assert_eq!(tensor.byte_size(), Some(expected.expected_data_size()));
    }
    if !header.tensors().is_empty() {
        assert_eq!(header.data_offset(), theirs_read.tensor_data_offset());
    }
    header.check_complete(bytes.len() as u64).expect("the file is whole");
}

#[test]
fn files_of_their_writer_are_read_alike() {
    compare(&their_builder().build_to_bytes().expect("written").0);
    let aligned = their_builder().add_metadata("general.alignment", MetadataValue::U32(256));
    let aligned = aligned.with_tensor_alignment(256).build_to_bytes();
    compare(&aligned.expect("written").0);
}

fn their_builder() -> GGUFBuilder {
    let array = |element, values| {
        MetadataValue::Array(Box::new(MetadataArray::new(element, values).expect("one type")))
    };
    let texts = ["hello", "", "\u{e9}\u{4e16}\u{1f600}", "\u{120}the"];
    let texts = texts.map(|text| MetadataValue::String(text.to_owned()));
    let mut builder = GGUFBuilder::new()
        .add_metadata("general.architecture", MetadataValue::String("llama".into()))
        .add_metadata("llama.a", MetadataValue::U8(255))
        .add_metadata("llama.b", MetadataValue::I8(-128))
        .add_metadata("llama.c", MetadataValue::U16(u16::MAX))
        .add_metadata("llama.d", MetadataValue::I16(i16::MIN))
        .add_metadata("llama.e", MetadataValue::U32(u32::MAX))
        .add_metadata("llama.f", MetadataValue::I32(i32::MIN))
        .add_metadata("llama.g", MetadataValue::F32(0.1))
        .add_metadata("llama.h", MetadataValue::Bool(true))
        .add_metadata("llama.i", MetadataValue::U64(u64::MAX))
        .add_metadata("llama.j", MetadataValue::I64(i64::MIN))
        .add_metadata("llama.k", MetadataValue::F64(1e-300))
        .add_metadata("llama.l", array(GGUFValueType::String, texts.to_vec()))
        .add_metadata("llama.m", array(GGUFValueType::I32, (0..5000).map(MetadataValue::I32).collect()))
        .add_metadata("llama.n", array(GGUFValueType::Bool, vec![MetadataValue::Bool(false); 3]))
        .add_metadata("llama.o", array(GGUFValueType::F32, vec![MetadataValue::F32(-1e-3); 5]));
    for (name, dims, kind, bytes) in [
        ("token_embd.weight", vec![64, 3], GGUFTensorType::F32, 768),
        ("blk.0.a", vec![256, 5], GGUFTensorType::Q4_K, 720),
        ("blk.0.b", vec![32], GGUFTensorType::Q8_0, 34),
        ("blk.1.a", vec![7, 2, 3], GGUFTensorType::BF16, 84),
        ("blk.1.b", vec![64, 2], GGUFTensorType::NVFP4, 72),
    ] {
        builder = builder.add_tensor(name, dims, kind, vec![0xab; bytes]).expect("the right size");
    }
    builder
}

#[test]
fn files_of_our_writer_are_read_alike() {
    compare(&model().file());
}

#[test]
fn blocks_are_of_the_same_size() {
    let mut known = 0;
    for kind in TensorType::ALL {
        let Ok(other) = GGUFTensorType::from_u32(kind.id()) else {
            continue;
        };
        known += 1;
        assert_eq!(kind.block_elements(), Some(other.block_size() as u64), "{kind}");
        let bytes = other.block_size_bytes().or(other.element_size());
        assert_eq!(kind.block_bytes(), bytes.map(|bytes| bytes as u64), "{kind}");
    }
    assert_eq!(known, TensorType::ALL.len(), "they know every type that we know");
}
