//! Makes small models: GGUF, whole and split, and safetensors. They are complete and valid; their weights
//! are noise.

use std::path::{Path, PathBuf};

/// A metadata value.
pub(crate) enum V<'a> {
    U16(u16),
    U32(u32),
    I32(i32),
    Str(&'a str),
    Strings(usize),
}

/// Noise that is the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A GGUF file with F32 tensors of one dimension, given as names and numbers of elements.
pub(crate) fn gguf(entries: &[(&str, V<'_>)], tensors: &[(&str, u64)], seed: u64) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((entries.len() as u64).to_le_bytes());
    for (key, value) in entries {
        string(&mut out, key);
        match value {
            V::U16(v) => (out.extend(2_u32.to_le_bytes()), out.extend(v.to_le_bytes())),
            V::U32(v) => (out.extend(4_u32.to_le_bytes()), out.extend(v.to_le_bytes())),
            V::I32(v) => (out.extend(5_u32.to_le_bytes()), out.extend(v.to_le_bytes())),
            V::Str(v) => (out.extend(8_u32.to_le_bytes()), string(&mut out, v)),
            V::Strings(count) => {
                out.extend(9_u32.to_le_bytes());
                out.extend(8_u32.to_le_bytes());
                out.extend((*count as u64).to_le_bytes());
                for index in 0..*count {
                    string(&mut out, &format!("token{index}"));
                }
                ((), ())
            }
        };
    }
    let mut offset = 0_u64;
    for (name, elements) in tensors {
        string(&mut out, name);
        out.extend(1_u32.to_le_bytes());
        out.extend(elements.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset = (offset + elements * 4).next_multiple_of(32);
    }
    out.resize(out.len().next_multiple_of(32), 0);
    out.extend(noise(seed, usize::try_from(offset).expect("small")));
    out
}

/// A language model whose weights take about `bytes`.
pub(crate) fn llm(bytes: u64, seed: u64) -> Vec<u8> {
    gguf(&llm_entries(), &[("token_embd.weight", bytes / 8), ("output_norm.weight", bytes / 8)], seed)
}

fn llm_entries() -> Vec<(&'static str, V<'static>)> {
    vec![
        ("general.architecture", V::Str("llama")),
        ("general.name", V::Str("Tiny")),
        ("general.file_type", V::U32(15)),
        ("llama.context_length", V::U32(2048)),
        ("llama.embedding_length", V::U32(64)),
        ("llama.block_count", V::U32(2)),
        ("llama.attention.head_count", V::U32(4)),
        ("tokenizer.ggml.model", V::Str("gpt2")),
        ("tokenizer.ggml.tokens", V::Strings(500)),
    ]
}

/// A language model in `count` files of about `bytes` each, with their names.
pub(crate) fn split_llm(stem: &str, count: u16, bytes: u64) -> Vec<(String, Vec<u8>)> {
    let part = |index: u16| {
        let mut entries = if index == 0 { llm_entries() } else { Vec::new() };
        entries.extend([
            ("split.no", V::U16(index)),
            ("split.count", V::U16(count)),
            ("split.tensors.count", V::I32(i32::from(count))),
        ]);
        let tensor = format!("blk.{index}.ffn_up.weight");
        let name = format!("{stem}-{:05}-of-{count:05}.gguf", index + 1);
        (name, gguf(&entries, &[(&tensor, bytes / 4)], u64::from(index) + 100))
    };
    (0..count).map(part).collect()
}

/// A safetensors file with these tensors of bytes.
pub(crate) fn safetensors(tensors: &[(&str, usize)], seed: u64) -> Vec<u8> {
    let mut at = 0;
    let entries = tensors.iter().map(|(name, bytes)| {
        let begin = at;
        at += bytes;
        format!(r#""{name}":{{"dtype":"U8","shape":[{bytes}],"data_offsets":[{begin},{at}]}}"#)
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(noise(seed, at));
    out
}

/// An autoencoder.
pub(crate) fn vae(bytes: usize) -> Vec<u8> {
    safetensors(&[("decoder.conv_in.weight", bytes)], 7)
}

/// A diffusion model without encoders.
pub(crate) fn diffusion(bytes: usize, seed: u64) -> Vec<u8> {
    safetensors(&[("double_blocks.0.img_attn.qkv.weight", bytes)], seed)
}

/// Writes files into `folder`; returns the path of the first.
pub(crate) fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> PathBuf {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("the file can be written");
    }
    folder.join(&files[0].0)
}

/// Writes one file.
pub(crate) fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    write(folder, &[(name.to_owned(), bytes.to_vec())])
}
