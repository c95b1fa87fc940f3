//! The settings of a plan, and what may be asked of them.

use std::{collections::BTreeMap, fmt};

use loadmaster_core::{
    BackendError, LaunchPlan,
    setting::{read, refusal},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    extra::{ExtraValue, extra, is_about_sampling},
    ways::{self, Ways},
};

/// The type that the cache keeps keys or values in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are ggml's names")]
pub enum CacheType {
    F32,
    F16,
    Bf16,
    Q8_0,
    Q5_1,
    Q5_0,
    Q4_1,
    Q4_0,
    Iq4Nl,
}

impl CacheType {
    /// Whether it keeps fewer bits than were computed with, in blocks that share a scale.
    pub(crate) fn is_quantised(self) -> bool {
        !matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }
}

/// Whether attention is computed without the full score matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlashAttention {
    /// Always.
    On,
    /// Never.
    Off,
    /// Where the device can.
    Auto,
}

/// How many layers lie on the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GpuLayers {
    /// The whole model.
    All,
    /// The last so many, the output layer among them.
    #[serde(untagged)]
    Number(u32),
}

impl fmt::Display for GpuLayers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::Number(number) => write!(formatter, "{number}"),
        }
    }
}

/// Every setting of a plan, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Tokens over all slots.
    pub context_length: u32,
    /// Layers on the GPU, the output layer counted as one; `0` for none.
    pub gpu_layers: u32,
    /// The devices that have them, by this machine's ids.
    pub devices: Vec<String>,
    /// The same devices, by the names that `llama-server --list-devices` gives them.
    pub server_devices: Vec<String>,
    /// What each of several devices is to have of the layers; empty for one device.
    pub tensor_split: Vec<f64>,
    /// CPU threads.
    pub threads: u32,
    /// Slots that answer at once.
    pub parallel: u32,
    /// What keys are kept in.
    pub cache_type_k: CacheType,
    /// What values are kept in.
    pub cache_type_v: CacheType,
    /// Flash attention.
    pub flash_attention: FlashAttention,
    /// Tokens of a logical batch.
    pub batch_size: u32,
    /// Tokens of a physical batch.
    pub ubatch_size: u32,
    /// Whether weights are mapped from the file rather than read into memory.
    pub mmap: bool,
    /// Host memory that old prompts may keep, in bytes.
    pub prompt_cache: u64,
    /// What lies elsewhere than its layer, and what is loaded with the model.
    #[serde(flatten)]
    pub ways: Ways,
    /// Other flags of the server, by name.
    pub(crate) extra: BTreeMap<String, ExtraValue>,
    /// Seconds that a start may take.
    pub start_timeout: u64,
}

impl Settings {
    /// The settings within a plan of this backend.
    pub(crate) fn of(plan: &LaunchPlan) -> Result<Self, BackendError> {
        serde_json::from_value(Value::Object(plan.settings.clone()))
            .map_err(|error| BackendError::system("reading the plan's settings", error))
    }

    /// Whether the server may have something to put in order when it ends: caches of a driver, or of a program
    /// behind it. On the host alone there is nothing that the kernel does not do, five times as fast, and
    /// conversations have been saved before.
    pub(crate) fn ends_kindly(&self) -> bool {
        !self.server_devices.is_empty() || self.extra.keys().any(|flag| !is_about_sampling(flag))
    }
}

/// What was asked for: whatever is absent is the planner's to choose.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) context_length: Option<u32>,
    pub(crate) gpu_layers: Option<GpuLayers>,
    /// Names of devices.
    pub(crate) devices: Vec<String>,
    pub(crate) tensor_split: Vec<f64>,
    pub(crate) threads: Option<u32>,
    pub(crate) parallel: Option<u32>,
    pub(crate) cache_type_k: Option<CacheType>,
    pub(crate) cache_type_v: Option<CacheType>,
    pub(crate) flash_attention: Option<FlashAttention>,
    pub(crate) batch_size: Option<u32>,
    pub(crate) ubatch_size: Option<u32>,
    pub(crate) mmap: Option<bool>,
    pub(crate) prompt_cache: Option<u64>,
    pub(crate) ways: Ways,
    pub(crate) extra: BTreeMap<String, ExtraValue>,
    pub(crate) start_timeout: Option<u64>,
}

/// The most slots that a server has (`LLAMA_MAX_SEQ` in llama.cpp's src/llama-cparams.h).
const MOST_SLOTS: u32 = 256;

const KNOWN: [&str; 15] = [
    "context_length",
    "gpu_layers",
    "device",
    "tensor_split",
    "threads",
    "parallel",
    "cache_type_k",
    "cache_type_v",
    "flash_attention",
    "batch_size",
    "ubatch_size",
    "mmap",
    "prompt_cache",
    "extra",
    "start_timeout",
];

impl Asked {
    /// Reads the settings of a request, and refuses what no plan can have.
    pub(crate) fn read(settings: &loadmaster_core::Settings) -> Result<Self, BackendError> {
        const COUNT: &str = "it takes a whole number from 1 up";
        // llama.cpp keeps counts in 32 bits with a sign.
        const MOST: u32 = i32::MAX as u32;
        const CACHE: &str = "it takes f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl";
        let mut asked = Self::default();
        for (name, value) in settings {
            match name.as_str() {
                "context_length" => asked.context_length = Some(count(name, value, MOST)?),
                "gpu_layers" => {
                    let expected = "it takes a whole number, or all";
                    asked.gpu_layers = Some(read(name, value, expected)?);
                }
                "device" => asked.devices = devices(name, value)?,
                "tensor_split" => asked.tensor_split = shares(name, value)?,
                "threads" => asked.threads = Some(count(name, value, MOST)?),
                "parallel" => asked.parallel = Some(count(name, value, MOST_SLOTS)?),
                "cache_type_k" => asked.cache_type_k = Some(read(name, value, CACHE)?),
                "cache_type_v" => asked.cache_type_v = Some(read(name, value, CACHE)?),
                "flash_attention" => {
                    asked.flash_attention = Some(read(name, value, "it takes on, off or auto")?);
                }
                "batch_size" => asked.batch_size = Some(count(name, value, MOST)?),
                "ubatch_size" => asked.ubatch_size = Some(count(name, value, MOST)?),
                "mmap" => asked.mmap = Some(read(name, value, "it takes true or false")?),
                "prompt_cache" => asked.prompt_cache = Some(read(name, value, "it takes bytes")?),
                "extra" => asked.extra = extra(value)?,
                "start_timeout" => {
                    asked.start_timeout = Some(read(name, value, COUNT).and_then(|seconds: u64| {
                        if seconds == 0 { Err(refusal(name, value, COUNT)) } else { Ok(seconds) }
                    })?);
                }
                way if ways::NAMES.contains(&way) => asked.ways.set(way, value)?,
                _ => {
                    return Err(BackendError::UnknownSetting {
                        backend: crate::LlamaBackend::ID,
                        name: name.clone(),
                        known: KNOWN.into_iter().chain(ways::NAMES).collect(),
                    });
                }
            }
        }
        Ok(asked)
    }
}

/// A whole number from 1 to `most`.
fn count(name: &str, value: &Value, most: u32) -> Result<u32, BackendError> {
    let expected = "it takes a whole number from 1 up";
    match read::<u64>(name, value, expected)? {
        0 => Err(refusal(name, value, expected)),
        number => u32::try_from(number)
            .ok()
            .filter(|number| *number <= most)
            .ok_or_else(|| refusal(name, value, &format!("it takes {most} at most"))),
    }
}

/// Names, separated by commas or in a list.
fn devices(name: &str, value: &Value) -> Result<Vec<String>, BackendError> {
    let expected = "it takes the name of a device, or several with commas between them";
    let names: Vec<String> = match value {
        Value::Array(_) => read(name, value, expected)?,
        one => read::<String>(name, one, expected)?.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    if names.is_empty() || names.iter().any(String::is_empty) {
        return Err(refusal(name, value, expected));
    }
    Ok(names)
}

/// A number for each device.
fn shares(name: &str, value: &Value) -> Result<Vec<f64>, BackendError> {
    let expected = "it takes a list of numbers from 0 up, one of them above 0";
    let shares: Vec<f64> = read(name, value, expected)?;
    let sound = shares.iter().all(|share| share.is_finite() && *share >= 0.0);
    if !sound || shares.iter().sum::<f64>() <= 0.0 {
        return Err(refusal(name, value, expected));
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: Value) -> Result<Asked, String> {
        let Value::Object(settings) = json else { panic!("settings are an object") };
        Asked::read(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_setting() {
        let all = asked(serde_json::json!({
            "context_length": 4096, "gpu_layers": "all", "device": "gpu0", "threads": 4, "parallel": 2,
            "cache_type_k": "q8_0", "cache_type_v": "iq4_nl", "flash_attention": "on", "batch_size": 512,
            "ubatch_size": 128, "mmap": false, "prompt_cache": 1024, "start_timeout": 5,
            "extra": {"rope-scaling": "yarn", "--no-warmup": null, "seed": 1},
        }))
        .unwrap();
        assert_eq!(all.gpu_layers, Some(GpuLayers::All));
        assert_eq!(all.cache_type_v, Some(CacheType::Iq4Nl));
        assert_eq!(all.extra.len(), 3);
        assert_eq!(
            asked(serde_json::json!({"gpu_layers": 7})).unwrap().gpu_layers,
            Some(GpuLayers::Number(7))
        );
        assert_eq!(asked(serde_json::json!({})), Ok(Asked::default()));
    }

    #[test]
    fn refuses_what_cannot_be() {
        for (json, cause) in [
            (serde_json::json!({"contxt": 1}), "The llama backend has no setting 'contxt'"),
            (serde_json::json!({"context_length": 0}), "'0' is no value for context_length"),
            (serde_json::json!({"context_length": 3_000_000_000_u64}), "'3000000000' is no value"),
            (serde_json::json!({"parallel": 257}), "'257' is no value for parallel"),
            (serde_json::json!({"context_length": "many"}), "'many' is no value for context_length"),
            (serde_json::json!({"gpu_layers": -1}), "'-1' is no value for gpu_layers"),
            (serde_json::json!({"cache_type_k": "q9"}), "'q9' is no value for cache_type_k"),
            (serde_json::json!({"mmap": "yes"}), "'yes' is no value for mmap"),
            (serde_json::json!({"start_timeout": 0}), "'0' is no value for start_timeout"),
            (serde_json::json!({"extra": {"--model": "x"}}), "'--model' is no value for extra"),
            (serde_json::json!({"extra": {"a=b": "x"}}), "'a=b' is no value for extra"),
        ] {
            let error = asked(json.clone()).expect_err(&json.to_string());
            assert!(error.starts_with(cause), "{json}: {error}");
        }
    }
}
