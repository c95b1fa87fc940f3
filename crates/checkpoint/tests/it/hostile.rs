//! Headers that were made to do harm give an error.

use std::fs;

use loadmaster_checkpoint::{
    Checkpoint, CheckpointError, Parts, Role, Runs, SafetensorsError, SafetensorsHeader,
    memory::{self, Ask},
};
use proptest::prelude::*;

fn file(json: &str) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes
}

fn tensor(name: &str, shape: &str, range: &str) -> String {
    format!(r#""{name}":{{"dtype":"F16","shape":{shape},"data_offsets":{range}}}"#)
}

#[test]
fn lengths_that_cannot_be_are_refused_before_memory_is_taken() {
    use SafetensorsError as E;
    for length in [0, 1, 100_000_001, u64::MAX, u64::MAX - 7] {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(b"{}");
        assert!(matches!(SafetensorsHeader::parse(&bytes, None), Err(E::HeaderLength { .. })), "{length}");
    }
    // 100 MB of header in a file of 10 bytes.
    let mut bytes = 100_000_000_u64.to_le_bytes().to_vec();
    bytes.extend_from_slice(b"{}");
    assert!(matches!(SafetensorsHeader::parse(&bytes, Some(10)), Err(E::Truncated { .. })));
}

#[test]
fn shapes_that_overflow_are_refused() {
    for (shape, range) in [
        ("[4294967296,4294967296]", "[0,0]"),
        ("[18446744073709551615]", "[0,18446744073709551614]"),
        ("[9223372036854775808]", "[0,0]"),
        ("[2]", "[18446744073709551612,18446744073709551615]"),
    ] {
        let bytes = file(&format!("{{{}}}", tensor("a", shape, range)));
        let answer = SafetensorsHeader::parse(&bytes, Some(1 << 40));
        assert!(matches!(answer, Err(SafetensorsError::Range { .. })), "{shape} {range}: {answer:?}");
    }
    let bytes = file(&format!("{{{}}}", tensor("a", "[1]", "[18446744073709551613,18446744073709551615]")));
    let answer = SafetensorsHeader::parse(&bytes, Some(1 << 40));
    assert!(matches!(answer, Err(SafetensorsError::DataMissing { .. })), "{answer:?}");
}

#[test]
fn shared_bytes_are_read_and_told() {
    let json = format!(
        "{{{},{},{}}}",
        tensor("a", "[8]", "[0,16]"),
        tensor("b", "[4]", "[8,16]"),
        tensor("c", "[4]", "[12,20]")
    );
    let header = SafetensorsHeader::parse(&file(&json), None).unwrap();
    assert_eq!(header.shared_bytes(), 8 + 4);
    let json = format!("{{{},{}}}", tensor("a", "[8]", "[0,16]"), tensor("b", "[4]", "[16,24]"));
    assert_eq!(SafetensorsHeader::parse(&file(&json), None).unwrap().shared_bytes(), 0);
}

#[test]
fn deep_json_and_broken_names_are_errors() {
    for json in ["{\"a\":".repeat(100_000), "{\"\\ud800\":1}".into(), "{\"__metadata__\":{\"a\":{}}}".into()]
    {
        let answer = SafetensorsHeader::parse(&file(&json), None);
        assert!(matches!(answer, Err(SafetensorsError::Json { .. })), "{answer:?}");
    }
}

/// Tensors so large that their sums overflow give a prediction that saturates, and no panic.
#[test]
fn the_largest_tensors_saturate() {
    let all = "[0,1152921504606846976]";
    let json = format!(
        "{{{},{},{}}}",
        tensor(
            "model.diffusion_model.double_blocks.0.img_mlp.gate_proj.weight",
            "[1,576460752303423488]",
            all
        ),
        tensor("model.diffusion_model.img_in.weight", "[576460752303423488,1]", all),
        tensor("first_stage_model.decoder.up.1.upsample.conv.weight", "[576460752303423488,1,1,1]", all),
    );
    let header = SafetensorsHeader::parse(&file(&json), None).unwrap();
    let parts = Parts::of(Checkpoint::of_safetensors(header));
    let memory = memory::peak(&parts, &Ask::of(u32::MAX, u32::MAX)).unwrap();
    assert_eq!(memory.peak(Runs::OneShot).host, u64::MAX);
}

proptest! {
    #[test]
    fn any_bytes_give_a_header_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        fs::write(&path, &bytes).unwrap();
        if let Err(error) = Checkpoint::open(&path) {
            prop_assert!(!error.to_string().contains('\n') && !error.remedy().is_empty());
            let no_file = matches!(error, CheckpointError::UnknownFamily { .. });
            prop_assert!(!no_file);
        }
    }

    /// Names that families are known by, in any combination and shape.
    #[test]
    fn any_tensors_can_be_judged(
        tensors in proptest::collection::vec((0..NAMES.len(), proptest::collection::vec(0_u64..4096, 0..5)), 0..8),
        width: u32, height: u32, flash: bool, tiled: bool,
    ) {
        let mut json = Vec::new();
        for (at, (name, shape)) in tensors.iter().enumerate() {
            let bytes = shape.iter().fold(2_u64, |bytes, side| bytes.saturating_mul(*side));
            json.push(tensor(&format!("{}{at}.x", NAMES[*name]), &format!("{shape:?}"), &format!("[0,{bytes}]")));
        }
        let bytes = file(&format!("{{{}}}", json.join(",")));
        if let Ok(header) = SafetensorsHeader::parse(&bytes, None) {
            let parts = Parts::of(Checkpoint::of_safetensors(header));
            let ask = Ask { flash_attention: flash, vae_tiling: tiled, ..Ask::of(width, height) };
            let _ = (parts.missing(Runs::Resident), parts.weaker_without(), parts.has(Role::Vae));
            if let Ok(memory) = memory::peak(&parts, &ask) {
                prop_assert!(memory.resident.host >= memory.idle.host);
            }
        }
    }
}

const NAMES: &[&str] = &[
    "model.diffusion_model.double_blocks.",
    "model.diffusion_model.input_blocks.",
    "model.diffusion_model.joint_blocks.",
    "model.diffusion_model.img_in.weight",
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    "first_stage_model.decoder.",
    "cond_stage_model.",
    "text_encoders.llm.",
    "",
];
