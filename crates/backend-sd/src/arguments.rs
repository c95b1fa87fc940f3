//! The command lines of both programs.

use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use loadmaster_core::LaunchPlan;
use loadmaster_images::ImageFormat;

use crate::{components::flag, extra, loras, order::Order, settings::Settings};

/// What both programs are given: the model and how it lies in memory.
///
/// Both work in a folder of their own, in which the links to `LoRAs` are: paths within it are the same for both.
pub(crate) fn context(plan: &LaunchPlan, settings: &Settings) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut file = |flag: &str, path: &Path| arguments.extend([OsString::from(flag), path.into()]);
    file(flag(&settings.model_role).unwrap_or("-m"), &plan.model.path);
    for (role, path) in &settings.components.0 {
        if let Some(flag) = flag(role) {
            file(flag, path);
        }
    }
    file("--lora-model-dir", Path::new(loras::FOLDER));
    let savings = &settings.savings;
    for (on, flag) in [
        (savings.flash_attention, "--diffusion-fa"),
        (savings.vae_tiling, "--vae-tiling"),
        (savings.vae_conv_direct, "--vae-conv-direct"),
        (savings.offload_to_cpu, "--offload-to-cpu"),
        (savings.clip_on_cpu, "--clip-on-cpu"),
        (savings.vae_on_cpu, "--vae-on-cpu"),
    ] {
        arguments.extend(on.then(|| flag.into()));
    }
    let mut pair = |flag: &str, value: String| arguments.extend([OsString::from(flag), value.into()]);
    pair("--threads", settings.threads.to_string());
    if let Some(kind) = &settings.weight_type {
        pair("--type", kind.clone());
    }
    // Applied for good, a LoRA would be taken out again by subtraction, and what follows it in a resident server
    // would differ in its last bits.
    pair("--lora-apply-mode", "at_runtime".to_owned());
    // Images have our own: those of the programs name files of this machine.
    arguments.push("--disable-image-metadata".into());
    arguments.extend(extra::arguments(&settings.extra).into_iter().map(OsString::from));
    arguments
}

/// The names of pictures that are brought.
pub(crate) const INIT: &str = "init";
pub(crate) const MASK: &str = "mask";

/// The files of one request of `sd-cli`, in a folder of its own.
#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
    format: ImageFormat,
}

impl Files {
    pub(crate) fn new(folder: PathBuf, format: ImageFormat) -> Self {
        Self { folder, format }
    }

    /// Where the image of that index is written.
    pub(crate) fn image(&self, index: u32) -> PathBuf {
        self.folder.join(format!("image_{index}.{}", self.format.name()))
    }

    /// Where a picture that is brought lies: `sd-cli` tells WebP by the name.
    pub(crate) fn brought(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let format = ImageFormat::of(bytes).unwrap_or_default();
        self.folder.join(format!("{name}.{format}"))
    }

    pub(crate) fn preview(&self) -> PathBuf {
        self.folder.join("preview.png")
    }
}

/// What `sd-cli` is given for one request.
pub(crate) fn request(order: &Order, files: &Files, preview: Option<&str>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut pair = |flag: &str, value: OsString| arguments.extend([OsString::from(flag), value]);
    let mut prompt = order.prompt.clone();
    for (index, lora) in order.loras.iter().enumerate() {
        // Writing to a text does not fail.
        let _ = write!(prompt, "<lora:{}:{}>", loras::link_name(index, lora), lora.scale);
    }
    pair("--prompt", prompt.into());
    pair("--negative-prompt", order.negative_prompt.clone().into());
    for (flag, number) in [
        ("--width", u64::from(order.size.width)),
        ("--height", u64::from(order.size.height)),
        ("--steps", u64::from(order.steps)),
        ("--batch-count", u64::from(order.images)),
        ("--seed", order.seed),
    ] {
        pair(flag, number.to_string().into());
    }
    pair("--cfg-scale", order.cfg_scale.to_string().into());
    pair("--guidance", order.guidance.to_string().into());
    if let Some(sampler) = &order.sampler {
        pair("--sampling-method", sampler.into());
    }
    if let Some(scheduler) = &order.scheduler {
        pair("--scheduler", scheduler.into());
    }
    if let Some(skip) = order.clip_skip {
        pair("--clip-skip", skip.to_string().into());
    }
    if let Some(init) = &order.init {
        pair("--init-img", files.brought(INIT, init).into());
        pair("--strength", order.strength.to_string().into());
    }
    if let Some(mask) = &order.mask {
        pair("--mask", files.brought(MASK, mask).into());
    }
    if let Some(method) = preview.filter(|_| order.previews > 0) {
        pair("--preview", method.into());
        pair("--preview-path", files.preview().into());
    }
    // One name for each image, also for a single one.
    pair("--output", files.folder.join(format!("image_%d.{}", order.format.name())).into());
    pair("--output-begin-idx", "0".into());
    arguments
}
