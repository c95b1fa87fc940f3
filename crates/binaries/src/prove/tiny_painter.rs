//! A whole model of images in 0.7 MB: right in form, random in content.
//!
//! Of the families that stable-diffusion.cpp knows, "Ovis Image" alone takes every width and depth from the file,
//! so it is the one that can be this small. It is a transformer that removes noise, a language model that reads
//! the text, and a decoder (TAESD) that makes the picture, in a file of its own.
//!
//! The widest tensor is the vocabulary, whose size the program's tokenizer demands. All tensors of one sort share
//! one block of bytes, so the file is no larger than that: the program reads each tensor from where the header
//! says, and does not mind that others lie there too.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use serde_json::json;

use super::random::Random;

/// Width of the transformer: one head, whose 128 numbers the family's rotary embedding fixes.
const WIDTH: u64 = 128;

/// Numbers of a patch of 2 x 2 latents with 16 channels.
const PATCH: u64 = 64;

/// Width of the language model, of its layer and of what it tells the transformer.
const TEXT: u64 = 4;

/// Ids of Qwen's tokenizer reach 151,668.
const VOCABULARY: u64 = 151_672;

/// The language model's heads: 32 that ask and 8 that answer, 128 numbers each, whatever the file says.
const QUERIES: u64 = 32 * 128;
const KEYS: u64 = 8 * 128;

/// Channels of the decoder.
const CHANNELS: u64 = 64;

/// Channels of the latents.
const LATENT: u64 = 16;

/// The file names of the two parts.
pub(super) const MODEL: &str = "tiny-painter.safetensors";
pub(super) const DECODER: &str = "tiny-decoder.safetensors";

/// Writes the model's two files, `tiny-painter.safetensors` and `tiny-decoder.safetensors`, into `folder`: format
/// safetensors, weights that are the same each time.
///
/// They are for `sd-cli -m ... --tae ...`. Tensors share bytes, which strict readers of safetensors refuse.
///
/// # Errors
/// What the system says.
pub fn write_tiny_painter(folder: &Path) -> io::Result<()> {
    let mut model = Tensors::default();
    denoiser(&mut model);
    reader(&mut model);
    model.write(&folder.join(MODEL))?;
    let mut parts = Tensors::default();
    decoder(&mut parts);
    parts.write(&folder.join(DECODER))
}

/// The transformer: one double block, no single ones.
fn denoiser(to: &mut Tensors) {
    const P: &str = "model.diffusion_model.";
    to.linear(&format!("{P}img_in"), PATCH, WIDTH);
    to.linear(&format!("{P}time_in.in_layer"), 256, WIDTH);
    to.linear(&format!("{P}time_in.out_layer"), WIDTH, WIDTH);
    to.scale(&format!("{P}txt_norm.scale"), TEXT);
    to.linear(&format!("{P}txt_in"), TEXT, WIDTH);
    for stream in ["img", "txt"] {
        let block = format!("{P}double_blocks.0.{stream}_");
        to.linear(&format!("{block}mod.lin"), WIDTH, 6 * WIDTH);
        to.linear(&format!("{block}attn.qkv"), WIDTH, 3 * WIDTH);
        to.linear(&format!("{block}attn.proj"), WIDTH, WIDTH);
        to.scale(&format!("{block}attn.norm.query_norm.scale"), WIDTH);
        to.scale(&format!("{block}attn.norm.key_norm.scale"), WIDTH);
        to.linear(&format!("{block}mlp.gate_proj"), WIDTH, 4 * WIDTH);
        to.linear(&format!("{block}mlp.up_proj"), WIDTH, 4 * WIDTH);
        to.linear(&format!("{block}mlp.down_proj"), 4 * WIDTH, WIDTH);
    }
    to.linear(&format!("{P}final_layer.linear"), WIDTH, PATCH);
    to.linear(&format!("{P}final_layer.adaLN_modulation.1"), WIDTH, 2 * WIDTH);
}

/// The language model: one layer.
fn reader(to: &mut Tensors) {
    const P: &str = "text_encoders.llm.model.";
    to.matrix(&format!("{P}embed_tokens.weight"), &[VOCABULARY, TEXT]);
    to.scale(&format!("{P}norm.weight"), TEXT);
    let layer = |part: &str| format!("{P}layers.0.{part}.weight");
    for (part, from, into) in [
        ("self_attn.q_proj", TEXT, QUERIES),
        ("self_attn.k_proj", TEXT, KEYS),
        ("self_attn.v_proj", TEXT, KEYS),
        ("self_attn.o_proj", QUERIES, TEXT),
        ("mlp.gate_proj", TEXT, TEXT),
        ("mlp.up_proj", TEXT, TEXT),
        ("mlp.down_proj", TEXT, TEXT),
    ] {
        to.matrix(&layer(part), &[into, from]);
    }
    to.scale(&layer("self_attn.q_norm"), 128);
    to.scale(&layer("self_attn.k_norm"), 128);
    to.scale(&layer("input_layernorm"), TEXT);
    to.scale(&layer("post_attention_layernorm"), TEXT);
}

/// The decoder: three times three blocks and a doubling of the size, and one more block.
fn decoder(to: &mut Tensors) {
    let layer = |number: u64| format!("decoder.layers.{number}");
    let block = |to: &mut Tensors, number: u64| {
        for part in [0, 2, 4] {
            to.convolution(&format!("{}.conv.{part}", layer(number)), CHANNELS, CHANNELS, true);
        }
    };
    to.convolution(&layer(0), LATENT, CHANNELS, true);
    // Layer 1 has no weights, nor have those that double the size: 5, 10 and 15.
    for first in [2, 7, 12] {
        for number in first..first + 3 {
            block(to, number);
        }
        to.convolution(&layer(first + 4), CHANNELS, CHANNELS, false);
    }
    block(to, 17);
    to.convolution(&layer(18), CHANNELS, 3, true);
}

/// What a tensor's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    /// Random, one byte each.
    Weights,
    /// Ones, four bytes each: scales.
    Ones,
    /// Zeros, four bytes each: biases.
    Zeros,
}

/// The tensors of a file: name, shape with the contiguous dimension last, sort.
#[derive(Default)]
struct Tensors(Vec<(String, Vec<u64>, Sort)>);

impl Tensors {
    fn matrix(&mut self, name: &str, shape: &[u64]) {
        self.0.push((name.to_owned(), shape.to_vec(), Sort::Weights));
    }

    fn scale(&mut self, name: &str, elements: u64) {
        self.0.push((name.to_owned(), vec![elements], Sort::Ones));
    }

    fn bias(&mut self, name: &str, elements: u64) {
        self.0.push((format!("{name}.bias"), vec![elements], Sort::Zeros));
    }

    fn linear(&mut self, name: &str, from: u64, into: u64) {
        self.matrix(&format!("{name}.weight"), &[into, from]);
        self.bias(name, into);
    }

    fn convolution(&mut self, name: &str, from: u64, into: u64, bias: bool) {
        self.matrix(&format!("{name}.weight"), &[into, from, 3, 3]);
        if bias {
            self.bias(name, into);
        }
    }

    /// Writes the length of the header, the header, and one block of bytes for each sort of tensor.
    fn write(&self, path: &Path) -> io::Result<()> {
        let mut blocks: BTreeMap<Sort, u64> = BTreeMap::new();
        for (_, shape, sort) in &self.0 {
            let elements: u64 = shape.iter().product();
            let most = blocks.entry(*sort).or_default();
            *most = elements.max(*most);
        }
        let header = self.header(&blocks);
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        let mut random = Random::new(0x0bad_cafe_0bad_cafe);
        for (sort, elements) in blocks {
            for _ in 0..elements {
                match sort {
                    Sort::Weights => out.write_all(&[random.eighth()])?,
                    Sort::Ones => out.write_all(&1_f32.to_le_bytes())?,
                    Sort::Zeros => out.write_all(&0_f32.to_le_bytes())?,
                }
            }
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
    }

    fn header(&self, blocks: &BTreeMap<Sort, u64>) -> String {
        let mut starts = BTreeMap::new();
        let mut start = 0;
        for (sort, elements) in blocks {
            starts.insert(*sort, start);
            start += elements * sort.bytes();
        }
        let mut header = serde_json::Map::new();
        for (name, shape, sort) in &self.0 {
            let (start, bytes) = (starts[sort], shape.iter().product::<u64>() * sort.bytes());
            let tensor =
                json!({ "dtype": sort.dtype(), "shape": shape, "data_offsets": [start, start + bytes] });
            header.insert(name.clone(), tensor);
        }
        let mut text = serde_json::Value::Object(header).to_string();
        // What follows is aligned.
        while !text.len().is_multiple_of(8) {
            text.push(' ');
        }
        text
    }
}

impl Sort {
    fn bytes(self) -> u64 {
        if self == Self::Weights { 1 } else { 4 }
    }

    fn dtype(self) -> &'static str {
        if self == Self::Weights { "F8_E4M3" } else { "F32" }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_small_and_always_the_same() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_tiny_painter(one.path()).unwrap();
        write_tiny_painter(two.path()).unwrap();
        let read = |folder: &tempfile::TempDir, name| fs::read(folder.path().join(name)).unwrap();
        let (model, decoder) = (read(&one, MODEL), read(&one, DECODER));
        assert!((500_000..700_000).contains(&model.len()), "{}", model.len());
        assert!((40_000..60_000).contains(&decoder.len()), "{}", decoder.len());
        assert_eq!((model, decoder), (read(&two, MODEL), read(&two, DECODER)));
    }

    #[test]
    fn every_tensor_lies_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        write_tiny_painter(folder.path()).unwrap();
        for (name, tensors) in [(MODEL, 54), (DECODER, 67)] {
            let bytes = fs::read(folder.path().join(name)).unwrap();
            let (length, rest) = bytes.split_at(8);
            let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            let header: serde_json::Value = serde_json::from_slice(&rest[..length]).unwrap();
            let data = (rest.len() - length) as u64;
            let header = header.as_object().unwrap();
            assert_eq!(header.len(), tensors, "{name}");
            for (tensor, place) in header {
                let end = place["data_offsets"][1].as_u64().unwrap();
                assert!(end <= data, "{tensor}");
            }
        }
    }
}
