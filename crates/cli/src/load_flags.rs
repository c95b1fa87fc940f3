//! What the command line says of how models are loaded: which kind of models a flag is for, and which setting it is.
//!
//! A flag that means both kinds goes to both, in the words of each. One that only one kind understands is laid over
//! models of that kind, and refused where a command names models of the other kind alone.

use loadmaster_core::{ModelKind, Settings};
use serde_json::{Map, Value};

use crate::{
    Failed,
    kinds::COMPONENTS,
    library::recommended::{EXTRA, lay_over},
};

/// The flags that were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LoadFlags {
    given: Vec<Given>,
}

/// One flag, and the setting that it is for models of either kind. Null takes a setting away, so that what is automatic
/// holds again.
#[derive(Debug, Clone, PartialEq)]
struct Given {
    flag: &'static str,
    language: Option<Setting>,
    image: Option<Setting>,
}

type Setting = (&'static str, Value);

impl Given {
    fn setting(&self, kind: ModelKind) -> Option<&Setting> {
        if kind == ModelKind::Image { self.image.as_ref() } else { self.language.as_ref() }
    }
}

impl LoadFlags {
    /// `flag` is this setting for language models, if it was given.
    pub(crate) fn language(&mut self, flag: &'static str, setting: &'static str, value: Option<Value>) {
        let given = |value| Given { flag, language: Some((setting, value)), image: None };
        self.given.extend(value.map(given));
    }

    /// `flag` is this setting for image models, if it was given.
    pub(crate) fn image(&mut self, flag: &'static str, setting: &'static str, value: Option<Value>) {
        let given = |value| Given { flag, language: None, image: Some((setting, value)) };
        self.given.extend(value.map(given));
    }

    /// `flag` is the same setting for both, if it was given: one value in the words of either kind.
    pub(crate) fn both(
        &mut self,
        flag: &'static str,
        setting: &'static str,
        value: Option<(impl Into<Value>, impl Into<Value>)>,
    ) {
        if let Some((language, image)) = value {
            let setting = |value| Some((setting, value));
            let given = Given { flag, language: setting(language.into()), image: setting(image.into()) };
            self.given.push(given);
        }
    }

    /// Whether none was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Lays what they say of models of `kind` over `settings`: files of an image model by their roles, and flags of a
    /// server each by itself.
    pub(crate) fn lay_over(&self, settings: &mut Settings, kind: ModelKind) {
        for (name, value) in self.given.iter().filter_map(|given| given.setting(kind)) {
            lay_one_over(settings, name, value);
        }
    }

    /// The settings to send to a program that lays them over its own, of which `now` are those of the model that it
    /// has: such a program knows nothing of parts of a setting, so these are sent whole.
    pub(crate) fn settings(&self, kind: ModelKind, now: &Settings) -> Settings {
        let mut settings = Settings::new();
        for (name, value) in self.given.iter().filter_map(|given| given.setting(kind)) {
            if value.is_null() {
                settings.insert((*name).to_owned(), Value::Null);
                continue;
            }
            if has_parts(name)
                && let Some(whole) = now.get(*name)
            {
                settings.insert((*name).to_owned(), whole.clone());
            }
            lay_one_over(&mut settings, name, value);
        }
        settings
    }

    /// Whether one of them, for models of `kind`, is a part of a setting.
    pub(crate) fn have_parts(&self, kind: ModelKind) -> bool {
        self.given.iter().filter_map(|given| given.setting(kind)).any(|(name, _)| has_parts(name))
    }

    /// Those that are for none of these kinds of models.
    pub(crate) fn of_no_use(&self, kinds: &[ModelKind]) -> Vec<&'static str> {
        let is_used = |given: &&Given| kinds.iter().any(|kind| given.setting(*kind).is_some());
        self.given.iter().filter(|given| !is_used(given)).map(|given| given.flag).collect()
    }

    /// Refuses those that none of these models, of which a command names one at least, has a use for.
    pub(crate) fn check<'a>(
        &self,
        models: impl IntoIterator<Item = (&'a str, ModelKind)>,
    ) -> Result<(), Failed> {
        let (names, kinds): (Vec<_>, Vec<_>) =
            models.into_iter().map(|(name, kind)| (format!("'{name}'"), kind)).unzip();
        let strangers = self.of_no_use(&kinds);
        // Of two kinds, no flag would be of no use.
        let Some(kind) = kinds.first().filter(|_| !strangers.is_empty()) else { return Ok(()) };
        let (whose, do_what) = match (*kind == ModelKind::Image, names.len()) {
            (true, 1) => ("language models", "makes images"),
            (true, _) => ("language models", "make images"),
            (false, 1) => ("image models", "makes none"),
            (false, _) => ("image models", "make none"),
        };
        let (is, them) = if strangers.len() == 1 { ("is", "it") } else { ("are", "them") };
        let models = if names.len() == 1 { "the model" } else { "the models" };
        let cause =
            format!("{} {is} for {whose}, and {models} {} {do_what}", listed(&strangers), listed(&names));
        let mut remedy = format!("Leave {them} out.");
        for instead in instead_of(&strangers) {
            remedy.push(' ');
            remedy.push_str(instead);
        }
        Err(Failed::usage(cause).remedy(remedy))
    }
}

fn lay_one_over(settings: &mut Settings, name: &str, value: &Value) {
    match value {
        Value::Null => {
            settings.remove(name);
        }
        Value::Object(files) if name == COMPONENTS => {
            let known = settings.entry(COMPONENTS).or_insert_with(|| Map::new().into());
            if let Value::Object(known) = known {
                known.extend(files.clone());
                known.retain(|_, file| !file.is_null());
            }
        }
        value => lay_over(settings, Settings::from_iter([(name.to_owned(), value.clone())])),
    }
}

/// Whether a flag is a part of that setting, and leaves its other parts as they are.
fn has_parts(setting: &str) -> bool {
    [COMPONENTS, EXTRA].contains(&setting)
}

/// What does for models of one kind what flags do for those of the other.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["--ctx", "--batch", "--ubatch", "--prompt-cache"],
        "An image takes memory by its size: --pixels reserves it.",
    ),
    (
        &["--gpu-layers", "--cpu-moe", "--override-tensor", "--no-kv-offload", "--no-op-offload"],
        "--offload-to-cpu, --clip-on-cpu and --vae-on-cpu say what of an image model stays on the host.",
    ),
    (&["--device", "--tensor-split"], "stable-diffusion.cpp computes on the first GPU that its build finds."),
    (&["--cache-type-k", "--cache-type-v"], "--weight-type makes the weights of an image model smaller."),
    (&["--lora"], "--lora-file and --lora-dir are the LoRAs that requests for images can name."),
    (&["--extra"], "--sd-extra hands a flag to stable-diffusion.cpp."),
    (&["--mmproj", "--draft"], "--component names the files of an image model."),
    (&["--pixels"], "A language model takes memory by its context: --ctx."),
    (
        &["--offload-to-cpu", "--clip-on-cpu", "--vae-on-cpu"],
        "--gpu-layers says how much of a language model stays on the host.",
    ),
    (
        &["--weight-type"],
        "Language models are stored in many sizes: `loadmaster pull` takes the one you name.",
    ),
    (
        &["--lora-file", "--lora-dir", "--lora-bytes"],
        "--lora is an adapter that a language model is loaded with.",
    ),
    (&["--sd-extra"], "--extra hands a flag to llama-server."),
    (&["--component"], "--mmproj and --draft are files beside a language model's own."),
    (&["--steps", "--cfg-scale", "--sampler"], "--extra says how tokens are drawn: --extra temp=0.7."),
];

/// Each once, in the order of the table.
fn instead_of(flags: &[&str]) -> impl Iterator<Item = &'static str> {
    INSTEAD.iter().filter(|(of, _)| flags.iter().any(|flag| of.contains(flag))).map(|(_, instead)| *instead)
}

/// `a, b and c`.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
