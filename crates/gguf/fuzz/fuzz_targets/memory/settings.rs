//! Settings, every one of which may be anything.

use loadmaster_gguf::{
    TensorType,
    memory::{Accelerator, Load, Override, Repack},
};

use crate::bytes::Bytes;

const SHARES: [f64; 8] = [0.0, 1.0, 3.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE];

const REPACKS: [Repack; 5] = [Repack::Off, Repack::Avx2, Repack::Avx512, Repack::Neon, Repack::NeonI8mm];

/// Everything but the adapters.
pub(crate) fn load(bytes: &mut Bytes<'_>) -> Load {
    let switches = bytes.byte();
    let on = |bit: u8| switches >> bit & 1 == 1;
    Load {
        kv_unified: on(0),
        flash_attention: on(1),
        swa_full: on(2),
        mmap: on(3),
        kv_offload: on(4),
        dry_run: on(5),
        context_length: bytes.number(),
        parallel: bytes.number(),
        batch: bytes.number(),
        ubatch: bytes.number(),
        outputs_per_slot: bytes.number(),
        gpu_layers: bytes.number(),
        cpu_moe_layers: bytes.number(),
        cache_type_k: TensorType::from_id(bytes.byte().into()),
        cache_type_v: TensorType::from_id(bytes.byte().into()),
        repack: bytes.pick(&REPACKS),
        devices: (0..bytes.byte() % 20).map(|_| bytes.pick(&SHARES)).collect(),
        accelerator: accelerator(bytes),
        overrides: (0..bytes.byte() % 4).filter_map(|_| tensors_elsewhere(bytes)).collect(),
        adapters: Vec::new(),
    }
}

fn accelerator(bytes: &mut Bytes<'_>) -> Accelerator {
    let switches = bytes.byte();
    let on = |bit: u8| switches >> bit & 1 == 1;
    Accelerator {
        op_offload: on(0),
        pinned_host: on(1),
        lacks_scan: on(2),
        pins_norms: on(3),
        largest_tensor: on(4).then(|| bytes.number()),
        largest_buffer: on(5).then(|| bytes.number()),
    }
}

fn tensors_elsewhere(bytes: &mut Bytes<'_>) -> Option<Override> {
    let device = bytes.byte();
    let device = (device < 200).then_some(if device == 199 { usize::MAX } else { device.into() });
    let length = bytes.byte() & 63;
    let pattern = String::from_utf8_lossy(bytes.take(length.into()));
    Override::new(&pattern, device).ok()
}
