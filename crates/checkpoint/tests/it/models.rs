//! Headers of models, as public code and documentation give their tensors: names, shapes, types. Their tensors
//! all share one range of bytes, as stable-diffusion.cpp allows, so that no header needs gigabytes.

use std::fmt::Write as _;

use loadmaster_checkpoint::{Checkpoint, SafetensorsHeader};

/// Tensors by name and shape. Matrices and convolutions are 16-bit floats, vectors 32-bit floats.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    tensors: Vec<(String, Vec<u64>)>,
    matrices: &'static str,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { tensors: Vec::new(), matrices: "F16" }
    }

    /// With this type of matrices and convolutions.
    pub(crate) fn typed(mut self, matrices: &'static str) -> Self {
        self.matrices = matrices;
        self
    }

    pub(crate) fn tensor(&mut self, name: impl Into<String>, shape: &[u64]) -> &mut Self {
        self.tensors.push((name.into(), shape.to_vec()));
        self
    }

    pub(crate) fn with(mut self, name: &str, shape: &[u64]) -> Self {
        self.tensor(name, shape);
        self
    }

    /// Puts `other` behind, its names with `prefix`.
    pub(crate) fn and(mut self, prefix: &str, other: Self) -> Self {
        self.tensors
            .extend(other.tensors.into_iter().map(|(name, shape)| (format!("{prefix}{name}"), shape)));
        self
    }

    /// A safetensors file of them, without its data, and the length that it would have.
    pub(crate) fn header(&self) -> (Vec<u8>, u64) {
        let mut json = String::from("{");
        let mut longest = 0;
        for (at, (name, shape)) in self.tensors.iter().enumerate() {
            let dtype = if shape.len() == 1 { "F32" } else { self.matrices };
            let width = match dtype {
                "F32" => 4,
                "F8_E4M3" => 1,
                _ => 2,
            };
            let bytes = shape.iter().product::<u64>() * width;
            longest = longest.max(bytes);
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(
                json,
                r#"{comma}"{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[0,{bytes}]}}"#
            );
        }
        json.push('}');
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        let length = bytes.len() as u64 + longest;
        (bytes, length)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let (bytes, length) = self.header();
        Checkpoint::of_safetensors(SafetensorsHeader::parse(&bytes, Some(length)).unwrap())
    }

    fn linear(&mut self, name: &str, takes: u64, gives: u64) {
        self.matrix(name, takes, gives);
        self.tensor(format!("{name}.bias"), &[gives]);
    }

    fn matrix(&mut self, name: &str, takes: u64, gives: u64) {
        self.tensor(format!("{name}.weight"), &[gives, takes]);
    }

    fn conv(&mut self, name: &str, takes: u64, gives: u64, side: u64) {
        self.tensor(format!("{name}.weight"), &[gives, takes, side, side]);
        self.tensor(format!("{name}.bias"), &[gives]);
    }

    fn norm(&mut self, name: &str, width: u64) {
        self.tensor(format!("{name}.weight"), &[width]);
        self.tensor(format!("{name}.bias"), &[width]);
    }
}

/// Ovis-Image's transformer, of a width and numbers of blocks.
pub(crate) fn ovis(width: u64, double: u64, single: u64, text: u64) -> Model {
    let mut model = flux_frame(width, text, true);
    for block in 0..double {
        for stream in ["img", "txt"] {
            let block = format!("double_blocks.{block}.{stream}_");
            attention(&mut model, &block, width);
            for name in ["gate_proj", "up_proj"] {
                model.linear(&format!("{block}mlp.{name}"), width, 4 * width);
            }
            model.linear(&format!("{block}mlp.down_proj"), 4 * width, width);
        }
    }
    singles(&mut model, width, single, 11);
    model
}

/// FLUX.1's transformer.
pub(crate) fn flux(width: u64, double: u64, single: u64, guided: bool) -> Model {
    let mut model = flux_frame(width, 4096, false);
    model.linear("vector_in.in_layer", 768, width);
    model.linear("vector_in.out_layer", width, width);
    if guided {
        model.linear("guidance_in.in_layer", 256, width);
        model.linear("guidance_in.out_layer", width, width);
    }
    for block in 0..double {
        for stream in ["img", "txt"] {
            let block = format!("double_blocks.{block}.{stream}_");
            attention(&mut model, &block, width);
            model.linear(&format!("{block}mlp.0"), width, 4 * width);
            model.linear(&format!("{block}mlp.2"), 4 * width, width);
        }
    }
    singles(&mut model, width, single, 7);
    model
}

fn flux_frame(width: u64, text: u64, norm: bool) -> Model {
    let mut model = Model::new();
    model.linear("img_in", 64, width);
    model.linear("time_in.in_layer", 256, width);
    model.linear("time_in.out_layer", width, width);
    if norm {
        model.tensor("txt_norm.scale", &[text]);
    }
    model.linear("txt_in", text, width);
    model.linear("final_layer.linear", width, 64);
    model.linear("final_layer.adaLN_modulation.1", width, 2 * width);
    model
}

fn attention(model: &mut Model, block: &str, width: u64) {
    model.linear(&format!("{block}mod.lin"), width, 6 * width);
    model.linear(&format!("{block}attn.qkv"), width, 3 * width);
    model.linear(&format!("{block}attn.proj"), width, width);
    model.tensor(format!("{block}attn.norm.query_norm.scale"), &[128]);
    model.tensor(format!("{block}attn.norm.key_norm.scale"), &[128]);
}

fn singles(model: &mut Model, width: u64, count: u64, first: u64) {
    for block in 0..count {
        let block = format!("single_blocks.{block}.");
        model.linear(&format!("{block}linear1"), width, first * width);
        model.linear(&format!("{block}linear2"), 5 * width, width);
        model.tensor(format!("{block}norm.query_norm.scale"), &[128]);
        model.tensor(format!("{block}norm.key_norm.scale"), &[128]);
        model.linear(&format!("{block}modulation.lin"), width, 3 * width);
    }
}

/// A language model of Qwen3's kind with one layer.
pub(crate) fn qwen3(width: u64, feed_forward: u64) -> Model {
    let mut model = Model::new();
    model.tensor("model.embed_tokens.weight", &[151_672, width]);
    model.tensor("model.norm.weight", &[width]);
    let layer = "model.layers.0.";
    model.matrix(&format!("{layer}self_attn.q_proj"), width, 4096);
    model.matrix(&format!("{layer}self_attn.k_proj"), width, 1024);
    model.matrix(&format!("{layer}self_attn.v_proj"), width, 1024);
    model.matrix(&format!("{layer}self_attn.o_proj"), 4096, width);
    model.tensor(format!("{layer}self_attn.q_norm.weight"), &[128]);
    model.tensor(format!("{layer}self_attn.k_norm.weight"), &[128]);
    model.matrix(&format!("{layer}mlp.gate_proj"), width, feed_forward);
    model.matrix(&format!("{layer}mlp.up_proj"), width, feed_forward);
    model.matrix(&format!("{layer}mlp.down_proj"), feed_forward, width);
    model.tensor(format!("{layer}input_layernorm.weight"), &[width]);
    model.tensor(format!("{layer}post_attention_layernorm.weight"), &[width]);
    model
}

/// CLIP ViT-L's text half.
pub(crate) fn clip_l() -> Model {
    let mut model = Model::new();
    model.tensor("embeddings.token_embedding.weight", &[49_408, 768]);
    model.tensor("embeddings.position_embedding.weight", &[77, 768]);
    for layer in 0..12 {
        let layer = format!("encoder.layers.{layer}.");
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            model.linear(&format!("{layer}self_attn.{name}"), 768, 768);
        }
        model.norm(&format!("{layer}layer_norm1"), 768);
        model.norm(&format!("{layer}layer_norm2"), 768);
        model.linear(&format!("{layer}mlp.fc1"), 768, 3072);
        model.linear(&format!("{layer}mlp.fc2"), 3072, 768);
    }
    model.norm("final_layer_norm", 768);
    model
}

/// TAESD for latents of so many channels.
pub(crate) fn taesd(channels: u64) -> Model {
    let mut model = Model::new();
    let block = |model: &mut Model, name: String| {
        for at in [0, 2, 4] {
            model.conv(&format!("{name}.conv.{at}"), 64, 64, 3);
        }
    };
    model.conv("decoder.layers.0", channels, 64, 3);
    let mut at = 2;
    for _ in 0..3 {
        for _ in 0..3 {
            block(&mut model, format!("decoder.layers.{at}"));
            at += 1;
        }
        at += 1;
        model.tensor(format!("decoder.layers.{at}.weight"), &[64, 64, 3, 3]);
        at += 1;
    }
    block(&mut model, format!("decoder.layers.{at}"));
    model.conv(&format!("decoder.layers.{}", at + 1), 64, 3, 3);
    model.conv("encoder.layers.0", 3, 64, 3);
    block(&mut model, "encoder.layers.1".into());
    let mut at = 2;
    for _ in 0..3 {
        model.tensor(format!("encoder.layers.{at}.weight"), &[64, 64, 3, 3]);
        for more in 1..=3 {
            block(&mut model, format!("encoder.layers.{}", at + more));
        }
        at += 4;
    }
    model.conv(&format!("encoder.layers.{at}"), 64, channels, 3);
    model
}

/// The autoencoder of Stable Diffusion and FLUX.1.
pub(crate) fn autoencoder(channels: u64, quant: bool) -> Model {
    let mut model = Model::new();
    let multiples = [1, 2, 4, 4];
    let mut width = 512;
    model.conv("decoder.conv_in", channels, width, 3);
    middle(&mut model, "decoder.", width);
    for level in (0..4).rev() {
        for block in 0..3 {
            residual(&mut model, &format!("decoder.up.{level}.block.{block}"), width, 128 * multiples[level]);
            width = 128 * multiples[level];
        }
        if level > 0 {
            model.conv(&format!("decoder.up.{level}.upsample.conv"), width, width, 3);
        }
    }
    model.norm("decoder.norm_out", width);
    model.conv("decoder.conv_out", width, 3, 3);
    model.conv("encoder.conv_in", 3, 128, 3);
    let mut width = 128;
    for (level, multiple) in multiples.iter().enumerate() {
        for block in 0..2 {
            residual(&mut model, &format!("encoder.down.{level}.block.{block}"), width, 128 * multiple);
            width = 128 * multiple;
        }
        if level < 3 {
            model.conv(&format!("encoder.down.{level}.downsample.conv"), width, width, 3);
        }
    }
    middle(&mut model, "encoder.", width);
    model.norm("encoder.norm_out", width);
    model.conv("encoder.conv_out", width, 2 * channels, 3);
    if quant {
        model.conv("post_quant_conv", channels, channels, 1);
        model.conv("quant_conv", 2 * channels, 2 * channels, 1);
    }
    model
}

fn middle(model: &mut Model, half: &str, width: u64) {
    residual(model, &format!("{half}mid.block_1"), width, width);
    model.norm(&format!("{half}mid.attn_1.norm"), width);
    for name in ["q", "k", "v", "proj_out"] {
        model.conv(&format!("{half}mid.attn_1.{name}"), width, width, 1);
    }
    residual(model, &format!("{half}mid.block_2"), width, width);
}

fn residual(model: &mut Model, name: &str, takes: u64, gives: u64) {
    model.norm(&format!("{name}.norm1"), takes);
    model.conv(&format!("{name}.conv1"), takes, gives, 3);
    model.norm(&format!("{name}.norm2"), gives);
    model.conv(&format!("{name}.conv2"), gives, gives, 3);
    if takes != gives {
        model.conv(&format!("{name}.nin_shortcut"), takes, gives, 1);
    }
}
