//! The settings of a plan, and what may be asked of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use loadmaster_core::{
    BackendError, LaunchPlan,
    setting::{read, refusal},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{components::Components, extra::extra, loras::name_of, model::tensor_type};

/// How images are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// By `sd-server`, which keeps the model loaded.
    Resident,
    /// By one `sd-cli` for each request, which gives all memory back.
    OneShot,
}

impl Mode {
    /// Its name in settings and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::OneShot => "one-shot",
        }
    }
}

/// Ways to use less memory, each a flag of both programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own, and they go together in any way"
)]
pub struct Savings {
    /// Attention without the full score matrix, in the denoiser.
    pub flash_attention: bool,
    /// Pixels are decoded tile by tile.
    pub vae_tiling: bool,
    /// The decoder convolves without a copy of its input.
    pub vae_conv_direct: bool,
    /// GPU builds: weights rest in host memory and are copied to the GPU when they are needed.
    pub offload_to_cpu: bool,
    /// GPU builds: the text encoders run on the host.
    pub clip_on_cpu: bool,
    /// GPU builds: the decoder runs on the host.
    pub vae_on_cpu: bool,
}

/// Every setting of a plan, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The files beside the model's own, by role.
    pub components: Components,
    /// What the model's own file is: `model` for one that holds everything, or a role.
    pub model_role: String,
    /// The model's family, as it is called in answers.
    pub family: String,
    /// How images are made.
    pub mode: Mode,
    /// The largest image that memory is reserved for, in pixels.
    pub pixels: u64,
    /// Whether memory is reserved for images that begin with a picture, which is encoded first.
    #[serde(default)]
    pub edits: bool,
    /// Ways to use less memory.
    #[serde(flatten)]
    pub savings: Savings,
    /// The type that weights are converted to; that of the file if absent.
    pub weight_type: Option<String>,
    /// CPU threads.
    pub threads: u32,
    /// The GPU that the build computes on, by this machine's id; `None` on the host.
    pub device: Option<String>,
    /// Files of `LoRAs` that requests can name.
    #[serde(default)]
    pub loras: Vec<PathBuf>,
    /// Where more of them lie, if anywhere.
    pub lora_dir: Option<PathBuf>,
    /// Bytes of the `LoRA` files that one request may name together: memory is reserved for them.
    #[serde(default)]
    pub lora_bytes: u64,
    /// Steps of a request that does not say.
    pub steps: u32,
    /// The guidance scale of a request that does not say.
    pub cfg_scale: f32,
    /// The sampler of a request that does not say; the model's own if absent.
    pub sampler: Option<String>,
    /// Other flags of the programs, by name.
    pub extra: BTreeMap<String, Value>,
    /// Seconds that a start may take.
    pub start_timeout: u64,
}

impl Settings {
    /// The settings within a plan of this backend.
    pub(crate) fn of(plan: &LaunchPlan) -> Result<Self, BackendError> {
        serde_json::from_value(Value::Object(plan.settings.clone()))
            .map_err(|error| BackendError::system("reading the plan's settings", error))
    }
}

/// What was asked for: whatever is absent is the planner's to choose.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) components: Components,
    /// `None` for `auto`.
    pub(crate) mode: Option<Mode>,
    pub(crate) pixels: Option<u64>,
    pub(crate) edits: bool,
    pub(crate) savings: Savings,
    pub(crate) weight_type: Option<String>,
    pub(crate) threads: Option<u32>,
    pub(crate) loras: Vec<PathBuf>,
    pub(crate) lora_dir: Option<PathBuf>,
    pub(crate) lora_bytes: Option<u64>,
    pub(crate) steps: Option<u32>,
    pub(crate) cfg_scale: Option<f32>,
    pub(crate) sampler: Option<String>,
    pub(crate) extra: BTreeMap<String, Value>,
    pub(crate) start_timeout: Option<u64>,
}

const KNOWN: [&str; 20] = [
    "components",
    "mode",
    "pixels",
    "edits",
    "flash_attention",
    "vae_tiling",
    "vae_conv_direct",
    "offload_to_cpu",
    "clip_on_cpu",
    "vae_on_cpu",
    "weight_type",
    "threads",
    "loras",
    "lora_dir",
    "lora_bytes",
    "steps",
    "cfg_scale",
    "sampler",
    "extra",
    "start_timeout",
];

/// The most pixels that memory can be reserved for: both sides at the programs' own limit of 4096.
const MOST_PIXELS: u64 = 4096 * 4096;

/// The most that `LoRAs` can have: far more than any has.
const MOST_LORA_BYTES: u64 = 1 << 40;

/// The most steps that `sd-server` takes: of more it makes these, without a word (`SDGenerationParams::resolve`, `strict`).
pub(crate) const MOST_STEPS_OF_THE_SERVER: u32 = 100;

/// The most steps that a request may ask for.
pub(crate) const MOST_STEPS: u32 = 1000;

impl Asked {
    /// Reads the settings of a request, and refuses what no plan can have.
    pub(crate) fn read(settings: &loadmaster_core::Settings) -> Result<Self, BackendError> {
        let mut asked = Self::default();
        for (name, value) in settings {
            match name.as_str() {
                "components" => asked.components = Components::read(value)?,
                "mode" => asked.mode = mode(value)?,
                "pixels" => asked.pixels = Some(count(name, value, MOST_PIXELS)?),
                "weight_type" => asked.weight_type = Some(weight_type(name, value)?),
                "threads" => asked.threads = Some(small(name, value, 4096)?),
                "loras" => asked.loras = loras(name, value)?,
                "lora_bytes" => asked.lora_bytes = Some(count(name, value, MOST_LORA_BYTES)?),
                "lora_dir" => asked.lora_dir = Some(folder(name, value)?),
                "steps" => asked.steps = Some(small(name, value, MOST_STEPS)?),
                "cfg_scale" => asked.cfg_scale = Some(scale(name, value)?),
                "sampler" => asked.sampler = Some(word(name, value)?),
                "extra" => asked.extra = extra(value)?,
                "start_timeout" => asked.start_timeout = Some(count(name, value, u64::from(u32::MAX))?),
                _ => asked.switch(name, value)?,
            }
        }
        Ok(asked)
    }

    fn switch(&mut self, name: &str, value: &Value) -> Result<(), BackendError> {
        let savings = &mut self.savings;
        let switch = match name {
            "edits" => &mut self.edits,
            "flash_attention" => &mut savings.flash_attention,
            "vae_tiling" => &mut savings.vae_tiling,
            "vae_conv_direct" => &mut savings.vae_conv_direct,
            "offload_to_cpu" => &mut savings.offload_to_cpu,
            "clip_on_cpu" => &mut savings.clip_on_cpu,
            "vae_on_cpu" => &mut savings.vae_on_cpu,
            _ => {
                return Err(BackendError::UnknownSetting {
                    backend: crate::SdBackend::ID,
                    name: name.to_owned(),
                    known: KNOWN.to_vec(),
                });
            }
        };
        *switch = read(name, value, "it takes true or false")?;
        Ok(())
    }
}

fn mode(value: &Value) -> Result<Option<Mode>, BackendError> {
    if value.as_str() == Some("auto") {
        return Ok(None);
    }
    read("mode", value, "it takes auto, resident or one-shot").map(Some)
}

fn count(name: &str, value: &Value, most: u64) -> Result<u64, BackendError> {
    let expected = format!("it takes a whole number from 1 to {most}");
    let number: u64 = read(name, value, &expected)?;
    if (1..=most).contains(&number) { Ok(number) } else { Err(refusal(name, value, &expected)) }
}

fn small(name: &str, value: &Value, most: u32) -> Result<u32, BackendError> {
    let number = count(name, value, u64::from(most))?;
    u32::try_from(number).map_err(|_| refusal(name, value, "it is too large"))
}

fn scale(name: &str, value: &Value) -> Result<f32, BackendError> {
    let expected = "it takes a number from 0 to 100";
    let number: f32 = read(name, value, expected)?;
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err(refusal(name, value, expected)) }
}

/// A name such as `q8_0` or `dpm++2m`, which is passed on as an argument.
fn word(name: &str, value: &Value) -> Result<String, BackendError> {
    let expected = "it takes a name";
    let word: String = read(name, value, expected)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '.' | '-');
    if word.is_empty() || word.starts_with('-') || !word.chars().all(plain) {
        return Err(refusal(name, value, expected));
    }
    Ok(word)
}

fn weight_type(name: &str, value: &Value) -> Result<String, BackendError> {
    let known = word(name, value)?;
    let missing = || refusal(name, value, "it takes a type of ggml, such as f16 or q8_0");
    if tensor_type(&known).is_some() { Ok(known) } else { Err(missing()) }
}

fn folder(name: &str, value: &Value) -> Result<PathBuf, BackendError> {
    let path: PathBuf = read(name, value, "it takes the path of a folder")?;
    let absolute = std::path::absolute(&path).unwrap_or(path);
    if Path::is_dir(&absolute) { Ok(absolute) } else { Err(refusal(name, value, "there is no such folder")) }
}

/// Files of `LoRAs`, whose names differ.
fn loras(name: &str, value: &Value) -> Result<Vec<PathBuf>, BackendError> {
    let files: Vec<PathBuf> = read(name, value, "it takes a list of files")?;
    let mut taken = BTreeSet::new();
    let absolute = |path: PathBuf| {
        let path = std::path::absolute(&path).unwrap_or(path);
        let refused = |why: &str| refusal(name, &Value::from(path.to_string_lossy()), why);
        if !path.is_file() {
            return Err(refused("there is no such file"));
        }
        match name_of(&path) {
            Some(named) if taken.insert(named.to_owned()) => Ok(path),
            _ => Err(refused("requests name it by its file's name, which another one has too")),
        }
    };
    files.into_iter().map(absolute).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(json: Value) -> Result<Asked, String> {
        let Value::Object(settings) = json else { panic!("settings are an object") };
        Asked::read(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_what_is_asked() {
        let read = asked(json!({
            "mode": "one-shot", "pixels": 262_144, "flash_attention": true, "steps": 4, "cfg_scale": 1.5,
            "components": {"vae": "/m/vae.safetensors"}, "extra": {"rng": "cpu"},
        }))
        .unwrap();
        assert_eq!((read.mode, read.pixels, read.steps), (Some(Mode::OneShot), Some(262_144), Some(4)));
        assert!(read.savings.flash_attention && !read.savings.vae_tiling);
        assert_eq!(asked(json!({"mode": "auto"})).unwrap(), Asked::default());
    }

    #[test]
    fn refuses_what_cannot_be() {
        for (settings, said) in [
            (json!({"gpu_layers": 1}), "has no setting 'gpu_layers'"),
            (json!({"mode": "both"}), "'both' is no value for mode"),
            (json!({"pixels": 0}), "'0' is no value for pixels"),
            (json!({"steps": 1001}), "from 1 to 1000"),
            (json!({"vae_tiling": 1}), "'1' is no value for vae_tiling"),
            (json!({"weight_type": "--rng"}), "is no value for weight_type"),
            (json!({"lora_dir": "/nowhere/at/all"}), "there is no such folder"),
            (json!({"loras": ["/nowhere/at/all.gguf"]}), "there is no such file"),
            (json!({"components": {"brain": "/x"}}), "'brain' is no value for components"),
            (json!({"extra": {"--steps": 3}}), "take its own setting"),
        ] {
            let error = asked(settings).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
