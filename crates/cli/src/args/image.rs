//! What `loadmaster image` understands.

use std::path::PathBuf;

use clap::Args;
use loadmaster_images::{ImageFormat, Lora, MAX_IMAGES, Size};

use super::{CatalogArgs, ImageLoadArgs, NetworkArgs, ServerArgs};

#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// The model: a checkpoint (safetensors, ckpt, GGUF), a name of the library or of the configuration, or what
    /// `loadmaster pull` takes
    pub(crate) model: PathBuf,
    /// What the image shows
    pub(crate) prompt: String,
    /// Where it goes; %d is the image's number, - is standard output [default: MODEL-SEED.png here]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Leave files that are there already as they are, and fail before anything is made
    #[arg(long)]
    pub(crate) no_clobber: bool,
    /// Print one JSON object: files, seeds, parameters and timings
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) painting: PaintingArgs,
    #[command(flatten)]
    pub(crate) load: ImageLoadArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// How the image is made: whatever is not given is what the model is made for.
#[derive(Debug, Args)]
#[command(next_help_heading = "How the image is made")]
pub(crate) struct PaintingArgs {
    /// What it does not show
    #[arg(long, value_name = "TEXT")]
    pub(crate) negative: Option<String>,
    /// Steps of the denoiser
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u32>,
    /// Width and height in pixels: 512x768
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(crate) size: Option<Size>,
    /// Seed of the first image, counted up [default: random, and told]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX.unsigned_abs()))]
    pub(crate) seed: Option<u64>,
    /// How many images
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_IMAGES)))]
    pub(crate) batch: u32,
    /// The sampler's name
    #[arg(long, value_name = "NAME")]
    pub(crate) sampler: Option<String>,
    /// The scheduler's name
    #[arg(long, hide_short_help = true, value_name = "NAME")]
    pub(crate) scheduler: Option<String>,
    /// How strictly the prompt is followed
    #[arg(long, value_name = "X")]
    pub(crate) cfg_scale: Option<f32>,
    /// The same, for models that were distilled with it (Flux)
    #[arg(long, hide_short_help = true, value_name = "X")]
    pub(crate) guidance: Option<f32>,
    /// How many of the text encoder's last layers are left out
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub(crate) clip_skip: Option<u32>,
    /// png, jpeg or webp [default: as the file is called, else png]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(crate) format: Option<ImageFormat>,
    /// The image to begin with
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
    /// Where that image is painted over: white, or transparent
    #[arg(long, value_name = "FILE", requires = "image")]
    pub(crate) mask: Option<PathBuf>,
    /// How much of that image is painted over, 0 to 1
    #[arg(long, value_name = "X", requires = "image")]
    pub(crate) strength: Option<f32>,
    /// An adapter of the model's folder of adapters, with how much of it; may be repeated
    #[arg(long = "lora", value_name = "NAME[:SCALE]", value_parser = lora)]
    pub(crate) loras: Vec<Lora>,
}

fn size(text: &str) -> Result<Size, String> {
    text.parse().map_err(|_| "write width and height in pixels, like 512x768".to_owned())
}

fn format(text: &str) -> Result<ImageFormat, String> {
    ImageFormat::from_name(text).ok_or_else(|| "give png, jpeg or webp".to_owned())
}

fn lora(text: &str) -> Result<Lora, String> {
    let (name, scale) = match text.rsplit_once(':') {
        Some((name, scale)) => {
            (name, scale.parse().map_err(|_| format!("'{scale}' is no number: write it like style:0.8"))?)
        }
        None => (text, 1.0),
    };
    if name.is_empty() {
        return Err("it needs a name: write it like style:0.8".to_owned());
    }
    Ok(Lora { name: name.to_owned(), scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_may_have_a_scale() {
        assert_eq!(lora("style").unwrap(), Lora { name: "style".to_owned(), scale: 1.0 });
        assert_eq!(lora("style:0.5").unwrap(), Lora { name: "style".to_owned(), scale: 0.5 });
        assert!(lora("style:much").is_err() && lora(":1").is_err());
    }
}
