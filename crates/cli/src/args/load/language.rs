//! Flags that mean language models alone.

use clap::Args;
use loadmaster_core::Bytes;
use serde_json::Value;

use super::ways::WayArgs;
use crate::{library::recommended::EXTRA, load_flags::LoadFlags};

/// Where a language model's layers go.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Language models")]
pub(super) struct DeviceArgs {
    /// The GPU, by id or alias: "gpu0", "vulkan:1"; or several: "gpu0,gpu1"
    #[arg(long, value_name = "ID")]
    device: Option<String>,
}

impl DeviceArgs {
    pub(super) fn add_to(&self, flags: &mut LoadFlags) {
        flags.language("--device", "device", self.device.clone().map(Value::from));
    }
}

/// How a language model is loaded, wherever its layers go.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Language models")]
pub(super) struct LanguageArgs {
    /// Context length, in tokens over all slots
    #[arg(long, value_name = "N")]
    ctx: Option<u32>,
    /// Layers on the GPU: a number, or "all" [default: as many as leave 512 MiB of it free]
    #[arg(long, value_name = "N|all", value_parser = layers)]
    gpu_layers: Option<Value>,
    /// Slots that answer at once
    #[arg(long, value_name = "N")]
    parallel: Option<u32>,
    #[arg(long, value_name = "TYPE", help = "Type of cached keys: f16, q8_0, q4_0, ...")]
    cache_type_k: Option<String>,
    /// Type of cached values
    #[arg(long, value_name = "TYPE")]
    cache_type_v: Option<String>,
    /// Tokens of a logical batch
    #[arg(long, value_name = "N")]
    batch: Option<u32>,
    /// Tokens of a physical batch
    #[arg(long, value_name = "N")]
    ubatch: Option<u32>,
    /// Read the weights into memory instead of mapping the file
    #[arg(long)]
    no_mmap: bool,
    /// Host memory that old prompts may keep: "512 MiB"
    #[arg(long, value_name = "AMOUNT")]
    prompt_cache: Option<Bytes>,
    #[command(flatten)]
    ways: WayArgs,
    /// A flag of llama-server itself, by name: "rope-scale=2", "no-warmup"; may be repeated
    #[arg(long, value_name = "FLAG[=VALUE]")]
    extra: Vec<String>,
}

impl LanguageArgs {
    pub(super) fn add_to(&self, flags: &mut LoadFlags) {
        flags.language("--ctx", "context_length", self.ctx.map(Value::from));
        flags.language("--gpu-layers", "gpu_layers", self.gpu_layers.clone());
        flags.language("--parallel", "parallel", self.parallel.map(Value::from));
        flags.language("--cache-type-k", "cache_type_k", self.cache_type_k.clone().map(Value::from));
        flags.language("--cache-type-v", "cache_type_v", self.cache_type_v.clone().map(Value::from));
        flags.language("--batch", "batch_size", self.batch.map(Value::from));
        flags.language("--ubatch", "ubatch_size", self.ubatch.map(Value::from));
        flags.language("--no-mmap", "mmap", self.no_mmap.then(|| false.into()));
        flags.language("--prompt-cache", "prompt_cache", self.prompt_cache.map(|bytes| bytes.0.into()));
        self.ways.add_to(flags);
        flags.language("--extra", EXTRA, flags_of_server(&self.extra));
    }
}

/// Flags that are handed to a server, by name, each with its value or null; `None` without any.
pub(super) fn flags_of_server(given: &[String]) -> Option<Value> {
    let flags = given.iter().map(|flag| match flag.split_once('=') {
        Some((name, value)) => (name.to_owned(), Value::from(value)),
        None => (flag.clone(), Value::Null),
    });
    (!given.is_empty()).then(|| Value::Object(flags.collect()))
}

pub(super) fn layers(text: &str) -> Result<Value, String> {
    match text.parse::<u32>() {
        Ok(number) => Ok(Value::from(number)),
        Err(_) if text == "all" => Ok(Value::from(text)),
        Err(_) => Err("give a number, or all".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::ModelKind::{Image, Text};
    use serde_json::json;

    use crate::args::load::settings;

    #[test]
    fn flags_become_settings_of_language_models() {
        let line = "loadmaster run m.gguf --ctx 4096 --gpu-layers all --device gpu0 --no-mmap --prompt-cache 1MiB \
                    --extra rope-scale=2 --extra no-warmup";
        let expected = json!({
            "context_length": 4096, "gpu_layers": "all", "device": "gpu0", "mmap": false,
            "prompt_cache": 1_048_576, "extra": {"rope-scale": "2", "no-warmup": null},
        });
        assert_eq!(settings(line, Text), expected);
        assert_eq!(settings(line, Image), json!({}));
    }
}
