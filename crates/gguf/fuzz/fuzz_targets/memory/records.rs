//! A header out of short records: an architecture, then keys and tensors by number.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    bytes::Bytes,
    names::{ARCHITECTURES, KEYS, OUTSIDE, TENSORS},
    writer::{Gguf, V, s},
};

/// Tensors outside the layers that nearly all models have.
const ENDS: &[&str] = &[
    "token_embd.weight",
    "output.weight",
    "output_norm.weight",
    "output.bias",
    "rope_freqs.weight",
    "token_types.weight",
    "position_embd.weight",
    "enc.output_norm.weight",
    "dec.output_norm.weight",
];

/// What projectors read.
const PROJECTOR: &[&str] = &[
    "clip.vision.embedding_length",
    "clip.vision.patch_size",
    "clip.vision.image_size",
    "clip.vision.feed_forward_length",
    "clip.vision.attention.head_count",
    "clip.audio.embedding_length",
    "clip.audio.num_mel_bins",
];

/// The first layers, and such as no model has.
const LAYERS: &[u64] = &[0, 1, 2, 3, 4, 5, 6, 7, 30, 63, 4095, 4096, u32::MAX as u64, u64::MAX - 1, u64::MAX];

/// A header of what is left of the bytes.
pub(crate) fn file(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let architecture = bytes.pick(ARCHITECTURES);
    let mut file = Gguf::new().kv("general.architecture", s(architecture));
    let mut keys = BTreeMap::new();
    let mut names = BTreeSet::new();
    while !bytes.0.is_empty() {
        match bytes.byte() & 7 {
            0 => {
                keys.insert(bytes.pick(PROJECTOR).to_owned(), V::U64(bytes.number()));
            }
            1 | 2 => {
                let key = format!("{architecture}.{}", bytes.pick(KEYS));
                keys.insert(key, value(bytes));
            }
            tag => {
                let name = name(tag, bytes);
                let (dims, kind, offset) = (dims(bytes), bytes.byte() % 44, bytes.number());
                if names.insert(name.clone()) {
                    // Aligned, as the reader refuses what is not.
                    file = file.tensor_at(name.as_bytes(), &dims, kind.into(), offset / 32 * 32, 0);
                }
            }
        }
    }
    for (key, value) in keys {
        file = file.kv(key, value);
    }
    file.header()
}

fn name(tag: u8, bytes: &mut Bytes<'_>) -> String {
    let name = match tag {
        3 => match usize::from(bytes.byte()) % (ENDS.len() + OUTSIDE.len()) {
            at if at < ENDS.len() => ENDS[at].to_owned(),
            at => OUTSIDE[at - ENDS.len()].0.to_owned(),
        },
        4 => format!("enc.blk.{}.{}", bytes.pick(LAYERS), bytes.pick(TENSORS)),
        5 => format!("dec.blk.{}.{}", bytes.pick(LAYERS), bytes.pick(TENSORS)),
        _ => format!("blk.{}.{}", bytes.pick(LAYERS), bytes.pick(TENSORS)),
    };
    let suffix = ["", "", "", "", "", "", ".lora_a", ".lora_b"][usize::from(bytes.byte()) % 8];
    format!("{name}{suffix}")
}

/// Up to four, rows of whole blocks most often.
fn dims(bytes: &mut Bytes<'_>) -> Vec<u64> {
    let count = bytes.byte();
    (0..count % 5)
        .map(|at| {
            let dim = bytes.number();
            if at == 0 && count < 200 { dim.max(1).checked_next_multiple_of(256).unwrap_or(256) } else { dim }
        })
        .collect()
}

fn value(bytes: &mut Bytes<'_>) -> V {
    match bytes.byte() % 8 {
        0 => V::Arr(10, (0..bytes.byte() % 9).map(|_| V::U64(bytes.number())).collect()),
        1 => V::Arr(7, (0..bytes.byte() % 9).map(|_| V::Bool(bytes.byte() & 1)).collect()),
        2 => V::F32(f32::from(bytes.byte()) - 1.0),
        3 => V::Bool(bytes.byte() & 1),
        _ => V::U64(bytes.number()),
    }
}
