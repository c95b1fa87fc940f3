//! What lies elsewhere than its layer, and what is loaded with a model.

use std::path::Path;

use clap::Args;
use loadmaster_core::Settings;
use serde_json::{Value, json};

use super::load::layers;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Ways of loading")]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
pub(crate) struct WayArgs {
    /// The shares of several devices, such as 3,1
    #[arg(long, hide_short_help = true, value_name = "N,N...", value_delimiter = ',')]
    tensor_split: Vec<f64>,
    /// Keep the experts of the first layers on the host: a number of layers, or "all"
    #[arg(long, hide_short_help = true, value_name = "N|all", value_parser = layers)]
    cpu_moe: Option<Value>,
    /// Put tensors whose names match a regular expression on a device or on the host; may be repeated
    #[arg(long, hide_short_help = true, value_name = "PATTERN=DEVICE")]
    override_tensor: Vec<String>,
    /// Keep the cache on the host
    #[arg(long, hide_short_help = true)]
    no_kv_offload: bool,
    /// Let the slots share one cache
    #[arg(long, hide_short_help = true)]
    kv_unified: bool,
    /// Keep the whole context in layers with a sliding window
    #[arg(long, hide_short_help = true)]
    swa_full: bool,
    /// Leave weights on the host as they are in the file
    #[arg(long, hide_short_help = true)]
    no_repack: bool,
    /// Compute with weights of the host on the host alone
    #[arg(long, hide_short_help = true)]
    no_op_offload: bool,
    /// An adapter, with how strongly it is applied; may be repeated
    #[arg(long, hide_short_help = true, value_name = "FILE[=SCALE]")]
    lora: Vec<String>,
    /// A projector of images or sounds
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    mmproj: Option<String>,
    /// Keep the projector on the host
    #[arg(long, hide_short_help = true)]
    no_mmproj_offload: bool,
    /// A model that drafts tokens for this one
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    draft: Option<String>,
    /// Layers of the draft model on the GPU: a number, or "all"
    #[arg(long, hide_short_help = true, value_name = "N|all", value_parser = layers, requires = "draft")]
    draft_gpu_layers: Option<Value>,
    /// Tokens that are drafted at once
    #[arg(long, hide_short_help = true, value_name = "N", requires = "draft")]
    draft_tokens: Option<u32>,
}

impl WayArgs {
    /// Adds the settings that were given.
    pub(super) fn add_to(&self, settings: &mut Settings) {
        let mut put = |name: &str, value: Value, given: bool| {
            if given {
                settings.insert(name.to_owned(), value);
            }
        };
        put("tensor_split", json!(self.tensor_split), !self.tensor_split.is_empty());
        put("cpu_moe_layers", json!(self.cpu_moe), self.cpu_moe.is_some());
        put("override_tensors", json!(self.override_tensor), !self.override_tensor.is_empty());
        put("kv_offload", json!(false), self.no_kv_offload);
        put("kv_unified", json!(true), self.kv_unified);
        put("swa_full", json!(true), self.swa_full);
        put("repack", json!(false), self.no_repack);
        put("op_offload", json!(false), self.no_op_offload);
        put("lora", self.lora.iter().map(|lora| adapter(lora)).collect(), !self.lora.is_empty());
        put("mmproj", json!(self.mmproj.as_deref().map(absolute)), self.mmproj.is_some());
        put("mmproj_offload", json!(false), self.no_mmproj_offload);
        if let Some(file) = &self.draft {
            let mut draft = json!({ "file": absolute(file) });
            if let Some(layers) = &self.draft_gpu_layers {
                draft["gpu_layers"] = layers.clone();
            }
            if let Some(tokens) = self.draft_tokens {
                draft["tokens"] = tokens.into();
            }
            put("draft", draft, true);
        }
    }
}

/// What follows the last `=` is a scale if it is a number, and part of the file's name otherwise.
fn adapter(text: &str) -> Value {
    match text.rsplit_once('=').map(|(file, scale)| (file, scale.parse::<f64>())) {
        Some((file, Ok(scale))) => json!({ "file": absolute(file), "scale": scale }),
        _ => Value::from(absolute(text)),
    }
}

/// The server may have another current folder.
fn absolute(file: &str) -> String {
    std::path::absolute(Path::new(file)).map_or_else(|_| file.to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args as CommandLine, Command};

    #[test]
    fn flags_become_settings() {
        let line = "loadmaster run m.gguf --cpu-moe all --override-tensor ffn_up=host --no-kv-offload --kv-unified \
                    --swa-full --no-repack --no-op-offload --lora /a --lora /b=0.5 --mmproj /p --no-mmproj-offload \
                    --draft /d --draft-gpu-layers 3 --draft-tokens 8 --tensor-split 3,1";
        let Command::Run(run) = CommandLine::parse_from(line.split_whitespace()).command else {
            panic!("run")
        };
        let file = |name: &str| absolute(name);
        let expected = json!({
            "tensor_split": [3.0, 1.0], "cpu_moe_layers": "all", "override_tensors": ["ffn_up=host"],
            "kv_offload": false, "kv_unified": true, "swa_full": true, "repack": false, "op_offload": false,
            "lora": [file("/a"), {"file": file("/b"), "scale": 0.5}], "mmproj": file("/p"),
            "mmproj_offload": false, "draft": {"file": file("/d"), "gpu_layers": 3, "tokens": 8},
        });
        assert_eq!(Value::Object(run.load.settings()), expected);
    }
}
