//! Small GGUF files: a writer of what `llama-server` has to accept.

use std::path::Path;

/// A value of the metadata.
pub(crate) enum Value {
    Text(&'static str),
    U32(u32),
    F32(f32),
    Bool(bool),
    Floats(&'static [f32]),
}

/// Writes a file with tensors of 32-bit floats, all zero.
pub(crate) fn write(path: &Path, metadata: &[(&str, Value)], tensors: &[(String, Vec<u64>)]) {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        text(&mut file, key);
        put(&mut file, value);
    }
    let mut offset = 0_u64;
    for (name, dims) in tensors {
        text(&mut file, name);
        file.extend(u32::try_from(dims.len()).unwrap().to_le_bytes());
        file.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
        file.extend(0_u32.to_le_bytes());
        file.extend(offset.to_le_bytes());
        offset += (dims.iter().product::<u64>() * 4).next_multiple_of(32);
    }
    let data = file.len().next_multiple_of(32) as u64;
    std::fs::write(path, &file).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_len(data + offset).unwrap();
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text.as_bytes());
}

fn put(file: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(value) => {
            file.extend(8_u32.to_le_bytes());
            text(file, value);
        }
        Value::U32(value) => {
            file.extend(4_u32.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        Value::F32(value) => {
            file.extend(6_u32.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        Value::Bool(value) => {
            file.extend(7_u32.to_le_bytes());
            file.push(u8::from(*value));
        }
        Value::Floats(values) => {
            file.extend(9_u32.to_le_bytes());
            file.extend(6_u32.to_le_bytes());
            file.extend((values.len() as u64).to_le_bytes());
            file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
}

/// A low-rank adapter for three matrices of each of `SmolLM2`'s layers.
pub(crate) fn adapter(path: &Path) {
    const RANK: u64 = 16;
    let metadata = [
        ("general.type", Value::Text("adapter")),
        ("general.architecture", Value::Text("llama")),
        ("adapter.type", Value::Text("lora")),
        ("adapter.lora.alpha", Value::F32(16.0)),
    ];
    let mut tensors = Vec::new();
    for layer in 0..30 {
        for (name, from, to) in [("attn_q", 576, 576), ("ffn_gate", 576, 1536), ("ffn_down", 1536, 576)] {
            tensors.push((format!("blk.{layer}.{name}.weight.lora_a"), vec![from, RANK]));
            tensors.push((format!("blk.{layer}.{name}.weight.lora_b"), vec![RANK, to]));
        }
    }
    write(path, &metadata, &tensors);
}

/// A projector of the kind that `SmolVLM` has, for a model as wide as `SmolLM2`.
pub(crate) fn projector(path: &Path) {
    const WIDTH: u64 = 192;
    const HIDDEN: u64 = 768;
    let metadata = [
        ("general.architecture", Value::Text("clip")),
        ("general.type", Value::Text("mmproj")),
        ("clip.has_vision_encoder", Value::Bool(true)),
        ("clip.projector_type", Value::Text("idefics3")),
        ("clip.use_gelu", Value::Bool(true)),
        ("clip.vision.image_size", Value::U32(512)),
        ("clip.vision.patch_size", Value::U32(16)),
        ("clip.vision.embedding_length", Value::U32(192)),
        ("clip.vision.feed_forward_length", Value::U32(768)),
        ("clip.vision.projection_dim", Value::U32(576)),
        ("clip.vision.block_count", Value::U32(4)),
        ("clip.vision.attention.head_count", Value::U32(3)),
        ("clip.vision.attention.layer_norm_epsilon", Value::F32(1e-6)),
        ("clip.vision.projector.scale_factor", Value::U32(4)),
        ("clip.vision.image_mean", Value::Floats(&[0.5, 0.5, 0.5])),
        ("clip.vision.image_std", Value::Floats(&[0.5, 0.5, 0.5])),
    ];
    let mut tensors = vec![
        ("v.patch_embd.weight".to_owned(), vec![16, 16, 3, WIDTH]),
        ("v.patch_embd.bias".to_owned(), vec![WIDTH]),
        ("v.position_embd.weight".to_owned(), vec![WIDTH, 1024]),
        ("v.post_ln.weight".to_owned(), vec![WIDTH]),
        ("v.post_ln.bias".to_owned(), vec![WIDTH]),
        ("mm.model.fc.weight".to_owned(), vec![WIDTH * 16, 576]),
    ];
    for layer in 0..4 {
        let matrices = [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, WIDTH),
            ("attn_v", WIDTH, WIDTH),
            ("attn_out", WIDTH, WIDTH),
            ("ffn_up", WIDTH, HIDDEN),
            ("ffn_down", HIDDEN, WIDTH),
        ];
        for (name, from, to) in matrices {
            tensors.push((format!("v.blk.{layer}.{name}.weight"), vec![from, to]));
            tensors.push((format!("v.blk.{layer}.{name}.bias"), vec![to]));
        }
        for name in ["ln1", "ln2"] {
            tensors.push((format!("v.blk.{layer}.{name}.weight"), vec![WIDTH]));
            tensors.push((format!("v.blk.{layer}.{name}.bias"), vec![WIDTH]));
        }
    }
    write(path, &metadata, &tensors);
}
