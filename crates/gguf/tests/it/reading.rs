//! Whole headers: metadata, tensors, lookups.

use std::io::Cursor;

use loadmaster_gguf::{Header, PerLayer, TensorType, Value, ValueType};

use crate::writer::{Gguf, V, model, s};

fn read(file: &Gguf) -> Header {
    Header::read(Cursor::new(file.file()), None).expect("a valid file")
}

#[test]
fn metadata_keeps_its_order_and_is_found_by_key() {
    let file = model();
    let header = read(&file);
    let keys: Vec<_> = header.metadata().iter().map(|(key, _)| key).collect();
    assert_eq!(keys[..3], ["general.architecture", "general.type", "general.name"]);
    assert_eq!(keys.len(), header.metadata().len());
    for (key, value) in header.metadata().iter() {
        assert_eq!(header.metadata().get(key), Some(value));
    }
    assert_eq!(header.metadata().get("general"), None);
    assert_eq!(header.version(), 3);
    assert_eq!(header.header_bytes(), file.header().len() as u64);
    assert_eq!(header.data_offset() % 32, 0);
    assert_eq!(header.file_len(), Some(file.file().len() as u64));
}

#[test]
fn every_value_type_is_read() {
    let values = [
        ("a.u8", V::U8(200), Value::U8(200)),
        ("a.i8", V::I8(-5), Value::I8(-5)),
        ("a.u16", V::U16(60_000), Value::U16(60_000)),
        ("a.i16", V::I16(-300), Value::I16(-300)),
        ("a.u32", V::U32(4_000_000_000), Value::U32(4_000_000_000)),
        ("a.i32", V::I32(-70_000), Value::I32(-70_000)),
        ("a.f32", V::F32(1.5), Value::F32(1.5)),
        ("a.bool", V::Bool(1), Value::Bool(true)),
        ("a.string", s("text"), Value::String("text".into())),
        ("a.u64", V::U64(u64::MAX), Value::U64(u64::MAX)),
        ("a.i64", V::I64(i64::MIN), Value::I64(i64::MIN)),
        ("a.f64", V::F64(0.1), Value::F64(0.1)),
    ];
    let file = values.iter().fold(Gguf::new(), |file, (key, value, _)| file.kv(key, value.clone()));
    let header = read(&file);
    for (key, written, expected) in &values {
        let value = header.metadata().get(key).expect("the key was written");
        assert_eq!(value, expected);
        assert_eq!(ValueType::from_id(written.type_id()), Some(value.value_type()));
    }
    let metadata = header.metadata();
    assert_eq!(metadata.get_u64("a.u16"), Some(60_000));
    assert_eq!(metadata.get_u64("a.i8"), None, "negative");
    assert_eq!(metadata.get_u64("a.f32"), None, "not an integer");
    assert_eq!(metadata.get_u64("a.u64"), Some(u64::MAX));
    assert_eq!(metadata.get_f32("a.f32"), Some(1.5));
    assert_eq!(metadata.get_f32("a.f64"), Some(0.1));
    assert_eq!(metadata.get_bool("a.bool"), Some(true));
    assert_eq!(metadata.get_bool("a.u8"), None);
    assert_eq!(metadata.get_str("a.string"), Some("text"));
    assert_eq!(metadata.get_array("a.string"), None);
}

#[test]
fn strings_that_are_not_utf8_are_kept() {
    let header = read(&Gguf::new().kv("general.name", V::Str(b"caf\xe9".to_vec())));
    let metadata = header.metadata();
    let text = metadata.get("general.name").and_then(Value::as_text).expect("a string");
    assert_eq!(text.as_bytes(), b"caf\xe9");
    assert_eq!(text.as_str(), None);
    assert_eq!(metadata.get_str("general.name"), None);
    assert_eq!(metadata.get_lossy("general.name").expect("a string"), "caf\u{fffd}");
}

#[test]
fn architecture_keys_are_found_for_any_architecture() {
    // Hyphens, as in gpt-oss and command-r, and an architecture nobody has made yet.
    for architecture in ["gpt-oss", "ernie4_5-moe", "Some.New/Thing 9"] {
        let header = read(
            &Gguf::new()
                .kv("general.architecture", s(architecture))
                .kv(format!("{architecture}.context_length"), V::U32(131_072))
                .kv(format!("{architecture}.rope.freq_base"), V::F32(150_000.0))
                .kv(format!("{architecture}.attention.causal"), V::Bool(0)),
        );
        assert_eq!(header.architecture(), Some(architecture));
        assert_eq!(header.arch_u64("context_length"), Some(131_072));
        assert_eq!(header.arch_f32("rope.freq_base"), Some(150_000.0));
        assert_eq!(header.arch_bool("attention.causal"), Some(false));
        assert_eq!(header.arch_u64("block_count"), None);
    }
    assert_eq!(read(&Gguf::new()).arch_u64("context_length"), None);
}

#[test]
fn figures_per_layer_are_single_numbers_or_lists() {
    let header = read(&model());
    assert_eq!(header.arch_per_layer("attention.head_count"), Some(PerLayer::Same(4)));
    let kv = header.arch_per_layer("attention.head_count_kv").expect("in the model");
    assert_eq!(kv, PerLayer::Each(vec![2, 1]));
    assert_eq!((kv.get(1), kv.get(2), kv.max()), (Some(1), None, Some(2)));
    assert_eq!(PerLayer::Same(4).get(1000), Some(4));
    assert_eq!(PerLayer::Each(vec![]).max(), None);
}

#[test]
fn tensors_have_names_shapes_types_and_places() {
    let header = read(&model());
    assert_eq!(header.tensors().len(), 7);
    assert_eq!(header.tensors()[0].name, "token_embd.weight");
    let tensor = header.tensor("blk.0.ffn_up_exps.weight").expect("in the model");
    assert_eq!(tensor.dims, [64, 32, 4]);
    assert_eq!(tensor.kind, TensorType::Q4_0);
    assert_eq!(tensor.elements(), 8192);
    assert_eq!(tensor.byte_size(), Some(4608));
    assert_eq!(tensor.layer(), Some(0));
    assert_eq!(header.tensor("output.weight").expect("in the model").layer(), None);
    assert_eq!(header.tensor("blk.0"), None);
    assert_eq!(header.tensor_bytes(), Some(6800 + 2304 + 4608 + 2304 + 256 + 6800 + 128));
    assert_eq!(header.element_count(), 6400 + 4096 + 8192 + 4096 + 64 + 6400 + 32);
}

#[test]
fn what_other_readers_refuse_is_read() {
    // Version 2, long names as stable-diffusion.cpp has them, scalars, five dimensions, an unknown
    // type, another alignment.
    let long = format!("model.diffusion_model.{}.weight", "x".repeat(120));
    let header = read(
        &Gguf::new()
            .version(2)
            .alignment(64)
            .tensor(&long, &[2, 2], 0, 16)
            .tensor("scalar", &[], 0, 4)
            .tensor("five", &[1, 2, 3, 4, 5], 1, 240)
            .tensor("future", &[7], 4711, 99)
            .tensor("empty", &[0, 3], 0, 0),
    );
    assert_eq!(header.version(), 2);
    assert_eq!(header.alignment(), 64);
    assert_eq!(header.data_offset() % 64, 0);
    assert!(header.tensor(&long).is_some());
    let size = |name: &str| header.tensor(name).expect("written").byte_size();
    assert_eq!(size("scalar"), Some(4));
    assert_eq!(size("five"), Some(240));
    assert_eq!(size("future"), None);
    assert_eq!(size("empty"), Some(0));
    assert_eq!(header.tensor("future").expect("written").kind, TensorType::Unknown(4711));
    assert_eq!(header.tensor_bytes(), None);
    assert_eq!(header.check_complete(header.file_len().expect("read whole")).ok(), Some(()));
}

#[test]
fn alignment_may_be_an_integer_of_any_width() {
    let header = read(&Gguf::new().kv("general.alignment", V::U64(4096)));
    assert_eq!(header.alignment(), 4096);
}

#[test]
fn a_file_of_nothing_is_a_file() {
    let header = read(&Gguf::new());
    assert!(header.metadata().is_empty());
    assert!(header.tensors().is_empty());
    assert_eq!(header.header_bytes(), 24);
    assert_eq!(header.check_complete(24).ok(), Some(()));
}
