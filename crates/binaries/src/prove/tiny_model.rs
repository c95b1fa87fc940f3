//! A whole language model of half a megabyte: right in form, random in content.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use super::random::Random;

/// The shape of the model. A head is 64 wide, because kernels for graphics cards know that width best.
const EMBEDDING: u64 = 128;
const HEADS: u32 = 2;
const FEED_FORWARD: u64 = 256;
const LAYERS: u32 = 1;

/// Three control tokens, the 256 bytes, and some more up to a round number.
const TOKENS: u64 = 320;
const FIRST_WORD: u64 = 259;

/// The matrix that makes a value for each token of what the layers say.
const OUTPUT: &str = "output.weight";

/// Tensors start at multiples of this many bytes: the default of the format.
const ALIGNMENT: usize = 32;

/// `enum gguf_type` of gguf.h.
mod value_type {
    pub(super) const U32: u32 = 4;
    pub(super) const I32: u32 = 5;
    pub(super) const F32: u32 = 6;
    pub(super) const STRING: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
}

/// `enum llama_token_type` of llama.h.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

/// `enum ggml_type` of ggml.h.
const F32: u32 = 0;
const F16: u32 = 1;

/// Writes the model to `path`: GGUF version 3, architecture `llama`, weights that are the same each time.
///
/// # Errors
/// What the system says.
pub fn write_tiny_model(path: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&tiny_model())?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
}

fn tiny_model() -> Vec<u8> {
    let tensors = tensors();
    let mut out = Writer::default();
    out.0.extend_from_slice(b"GGUF");
    out.u32(3);
    out.u64(tensors.len() as u64);
    metadata(&mut out);
    let mut offset = 0;
    for tensor in &tensors {
        out.string(&tensor.name);
        out.u32(u32::try_from(tensor.shape.len()).expect("a tensor has two dimensions at most"));
        for elements in &tensor.shape {
            out.u64(*elements);
        }
        out.u32(tensor.kind);
        out.u64(offset as u64);
        offset += tensor.bytes().next_multiple_of(ALIGNMENT);
    }
    out.pad();
    let mut random = Random::new(0x1234_5678_9abc_def0);
    for tensor in &tensors {
        for element in 0..tensor.elements() {
            match tensor.kind {
                // Norms scale by one.
                F32 => out.0.extend_from_slice(&1_f32.to_le_bytes()),
                // Bytes that come at random are mostly no text, which llama-server takes for an error: only
                // tokens that are words can come out best.
                _ if tensor.name == OUTPUT && element / EMBEDDING < FIRST_WORD => {
                    out.0.extend_from_slice(&[0; 2]);
                }
                _ => out.0.extend_from_slice(&random.half().to_le_bytes()),
            }
        }
        out.pad();
    }
    out.0
}

struct Tensor {
    name: String,
    /// Elements per dimension, the contiguous one first.
    shape: Vec<u64>,
    kind: u32,
}

impl Tensor {
    fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    fn bytes(&self) -> usize {
        let each = if self.kind == F32 { 4 } else { 2 };
        usize::try_from(self.elements() * each).expect("the model has less than a megabyte")
    }
}

fn tensors() -> Vec<Tensor> {
    let norm = |name: String| Tensor { name, shape: vec![EMBEDDING], kind: F32 };
    let matrix = |name: String, from: u64, to: u64| Tensor { name, shape: vec![from, to], kind: F16 };
    let mut tensors = vec![matrix("token_embd.weight".to_owned(), EMBEDDING, TOKENS)];
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        tensors.push(norm(name("attn_norm")));
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
            tensors.push(matrix(name(part), EMBEDDING, EMBEDDING));
        }
        tensors.push(norm(name("ffn_norm")));
        tensors.push(matrix(name("ffn_gate"), EMBEDDING, FEED_FORWARD));
        tensors.push(matrix(name("ffn_up"), EMBEDDING, FEED_FORWARD));
        tensors.push(matrix(name("ffn_down"), FEED_FORWARD, EMBEDDING));
    }
    tensors.push(norm("output_norm.weight".to_owned()));
    tensors.push(matrix(OUTPUT.to_owned(), EMBEDDING, TOKENS));
    tensors
}

fn metadata(out: &mut Writer) {
    let numbers = [
        ("llama.context_length", 512),
        ("llama.embedding_length", u32::try_from(EMBEDDING).expect("it is 128")),
        ("llama.block_count", LAYERS),
        ("llama.feed_forward_length", u32::try_from(FEED_FORWARD).expect("it is 256")),
        ("llama.attention.head_count", HEADS),
        ("tokenizer.ggml.bos_token_id", 1),
        ("tokenizer.ggml.eos_token_id", 2),
    ];
    let strings = [
        ("general.architecture", "llama"),
        ("general.name", "Loadmaster's proof"),
        ("tokenizer.ggml.model", "llama"),
        ("tokenizer.ggml.pre", "default"),
    ];
    // The three arrays of the vocabulary and one number with a point come on top.
    out.u64((numbers.len() + strings.len() + 4) as u64);
    for (key, value) in strings {
        out.key(key, value_type::STRING);
        out.string(value);
    }
    for (key, value) in numbers {
        out.key(key, value_type::U32);
        out.u32(value);
    }
    out.key("llama.attention.layer_norm_rms_epsilon", value_type::F32);
    out.0.extend_from_slice(&1e-5_f32.to_le_bytes());
    out.array("tokenizer.ggml.tokens", value_type::STRING);
    for token in 0..TOKENS {
        out.string(&match token {
            0 => "<unk>".to_owned(),
            1 => "<s>".to_owned(),
            2 => "</s>".to_owned(),
            3..FIRST_WORD => format!("<0x{:02X}>", token - 3),
            _ => format!("t{token}"),
        });
    }
    out.array("tokenizer.ggml.scores", value_type::F32);
    for _ in 0..TOKENS {
        out.0.extend_from_slice(&(-1000_f32).to_le_bytes());
    }
    out.array("tokenizer.ggml.token_type", value_type::I32);
    for token in 0..TOKENS {
        let kind = match token {
            0 => UNKNOWN,
            1 | 2 => CONTROL,
            3..FIRST_WORD => BYTE,
            _ => NORMAL,
        };
        out.0.extend_from_slice(&kind.to_le_bytes());
    }
}

/// Bytes of a GGUF file.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn string(&mut self, text: &str) {
        self.u64(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn key(&mut self, key: &str, kind: u32) {
        self.string(key);
        self.u32(kind);
    }

    /// The head of an array with one element for each token.
    fn array(&mut self, key: &str, kind: u32) {
        self.key(key, value_type::ARRAY);
        self.u32(kind);
        self.u64(TOKENS);
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_and_always_the_same() {
        let model = tiny_model();
        assert!(model.starts_with(b"GGUF\x03\0\0\0"));
        assert!((300_000..700_000).contains(&model.len()), "{}", model.len());
        assert_eq!(model, tiny_model());
    }
}
