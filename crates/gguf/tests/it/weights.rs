//! How bytes are spread over the parts of a model.

use std::io::Cursor;

use loadmaster_gguf::{Header, TensorType, WeightSizes};

use crate::{
    allocation::{bound, peak_of},
    writer::{Gguf, model},
};

fn sizes(file: &Gguf) -> WeightSizes {
    WeightSizes::of(&Header::read(Cursor::new(file.file()), None).expect("a valid file"))
}

#[test]
fn bytes_go_to_layers_embedding_output_and_the_rest() {
    let sizes = sizes(&model());
    assert_eq!(sizes.layer_bytes, [2304 + 4608, 2304]);
    assert_eq!(sizes.layer_expert_bytes, [4608, 0]);
    assert_eq!(sizes.token_embedding_bytes, 6800);
    assert_eq!(sizes.output_bytes, 256 + 6800);
    assert_eq!(sizes.other_bytes, 128);
    assert_eq!(sizes.total_bytes, 2 * 2304 + 4608 + 2 * 6800 + 256 + 128);
    assert!(sizes.exact);
    assert!(!sizes.tied_output);
    let types: Vec<_> = sizes.by_type.iter().map(|t| (t.kind, t.tensors, t.bytes)).collect();
    assert_eq!(types, [(TensorType::Q8_0, 2, 13600), (TensorType::Q4_0, 3, 9216), (TensorType::F32, 2, 384)]);
}

#[test]
fn layers_of_a_later_shard_keep_their_numbers() {
    let sizes = sizes(&Gguf::new().tensor("blk.3.a", &[8], 0, 32).tensor("blk.1.a", &[4], 0, 16));
    assert_eq!(sizes.layer_bytes, [0, 16, 0, 32]);
}

#[test]
fn an_embedding_without_output_is_used_twice() {
    assert!(sizes(&Gguf::new().tensor("token_embd.weight", &[8], 0, 32)).tied_output);
    assert!(!sizes(&Gguf::new().tensor("blk.0.a", &[8], 0, 32)).tied_output);
}

#[test]
fn tensors_of_unknown_type_are_measured_by_the_room_they_have() {
    let file = Gguf::new().tensor("blk.0.a", &[10], 4711, 96).tensor("blk.0.b", &[8], 0, 32).tensor(
        "blk.1.a",
        &[10],
        4711,
        64,
    );
    let sizes = sizes(&file);
    assert!(!sizes.exact);
    assert_eq!(sizes.layer_bytes, [96 + 32, 64]);
    // Without the length of the file the last one has no end.
    let Ok(loadmaster_gguf::Parsed::Complete(header)) = Header::from_prefix(&file.file(), None) else {
        panic!("a valid file");
    };
    assert_eq!(WeightSizes::of(&header).layer_bytes, [96 + 32, 0]);
}

#[test]
fn numbers_of_layers_take_no_memory() {
    let file = Gguf::new()
        .tensor("blk.4294967295.a", &[8], 0, 32)
        .tensor("blk.99999999999999999999999.a", &[8], 0, 32)
        .tensor("blk.4096.a", &[8], 0, 32)
        .tensor("blk.-1.a", &[8], 0, 32)
        .file();
    let header = Header::read(Cursor::new(&file), None).expect("the header is right");
    let (sizes, peak) = peak_of(|| WeightSizes::of(&header));
    assert!(peak < bound(file.len()), "{peak}");
    assert!(sizes.layer_bytes.is_empty());
    assert_eq!(sizes.other_bytes, 128);
}
