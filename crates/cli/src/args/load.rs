//! How a model is loaded: from flags to the settings that backends know.

use clap::Args;
use loadmaster_core::{Bytes, Settings};
use serde_json::Value;

use super::ways::WayArgs;

/// How a model is loaded: whatever is not given is chosen for this machine.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "How the model is loaded")]
pub(crate) struct LoadArgs {
    /// The GPU, by id or alias: "gpu0", "vulkan:1"; or several: "gpu0,gpu1"
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    #[command(flatten)]
    plan: PlanArgs,
}

impl LoadArgs {
    /// The settings that were given, by the names that backends know.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.plan.settings();
        if let Some(device) = &self.device {
            settings.insert("device".to_owned(), Value::from(device.as_str()));
        }
        settings
    }
}

/// The same, wherever the GPU layers go.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "How the model is loaded")]
pub(crate) struct PlanArgs {
    /// Context length, in tokens over all slots
    #[arg(long, value_name = "N")]
    ctx: Option<u32>,
    /// Layers on the GPU: a number, or "all" [default: as many as leave 512 MiB of it free]
    #[arg(long, value_name = "N|all", value_parser = layers)]
    gpu_layers: Option<Value>,
    /// CPU threads
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Slots that answer at once
    #[arg(long, value_name = "N")]
    parallel: Option<u32>,
    #[arg(long, value_name = "TYPE", help = "Type of cached keys: f16, q8_0, q4_0, ...")]
    cache_type_k: Option<String>,
    /// Type of cached values
    #[arg(long, value_name = "TYPE")]
    cache_type_v: Option<String>,
    /// Flash attention: on, off, auto
    #[arg(long, value_name = "WHEN")]
    flash_attn: Option<String>,
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
    /// Seconds that loading may take
    #[arg(long, value_name = "SECONDS")]
    start_timeout: Option<u64>,
    #[command(flatten)]
    ways: WayArgs,
    /// A flag of the server itself, by name: "rope-scale=2", "no-warmup"; may be repeated
    #[arg(long, value_name = "FLAG[=VALUE]")]
    extra: Vec<String>,
}

impl PlanArgs {
    /// The settings that were given, by the names that backends know.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                settings.insert(name.to_owned(), value);
            }
        };
        put("context_length", self.ctx.map(Value::from));
        put("gpu_layers", self.gpu_layers.clone());
        put("threads", self.threads.map(Value::from));
        put("parallel", self.parallel.map(Value::from));
        put("cache_type_k", self.cache_type_k.clone().map(Value::from));
        put("cache_type_v", self.cache_type_v.clone().map(Value::from));
        put("flash_attention", self.flash_attn.clone().map(Value::from));
        put("batch_size", self.batch.map(Value::from));
        put("ubatch_size", self.ubatch.map(Value::from));
        put("mmap", self.no_mmap.then(|| Value::from(false)));
        put("prompt_cache", self.prompt_cache.map(|bytes| Value::from(bytes.0)));
        put("start_timeout", self.start_timeout.map(Value::from));
        let extra = self.extra.iter().map(|flag| match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Value::from(value)),
            None => (flag.clone(), Value::Null),
        });
        put("extra", (!self.extra.is_empty()).then(|| Value::Object(extra.collect())));
        self.ways.add_to(&mut settings);
        settings
    }
}

pub(super) fn layers(text: &str) -> Result<Value, String> {
    match text.parse::<u32>() {
        Ok(number) => Ok(Value::from(number)),
        Err(_) if text == "all" => Ok(Value::from(text)),
        Err(_) => Err("give a number, or all".to_owned()),
    }
}
