//! Flags that mean image models alone.

use clap::{Args, builder::PossibleValuesParser};
use loadmaster_core::Bytes;
use loadmaster_images::Size;
use serde_json::{Value, json};

use super::{absolute, language::flags_of_server};
use crate::{kinds::COMPONENTS, library::recommended::EXTRA, load_flags::LoadFlags};

/// How an image model is run, and what of it lies where.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Image models")]
pub(super) struct ImageModelArgs {
    /// Stay loaded (resident), load for each request (one-shot), or as memory allows (auto)
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(["auto", "resident", "one-shot"]),
          hide_possible_values = true)]
    mode: Option<String>,
    /// A file beside the model's own, by its role: vae=ae.safetensors; "vae=" is without it; may be repeated
    #[arg(long, hide_short_help = true, value_name = "ROLE=FILE", value_parser = component)]
    component: Vec<(String, Option<String>)>,
    #[arg(
        long,
        hide_short_help = true,
        value_name = "TYPE",
        help = "A type that the weights are converted to: f16, q8_0, ..."
    )]
    weight_type: Option<String>,
    /// Decode pixels tile by tile: less memory, more time
    #[arg(long, hide_short_help = true, value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true)]
    vae_tiling: Option<bool>,
    /// Let the decoder convolve without a copy of its input
    #[arg(long, hide_short_help = true, value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true)]
    vae_conv_direct: Option<bool>,
    /// Keep the weights in the host's memory, and copy them to the GPU when they are needed
    #[arg(long, hide_short_help = true, value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true)]
    offload_to_cpu: Option<bool>,
    /// Run the text encoders on the host
    #[arg(long, hide_short_help = true, value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true)]
    clip_on_cpu: Option<bool>,
    /// Run the decoder on the host
    #[arg(long, hide_short_help = true, value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true)]
    vae_on_cpu: Option<bool>,
    #[arg(
        long,
        hide_short_help = true,
        value_name = "FILE",
        help = "A LoRA that requests can name by its file's name; may be repeated"
    )]
    lora_file: Vec<String>,
    #[arg(
        long,
        hide_short_help = true,
        value_name = "FOLDER",
        help = "A folder whose LoRAs requests can name"
    )]
    lora_dir: Option<String>,
    #[arg(
        long,
        hide_short_help = true,
        value_name = "AMOUNT",
        help = "Memory for the LoRAs that one request may name together [default: all of --lora-file, or the largest \
                of --lora-dir]"
    )]
    lora_bytes: Option<Bytes>,
    /// A flag of sd-server and sd-cli themselves, by name: "rng=cpu", "mmap"; may be repeated
    #[arg(long, hide_short_help = true, value_name = "FLAG[=VALUE]")]
    sd_extra: Vec<String>,
}

impl ImageModelArgs {
    pub(super) fn add_to(&self, flags: &mut LoadFlags) {
        flags.image("--mode", "mode", self.mode.clone().map(Value::from));
        let files = self.component.iter().cloned().map(|(role, file)| (role, json!(file)));
        let files = (!self.component.is_empty()).then(|| Value::Object(files.collect()));
        flags.image("--component", COMPONENTS, files);
        flags.image("--weight-type", "weight_type", self.weight_type.clone().map(Value::from));
        for (flag, setting, switch) in [
            ("--vae-tiling", "vae_tiling", self.vae_tiling),
            ("--vae-conv-direct", "vae_conv_direct", self.vae_conv_direct),
            ("--offload-to-cpu", "offload_to_cpu", self.offload_to_cpu),
            ("--clip-on-cpu", "clip_on_cpu", self.clip_on_cpu),
            ("--vae-on-cpu", "vae_on_cpu", self.vae_on_cpu),
        ] {
            flags.image(flag, setting, switch.map(Value::from));
        }
        let loras = self.lora_file.iter().map(|file| absolute(file));
        flags.image("--lora-file", "loras", (!self.lora_file.is_empty()).then(|| loras.collect()));
        flags.image("--lora-dir", "lora_dir", self.lora_dir.as_deref().map(absolute).map(Value::from));
        flags.image("--lora-bytes", "lora_bytes", self.lora_bytes.map(|bytes| bytes.0.into()));
        flags.image("--sd-extra", EXTRA, flags_of_server(&self.sd_extra));
    }
}

/// What memory is reserved for, and what holds for requests that do not say it themselves.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Image models")]
pub(super) struct RequestArgs {
    /// The largest image that memory is reserved for: 1024x1024, or a number of pixels [default: the model's own size]
    #[arg(long, hide_short_help = true, value_name = "WxH|N", value_parser = pixels)]
    pixels: Option<u64>,
    /// Reserve memory for images that begin with a picture
    #[arg(long, hide_short_help = true, value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true)]
    edits: Option<bool>,
    /// Steps of the denoiser, where a request does not say
    #[arg(long, hide_short_help = true, value_name = "N")]
    steps: Option<u32>,
    /// How strictly the prompt is followed, where a request does not say
    #[arg(long, hide_short_help = true, value_name = "X")]
    cfg_scale: Option<f64>,
    /// The sampler's name, where a request does not say
    #[arg(long, hide_short_help = true, value_name = "NAME")]
    sampler: Option<String>,
}

impl RequestArgs {
    pub(super) fn add_to(&self, flags: &mut LoadFlags) {
        flags.image("--pixels", "pixels", self.pixels.map(Value::from));
        flags.image("--edits", "edits", self.edits.map(Value::from));
        flags.image("--steps", "steps", self.steps.map(Value::from));
        flags.image("--cfg-scale", "cfg_scale", self.cfg_scale.map(Value::from));
        flags.image("--sampler", "sampler", self.sampler.clone().map(Value::from));
    }
}

/// `ROLE=FILE`, or `ROLE=` for none of that role.
fn component(text: &str) -> Result<(String, Option<String>), String> {
    match text.split_once('=') {
        Some((role, file)) if !role.is_empty() => {
            Ok((role.to_owned(), (!file.is_empty()).then(|| absolute(file))))
        }
        _ => Err("write it like vae=ae.safetensors".to_owned()),
    }
}

fn pixels(text: &str) -> Result<u64, String> {
    let size = text.parse::<Size>().map(Size::pixels).ok();
    size.or_else(|| text.parse().ok())
        .ok_or_else(|| "write width and height, like 1024x1024, or a number of pixels".to_owned())
}

#[cfg(test)]
mod tests {
    use loadmaster_core::ModelKind::{Image, Text};

    use super::*;
    use crate::args::load::settings;

    #[test]
    fn flags_become_settings_of_image_models() {
        let line = "loadmaster serve --mode one-shot --component vae=/v --component clip_l= --weight-type q8_0 \
                    --vae-tiling --vae-conv-direct=true --offload-to-cpu=false --clip-on-cpu --vae-on-cpu \
                    --lora-file /a --lora-dir /b --lora-bytes 1MiB --sd-extra rng=cpu --sd-extra mmap \
                    --pixels 64x32 --edits --steps 4 --cfg-scale 1.5 --sampler euler";
        let file = |name: &str| absolute(name);
        let expected = json!({
            "mode": "one-shot", "components": { "vae": file("/v") }, "weight_type": "q8_0",
            "vae_tiling": true, "vae_conv_direct": true, "offload_to_cpu": false, "clip_on_cpu": true,
            "vae_on_cpu": true, "loras": [file("/a")], "lora_dir": file("/b"), "lora_bytes": 1_048_576,
            "extra": { "rng": "cpu", "mmap": null }, "pixels": 2048, "edits": true, "steps": 4,
            "cfg_scale": 1.5, "sampler": "euler",
        });
        assert_eq!(settings(line, Image), expected);
        assert_eq!(settings(line, Text), json!({}));
    }

    #[test]
    fn a_size_may_be_a_number() {
        assert_eq!((pixels("512x512"), pixels("100")), (Ok(262_144), Ok(100)));
        assert!(pixels("large").is_err() && component("vae").is_err() && component("=f").is_err());
    }
}
