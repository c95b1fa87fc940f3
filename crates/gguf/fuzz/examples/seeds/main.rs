//! Writes the first inputs of the fuzz targets: `cargo run --example seeds` in this folder.
#![expect(dead_code, reason = "the writer of the tests can do more than is needed here")]

use std::{fs, io, path::Path};

mod memory;

#[path = "../../../tests/it/memory/maker.rs"]
mod maker;
#[path = "../../../tests/it/memory/models.rs"]
mod models;
#[path = "../../../tests/it/memory/names.rs"]
mod names;
#[path = "../../../tests/it/memory/sketches.rs"]
mod sketches;
#[path = "../../../tests/it/writer.rs"]
mod writer;

use writer::{Gguf, V, model, s, strings};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, file) in files() {
        write(&corpus.join("header"), name, &file)?;
        for seed in [0, 1, 40, 255] {
            let input = [&[seed], &file[..]].concat();
            write(&corpus.join("stream"), &format!("{name}-{seed}"), &input)?;
        }
    }
    for (name, input) in memory::inputs() {
        write(&corpus.join("memory"), &name, &input)?;
    }
    fs::write(corpus.join("memory.dict"), memory::dictionary())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}

/// Every value type, every shape of header, and what is refused.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let scalars = [
        V::U8(1),
        V::I8(-1),
        V::U16(1),
        V::I16(-1),
        V::U32(1),
        V::I32(-1),
        V::F32(1.5),
        V::Bool(1),
        s("text"),
        V::U64(1),
        V::I64(-1),
        V::F64(1.5),
    ];
    let mut all = Gguf::new().alignment(64);
    for (at, value) in scalars.iter().enumerate() {
        let array = V::Arr(value.type_id(), vec![value.clone(); 3]);
        all = all
            .kv(format!("scalar.{at}"), value.clone())
            .kv(format!("array.{at}"), array.clone())
            .kv(format!("nested.{at}"), V::Arr(9, vec![array.clone(), array]));
    }
    let shard = Gguf::new()
        .kv("split.no", V::U16(0))
        .kv("split.count", V::U16(1))
        .kv("split.tensors.count", V::I32(1))
        .tensor("blk.0.ffn_up_exps.weight", &[256, 2, 2], 12, 576);
    let unknown = Gguf::new().version(2).tensor("new", &[7], 1000, 64).tensor("f", &[1], 0, 4);
    let words: Vec<String> = (0..100).map(|n| "w".repeat(n % 9)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let vocabulary = Gguf::new()
        .kv("tokenizer.ggml.model", s("gpt2"))
        .kv("tokenizer.ggml.tokens", strings(&words))
        .kv("tokenizer.ggml.merges", strings(&words));
    vec![
        ("model", model().header()),
        ("all", all.file()),
        ("shard", shard.file()),
        ("unknown", unknown.file()),
        ("vocabulary", vocabulary.file()),
        ("empty", Gguf::new().file()),
        ("cut", model().header()[..500].to_vec()),
        ("big-endian", b"GGUF\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ("page", b"<!DOCTYPE html><html>".to_vec()),
    ]
}
