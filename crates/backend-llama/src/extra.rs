//! Flags of `llama-server` that this crate has no setting for, and those that it has one for.

use std::{collections::BTreeMap, fmt};

use loadmaster_core::{
    BackendError,
    setting::{read, refusal},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value of such a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ExtraValue {
    /// A flag without a value.
    Switch(()),
    /// A flag with one.
    Text(String),
    /// A flag with a number.
    Number(serde_json::Number),
}

impl fmt::Display for ExtraValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(()) => Ok(()),
            Self::Text(text) => formatter.write_str(text),
            Self::Number(number) => number.fmt(formatter),
        }
    }
}

/// Flags that this crate gives itself, in every spelling of `llama-server --help`: a second one would make
/// the plan a lie.
const OURS: &[&[&str]] = &[
    &["model", "m", "model-url", "mu", "docker-repo", "dr"],
    &["hf-repo", "hf", "hfr", "hf-file", "hff"],
    &["host", "port", "api-key", "api-key-file", "alias", "a"],
    &["ctx-size", "c", "parallel", "np", "threads", "t"],
    &["gpu-layers", "n-gpu-layers", "ngl", "device", "dev", "tensor-split", "ts"],
    &["split-mode", "sm", "main-gpu", "mg"],
    &["batch-size", "b", "ubatch-size", "ub"],
    &["cache-type-k", "ctk", "cache-type-v", "ctv", "flash-attn", "fa"],
    &["mmap", "no-mmap", "load-mode", "lm", "direct-io", "dio", "no-direct-io", "ndio"],
    &["cache-ram", "cram"],
    &["fit", "verbosity", "log-verbosity", "lv", "log-file", "log-disable"],
    &["cpu-moe", "cmoe", "n-cpu-moe", "ncmoe", "override-tensor", "ot"],
    &["kv-offload", "kvo", "no-kv-offload", "nkvo"],
    &["kv-unified", "kvu", "no-kv-unified", "no-kvu", "swa-full"],
    &["repack", "no-repack", "nr", "op-offload", "no-op-offload"],
    &["lora", "lora-scaled"],
    &["mmproj", "mm", "mmproj-url", "mmu", "mmproj-auto", "no-mmproj", "no-mmproj-auto"],
    &["mmproj-offload", "no-mmproj-offload"],
    &["spec-draft-model", "model-draft", "md", "spec-draft-hf", "hf-repo-draft", "hfd", "hfrd"],
    &["spec-draft-ngl", "gpu-layers-draft", "n-gpu-layers-draft", "ngld", "spec-type", "spec-draft-n-max"],
    &[
        "spec-draft-device",
        "device-draft",
        "devd",
        "spec-draft-override-tensor",
        "override-tensor-draft",
        "otd",
    ],
    &["spec-draft-cpu-moe", "cpu-moe-draft", "cmoed"],
    &["spec-draft-n-cpu-moe", "spec-draft-ncmoe", "n-cpu-moe-draft", "ncmoed"],
    &["spec-draft-type-k", "cache-type-k-draft", "ctkd", "spec-draft-type-v", "cache-type-v-draft", "ctvd"],
];

/// Flags for how tokens are drawn where a request does not say it: nothing else of the server depends on them.
const SAMPLING: &[&str] = &["temp", "top-p", "top-k", "min-p", "repeat-penalty", "presence-penalty"];

/// Whether a flag says how tokens are drawn, and nothing more.
pub(crate) fn is_about_sampling(flag: &str) -> bool {
    SAMPLING.contains(&flag.trim_start_matches('-'))
}

/// Reads the flags, and refuses those that have a setting.
pub(crate) fn extra(value: &Value) -> Result<BTreeMap<String, ExtraValue>, BackendError> {
    let flags: BTreeMap<String, ExtraValue> =
        read("extra", value, "it takes flags of llama-server by name, each with its value or null")?;
    for name in flags.keys() {
        let plain = name.trim_start_matches('-');
        if plain.is_empty() || plain.contains(['=', ' ']) || plain.chars().any(char::is_control) {
            return Err(refusal("extra", &Value::from(name.as_str()), "it takes the name of a flag alone"));
        }
        if OURS.iter().any(|spellings| spellings.contains(&plain)) {
            let expected = "Loadmaster gives this flag itself; take its own setting";
            return Err(refusal("extra", &Value::from(name.as_str()), expected));
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flags_with_a_setting_are_refused_in_every_spelling() {
        for name in ["--no-kv-offload", "nkvo", "-ot", "n-cpu-moe", "lora-scaled", "md", "--swa-full", "ts"] {
            let error = extra(&json!({ name: null })).expect_err(name).to_string();
            assert!(error.contains("take its own setting"), "{error}");
        }
        assert_eq!(extra(&json!({"rope-scale": 2, "no-warmup": null})).unwrap().len(), 2);
    }
}
