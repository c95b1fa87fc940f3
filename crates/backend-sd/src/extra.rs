//! Flags of `sd-server` and `sd-cli` that this crate has no setting for, and those that it has one for.

use std::collections::BTreeMap;

use loadmaster_core::{
    BackendError,
    setting::{read, refusal},
};
use serde_json::Value;

/// Flags that this crate gives itself or leaves to requests, and those that would take it its hold on the
/// program: a second one would make the plan a lie.
const OURS: &[&str] = &[
    "m",
    "model",
    "clip_l",
    "clip_g",
    "clip_vision",
    "t5xxl",
    "llm",
    "qwen2vl",
    "diffusion-model",
    "high-noise-diffusion-model",
    "vae",
    "taesd",
    "tae",
    "lora-model-dir",
    "lora-apply-mode",
    "t",
    "threads",
    "offload-to-cpu",
    "clip-on-cpu",
    "vae-on-cpu",
    "diffusion-fa",
    "vae-conv-direct",
    "vae-tiling",
    "type",
    "l",
    "listen-ip",
    "listen-port",
    "serve-html-path",
    "o",
    "output",
    "M",
    "mode",
    "v",
    "verbose",
    "color",
    "p",
    "prompt",
    "n",
    "negative-prompt",
    "i",
    "init-img",
    "mask",
    "H",
    "height",
    "W",
    "width",
    "steps",
    "b",
    "batch-count",
    "cfg-scale",
    "guidance",
    "s",
    "seed",
    "strength",
    "clip-skip",
    "sampling-method",
    "scheduler",
    "preview",
    "preview-path",
    "preview-interval",
    "disable-image-metadata",
    "h",
    "help",
];

/// Reads the flags, and refuses those that have a setting.
pub(crate) fn extra(value: &Value) -> Result<BTreeMap<String, Value>, BackendError> {
    let flags: BTreeMap<String, Value> =
        read("extra", value, "it takes flags of sd-server by name, each with its value or null")?;
    for (name, value) in &flags {
        let plain = name.trim_start_matches('-');
        if plain.is_empty() || plain.contains(['=', ' ']) || plain.chars().any(char::is_control) {
            return Err(refusal("extra", &Value::from(name.as_str()), "it takes the name of a flag alone"));
        }
        if OURS.contains(&plain) {
            let expected = "Loadmaster gives this flag itself; take its own setting";
            return Err(refusal("extra", &Value::from(name.as_str()), expected));
        }
        if !matches!(value, Value::Null | Value::Number(_) | Value::String(_)) {
            return Err(refusal("extra", value, "a flag takes a text, a number, or null for none"));
        }
    }
    Ok(flags)
}

/// As arguments of the program.
pub(crate) fn arguments(flags: &BTreeMap<String, Value>) -> Vec<String> {
    let mut arguments = Vec::new();
    for (name, value) in flags {
        let plain = name.trim_start_matches('-');
        let dashes = if plain.chars().count() == 1 { "-" } else { "--" };
        arguments.push(format!("{dashes}{plain}"));
        match value {
            Value::Null => {}
            Value::String(text) => arguments.push(text.clone()),
            other => arguments.push(other.to_string()),
        }
    }
    arguments
}
