//! Ways of loading a model: what lies elsewhere than its layer, and what is loaded with it.

use std::path::{Path, PathBuf};

use loadmaster_core::{
    BackendError,
    setting::{read, refusal},
};
use loadmaster_gguf::memory::Override;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::GpuLayers;

/// How a model is loaded beyond sizes and types; all of it resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of llama-server, each with its meaning")]
pub struct Ways {
    /// Routed experts of the first so many layers stay on the host.
    pub cpu_moe_layers: u32,
    /// Tensors that are put elsewhere; the first that matches counts, and all before `cpu_moe_layers`.
    pub override_tensors: Vec<TensorOverride>,
    /// Whether the cache lies where its layer does; else all of it is on the host.
    pub kv_offload: bool,
    /// Whether the slots share one cache.
    pub kv_unified: bool,
    /// Whether sliding-window layers keep the whole context.
    pub swa_full: bool,
    /// Whether weights on the host may take another layout, in memory of their own.
    pub repack: bool,
    /// Whether a GPU may compute with weights that lie on the host.
    pub op_offload: bool,
    /// Adapters.
    pub lora: Vec<Lora>,
    /// The projector of images or sounds.
    pub mmproj: Option<PathBuf>,
    /// Whether the projector lies on the first device rather than on the host.
    pub mmproj_offload: bool,
    /// The model that drafts tokens.
    pub draft: Option<Draft>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            cpu_moe_layers: 0,
            override_tensors: Vec::new(),
            kv_offload: true,
            kv_unified: false,
            swa_full: false,
            repack: true,
            op_offload: true,
            lora: Vec::new(),
            mmproj: None,
            mmproj_offload: true,
            draft: None,
        }
    }
}

/// Puts tensors on a device or on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorOverride {
    /// A regular expression for names of tensors.
    pub pattern: String,
    /// One of the plan's devices, or `host`.
    pub device: String,
}

impl TensorOverride {
    /// Whether it puts tensors on the host.
    pub(crate) fn is_host(&self) -> bool {
        self.device.eq_ignore_ascii_case("host") || self.device.eq_ignore_ascii_case("cpu")
    }
}

/// An adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "LoraAsked")]
pub struct Lora {
    /// Its file.
    pub file: PathBuf,
    /// How strongly it is applied.
    pub scale: f32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LoraAsked {
    File(PathBuf),
    Scaled { file: PathBuf, scale: Option<f32> },
}

impl From<LoraAsked> for Lora {
    fn from(asked: LoraAsked) -> Self {
        match asked {
            LoraAsked::File(file) => Self { file, scale: 1.0 },
            LoraAsked::Scaled { file, scale } => Self { file, scale: scale.unwrap_or(1.0) },
        }
    }
}

/// A draft model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DraftAsked")]
pub struct Draft {
    /// Its file.
    pub file: PathBuf,
    /// Its layers on the plan's devices, the output layer counted as one.
    pub gpu_layers: u32,
    /// Tokens that it drafts at once.
    pub tokens: u32,
}

/// What llama-server drafts unless told otherwise (`--spec-draft-n-max`).
const DRAFTED: u32 = 3;

#[derive(Deserialize)]
#[serde(untagged)]
enum DraftAsked {
    File(PathBuf),
    Given { file: PathBuf, gpu_layers: Option<GpuLayers>, tokens: Option<u32> },
}

impl From<DraftAsked> for Draft {
    fn from(asked: DraftAsked) -> Self {
        match asked {
            DraftAsked::File(file) => Self { file, gpu_layers: u32::MAX, tokens: DRAFTED },
            DraftAsked::Given { file, gpu_layers, tokens } => Self {
                file,
                // As many as there are; the planner knows how many that is.
                gpu_layers: match gpu_layers {
                    Some(GpuLayers::Number(number)) => number,
                    Some(GpuLayers::All) | None => u32::MAX,
                },
                tokens: tokens.unwrap_or(DRAFTED),
            },
        }
    }
}

/// The settings of [`Ways`], by name.
pub(crate) const NAMES: [&str; 11] = [
    "cpu_moe_layers",
    "override_tensors",
    "kv_offload",
    "kv_unified",
    "swa_full",
    "repack",
    "op_offload",
    "lora",
    "mmproj",
    "mmproj_offload",
    "draft",
];

impl Ways {
    /// Takes in a setting of one of [`NAMES`].
    pub(crate) fn set(&mut self, name: &str, value: &Value) -> Result<(), BackendError> {
        let switch = || read(name, value, "it takes true or false");
        match name {
            "cpu_moe_layers" => {
                self.cpu_moe_layers = match read(name, value, "it takes a whole number, or all")? {
                    GpuLayers::Number(number) => number,
                    GpuLayers::All => u32::MAX,
                };
            }
            "override_tensors" => self.override_tensors = overrides(name, value)?,
            "kv_offload" => self.kv_offload = switch()?,
            "kv_unified" => self.kv_unified = switch()?,
            "swa_full" => self.swa_full = switch()?,
            "repack" => self.repack = switch()?,
            "op_offload" => self.op_offload = switch()?,
            "lora" => self.lora = loras(name, value)?,
            "mmproj" => {
                let file: PathBuf = read(name, value, "it takes a file")?;
                self.mmproj = Some(file);
            }
            "mmproj_offload" => self.mmproj_offload = switch()?,
            _ => {
                let expected = "it takes a file, or an object of file, gpu_layers and tokens";
                let draft: Draft = read(name, value, expected)?;
                if !(1..=1024).contains(&draft.tokens) {
                    return Err(refusal(name, value, "it drafts from 1 to 1024 tokens"));
                }
                self.draft = Some(draft);
            }
        }
        Ok(())
    }

    /// Whether the server's dry run reckons all of it: it leaves out what is loaded with the model, and
    /// forgets that attention over a cache on the host is computed there.
    pub(crate) fn are_in_the_dry_run(&self) -> bool {
        self.kv_offload && self.lora.is_empty() && self.mmproj.is_none() && self.draft.is_none()
    }
}

/// A list of `pattern=device`; a single one may stand alone.
fn overrides(name: &str, value: &Value) -> Result<Vec<TensorOverride>, BackendError> {
    let refuse = |text: &str, expected: &str| refusal(name, &Value::from(text), expected);
    one_or_more::<String>(name, value, "it takes a list of PATTERN=DEVICE")?
        .into_iter()
        .map(|text| {
            let (pattern, device) = text
                .split_once('=')
                .filter(|(pattern, device)| !pattern.is_empty() && !device.is_empty())
                .ok_or_else(|| refuse(&text, "it takes a list of PATTERN=DEVICE"))?;
            if text.contains(',') {
                return Err(refuse(&text, "llama-server takes no pattern with a comma in it"));
            }
            Override::new(pattern, None).map_err(|error| refuse(&text, &error.to_string()))?;
            Ok(TensorOverride { pattern: pattern.to_owned(), device: device.to_owned() })
        })
        .collect()
}

/// A list of files, or of objects of file and scale; a single one may stand alone.
fn loras(name: &str, value: &Value) -> Result<Vec<Lora>, BackendError> {
    let loras: Vec<Lora> =
        one_or_more(name, value, "it takes a list of files, each alone or in an object of file and scale")?;
    for Lora { file, scale } in &loras {
        let text = Value::from(file.display().to_string());
        if has(file, ',') || (is_scaled(*scale) && has(file, ':')) {
            let expected =
                "llama-server takes no adapter with a comma in its path, nor a scale for one with a colon";
            return Err(refusal(name, &text, expected));
        }
        if !scale.is_finite() {
            return Err(refusal(name, &text, "its scale must be a number"));
        }
    }
    Ok(loras)
}

fn has(path: &Path, character: char) -> bool {
    path.to_string_lossy().contains(character)
}

/// Whether an adapter is applied otherwise than as it is.
pub(crate) fn is_scaled(scale: f32) -> bool {
    (scale - 1.0).abs() > f32::EPSILON
}

fn one_or_more<T: for<'de> Deserialize<'de>>(
    name: &str,
    value: &Value,
    expected: &str,
) -> Result<Vec<T>, BackendError> {
    match value {
        Value::Array(_) => read(name, value, expected),
        one => Ok(vec![read(name, one, expected)?]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(name: &str, value: &Value) -> Result<Ways, String> {
        let mut ways = Ways::default();
        ways.set(name, value).map(|()| ways).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_way() {
        assert_eq!(set("cpu_moe_layers", &json!("all")).unwrap().cpu_moe_layers, u32::MAX);
        let overrides = set("override_tensors", &json!([r"ffn_(up|down)=CPU", "attn=gpu1"])).unwrap();
        let devices = overrides.override_tensors.iter().map(|one| (one.device.as_str(), one.is_host()));
        assert_eq!(devices.collect::<Vec<_>>(), [("CPU", true), ("gpu1", false)]);
        let ways = set("lora", &json!(["a.gguf", {"file": "b.gguf", "scale": 0.5}])).unwrap();
        assert_eq!(ways.lora.iter().map(|lora| lora.scale).collect::<Vec<_>>(), [1.0, 0.5]);
        let draft = set("draft", &json!({"file": "d.gguf", "gpu_layers": 7})).unwrap().draft.unwrap();
        assert_eq!((draft.gpu_layers, draft.tokens), (7, 3));
        for name in ["kv_offload", "kv_unified", "swa_full", "repack", "op_offload", "mmproj_offload"] {
            let both = [true, false].map(|on| set(name, &json!(on)).unwrap());
            assert_ne!(both[0], both[1], "{name}");
        }
    }

    #[test]
    fn refuses_what_no_server_takes() {
        for (name, value, cause) in [
            ("cpu_moe_layers", json!(-1), "'-1' is no value for cpu_moe_layers"),
            ("override_tensors", json!(["ffn"]), "'ffn' is no value for override_tensors"),
            ("override_tensors", json!(["(=CPU"]), "'(=CPU' is no value for override_tensors: '('"),
            (
                "override_tensors",
                json!(["a{1,2}=CPU"]),
                "'a{1,2}=CPU' is no value for override_tensors: llama",
            ),
            ("kv_offload", json!("no"), "'no' is no value for kv_offload"),
            ("lora", json!(["a,b"]), "'a,b' is no value for lora"),
            ("lora", json!([{"file": "a:b", "scale": 2}]), "'a:b' is no value for lora"),
            (
                "draft",
                json!({"file": "a", "tokens": 0}),
                "'{\"file\":\"a\",\"tokens\":0}' is no value for draft",
            ),
        ] {
            let error = set(name, &value).expect_err(name);
            assert!(error.starts_with(cause), "{error}");
        }
    }

    #[test]
    fn ways_of_a_plan_are_read_back() {
        let mut ways = set("lora", &json!([{"file": "b.gguf", "scale": 0.5}])).unwrap();
        ways.set("draft", &json!("d.gguf")).unwrap();
        ways.set("override_tensors", &json!("attn=host")).unwrap();
        let json = serde_json::to_value(&ways).unwrap();
        assert_eq!(serde_json::from_value::<Ways>(json).unwrap(), ways);
    }
}
