//! Headers that claim anything.

use std::io::Cursor;

use loadmaster_gguf::{
    Header, TensorType,
    memory::{Accelerator, Load, MemoryModel, Override, Part, Repack, Usage, predict},
};
use proptest::prelude::*;

use super::names::{ARCHITECTURES, KEYS, OUTSIDE, TENSORS};
use crate::writer::{Gguf, V, s};

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        2_u64..300,
        Just(4096),
        Just(u64::from(u32::MAX)),
        Just(u64::MAX / 2),
        Just(u64::MAX)
    ]
}

fn value() -> impl Strategy<Value = V> {
    prop_oneof![
        number().prop_map(V::U64),
        prop::collection::vec(number().prop_map(V::U64), 0..9).prop_map(|list| V::Arr(10, list)),
        Just(V::F32(0.5)),
        Just(V::Bool(1)),
    ]
}

prop_compose! {
    fn header()(
        architecture in prop::sample::select(ARCHITECTURES),
        values in prop::collection::vec((prop::sample::select(KEYS), value()), 0..18),
        tensors in prop::collection::vec(
            (0_u64..6, prop::sample::select(TENSORS), prop::collection::vec(0_u64..1 << 18, 0..4), 0_u32..45),
            0..60,
        ),
        (tied, outside) in any::<(bool, bool)>(),
    ) -> Vec<u8> {
        let mut file = Gguf::new().kv("general.architecture", s(architecture));
        let mut keys = std::collections::BTreeMap::new();
        keys.extend(values);
        for (key, value) in keys {
            file = file.kv(format!("{architecture}.{key}"), value);
        }
        let names: std::collections::BTreeMap<_, _> =
            tensors.into_iter().map(|(layer, name, dims, kind)| (format!("blk.{layer}.{name}"), (dims, kind))).collect();
        for (name, (dims, kind)) in names {
            // Rows of whole blocks, whatever the type; the reader refuses others.
            let dims: Vec<u64> = dims.iter().enumerate().map(|(at, dim)| if at == 0 { dim / 256 * 256 } else { *dim }).collect();
            file = file.tensor(&name, &dims, kind, 0);
        }
        file = file.tensor("token_embd.weight", &[4096, 1 << 20], 0, 0).tensor("output_norm.weight", &[4096], 0, 0);
        if outside {
            for (name, dims) in OUTSIDE {
                file = file.tensor(name, dims, 0, 0);
            }
        }
        if !tied {
            file = file.tensor("output.weight", &[4096, 1 << 20], 8, 0);
        }
        file.header()
    }
}

prop_compose! {
    fn load()(
        (context_length, parallel, batch, ubatch) in (number(), number(), number(), number()),
        (kv_unified, flash_attention, swa_full, mmap, kv_offload) in any::<(bool, bool, bool, bool, bool)>(),
        (gpu_layers, cpu_moe_layers) in (number(), number()),
        cache_type_k in prop::sample::select(TensorType::ALL),
        cache_type_v in prop::sample::select(TensorType::ALL),
        devices in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), Just(f64::NAN), Just(f64::MAX)], 0..18),
        accelerator in prop::sample::select(vec![Accelerator::PLAIN, Accelerator::CUDA, Accelerator::vulkan(1 << 20)]),
        repack in prop::sample::select(vec![Repack::Off, Repack::Avx512, Repack::NeonI8mm]),
    ) -> Load {
        Load {
            context_length, parallel, kv_unified, batch, ubatch, cache_type_k, cache_type_v, flash_attention,
            gpu_layers, devices, cpu_moe_layers, overrides: vec![Override::new("[13579]\\.", Some(1)).expect("a pattern")], swa_full, repack, mmap, kv_offload,
            accelerator, adapters: Vec::new(), outputs_per_slot: parallel, dry_run: mmap,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_header_and_any_settings_give_a_prediction(header in header(), load in load()) {
        if let Ok(header) = Header::read(Cursor::new(&header), None) {
            let usage = predict(&header, &load);
            prop_assert_eq!(usage.devices.len(), load.devices.len());
            let sum = usage.devices.iter().map(Part::total).fold(usage.host.total(), u64::saturating_add);
            prop_assert_eq!(usage.total(), sum);
            for part in usage.devices.iter().chain([&usage.host]) {
                prop_assert!(part.mapped.saturating_add(part.repacked) <= part.weights);
            }
        }
    }
}

// What the fuzz target found, and what was found on the way.

fn read(file: &Gguf) -> Header {
    Header::read(Cursor::new(&file.header()), None).expect("a valid header")
}

fn on_a_device(file: &Gguf) -> Usage {
    predict(&read(file), &Load { gpu_layers: 99, devices: vec![1.0], ..Load::default() })
}

#[test]
fn the_last_layer_that_can_be_counted_is_none() {
    let mut file = Gguf::new().kv("general.architecture", s("llama")).tensor("blk.0.x", &[32], 0, 128);
    for layer in [u64::MAX, u64::MAX - 1, 4096] {
        for half in ["", "enc.", "dec."] {
            file = file.tensor(&format!("{half}blk.{layer}.attn_q.weight"), &[32], 0, 128);
        }
    }
    let usage = on_a_device(&file);
    assert_eq!(MemoryModel::of(&read(&file)).layer_count(), 1);
    assert_eq!(usage.devices[0].weights + usage.host.weights, 10 * 128);
}

#[test]
fn layers_without_tensors_are_none() {
    let file = Gguf::new()
        .kv("general.architecture", s("rwkv7"))
        .kv("rwkv7.block_count", V::U64(u64::MAX))
        .tensor("blk.0.attn_norm.weight", &[32], 0, 128)
        .tensor("blk.1.attn_norm.weight", &[32], 0, 128);
    assert_eq!(MemoryModel::of(&read(&file)).layer_count(), 2);
}

#[test]
fn a_layer_beyond_the_last_lends_no_output_matrix() {
    let file = Gguf::new()
        .kv("general.architecture", s("llama"))
        .kv("llama.block_count", V::U32(1))
        .tensor("token_embd.weight", &[256, 512], 0, 1 << 19)
        .tensor("blk.0.attn_norm.weight", &[256], 0, 1024);
    let tied = on_a_device(&file);
    let with_another = on_a_device(&file.tensor("blk.7.output.weight", &[256, 1024], 0, 1 << 20));
    assert_eq!(tied.devices[0].weights, (1 << 19) + 1024);
    assert_eq!(with_another.devices[0].weights, tied.devices[0].weights + (1 << 20));
}

#[test]
fn streams_that_no_model_has_are_not_added_up_one_by_one() {
    let file = Gguf::new()
        .kv("general.architecture", s("gemma3n"))
        .tensor("token_embd.weight", &[256, 512], 0, 1 << 19)
        .tensor("altup_unembd_proj.weight", &[1, 1, 1 << 40], 0, 0);
    assert!(on_a_device(&file).total() > 1 << 42);
}
