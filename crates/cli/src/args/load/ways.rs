//! What lies elsewhere than its layer, and what is loaded with a model.

use clap::Args;
use serde_json::{Value, json};

use super::{absolute, language::layers};
use crate::load_flags::LoadFlags;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Language models")]
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
    pub(super) fn add_to(&self, flags: &mut LoadFlags) {
        let list = |values: &[String]| (!values.is_empty()).then(|| json!(values));
        let shares = (!self.tensor_split.is_empty()).then(|| json!(self.tensor_split));
        flags.language("--tensor-split", "tensor_split", shares);
        flags.language("--cpu-moe", "cpu_moe_layers", self.cpu_moe.clone());
        flags.language("--override-tensor", "override_tensors", list(&self.override_tensor));
        for (flag, setting, value, given) in [
            ("--no-kv-offload", "kv_offload", false, self.no_kv_offload),
            ("--kv-unified", "kv_unified", true, self.kv_unified),
            ("--swa-full", "swa_full", true, self.swa_full),
            ("--no-repack", "repack", false, self.no_repack),
            ("--no-op-offload", "op_offload", false, self.no_op_offload),
            ("--no-mmproj-offload", "mmproj_offload", false, self.no_mmproj_offload),
        ] {
            flags.language(flag, setting, given.then(|| value.into()));
        }
        let loras = self.lora.iter().map(|lora| adapter(lora));
        flags.language("--lora", "lora", (!self.lora.is_empty()).then(|| loras.collect()));
        flags.language("--mmproj", "mmproj", self.mmproj.as_deref().map(absolute).map(Value::from));
        flags.language("--draft", "draft", self.draft.as_deref().map(|file| self.draft(file)));
    }

    fn draft(&self, file: &str) -> Value {
        let mut draft = json!({ "file": absolute(file) });
        if let Some(layers) = &self.draft_gpu_layers {
            draft["gpu_layers"] = layers.clone();
        }
        if let Some(tokens) = self.draft_tokens {
            draft["tokens"] = tokens.into();
        }
        draft
    }
}

/// What follows the last `=` is a scale if it is a number, and part of the file's name otherwise.
fn adapter(text: &str) -> Value {
    match text.rsplit_once('=').map(|(file, scale)| (file, scale.parse::<f64>())) {
        Some((file, Ok(scale))) => json!({ "file": absolute(file), "scale": scale }),
        _ => Value::from(absolute(text)),
    }
}

#[cfg(test)]
mod tests {
    use loadmaster_core::ModelKind;

    use super::*;
    use crate::args::load::settings;

    #[test]
    fn flags_become_settings() {
        let line = "loadmaster run m.gguf --cpu-moe all --override-tensor ffn_up=host --no-kv-offload --kv-unified \
                    --swa-full --no-repack --no-op-offload --lora /a --lora /b=0.5 --mmproj /p --no-mmproj-offload \
                    --draft /d --draft-gpu-layers 3 --draft-tokens 8 --tensor-split 3,1";
        let file = |name: &str| absolute(name);
        let expected = json!({
            "tensor_split": [3.0, 1.0], "cpu_moe_layers": "all", "override_tensors": ["ffn_up=host"],
            "kv_offload": false, "kv_unified": true, "swa_full": true, "repack": false, "op_offload": false,
            "lora": [file("/a"), {"file": file("/b"), "scale": 0.5}], "mmproj": file("/p"),
            "mmproj_offload": false, "draft": {"file": file("/d"), "gpu_layers": 3, "tokens": 8},
        });
        assert_eq!(settings(line, ModelKind::Text), expected);
    }
}
