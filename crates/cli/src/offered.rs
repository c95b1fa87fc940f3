//! The models that are offered: those of the command line, and those of the configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use loadmaster_core::{LoadRequest, Model, ModelKind, Settings};
use loadmaster_orchestrator::{ModelRules, OrchestratorError};

use crate::{
    Failed,
    config::Config,
    kinds,
    library::{self, recommended::lay_over},
    load_flags::LoadFlags,
};

/// One model, and how it is loaded and treated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Offer {
    pub(crate) request: LoadRequest,
    pub(crate) rules: ModelRules,
    /// What the model is called in the library, if it is from there.
    pub(crate) library: Option<String>,
    /// Whether nobody named it: it is offered because the library has it, and left out where it cannot be.
    pub(crate) unasked: bool,
}

/// The models by their names.
pub(crate) type Offered = BTreeMap<String, Offer>;

/// What `files`, loaded with `flags`, and the configuration's own models come to. If neither names one, the
/// models of the library that chat or make images. Reads manifests, and headers of GGUF files.
pub(crate) fn offered(files: &[PathBuf], flags: &LoadFlags, config: &Config) -> Result<Offered, Failed> {
    let mut offered = Offered::new();
    for file in files {
        let offer = if let Some(found) = library::find_now(file, config)? {
            found.offer(flags, config)?
        } else {
            library::known(file, config)?;
            named(file, flags, config)
        };
        let name = offer.request.model.id.clone();
        if config.models.get(&name).is_some_and(|section| section.file.is_some()) {
            let cause =
                format!("The model '{name}' is named twice: by --model, and by [models.{name:?}] file");
            return Err(
                Failed::usage(cause).remedy("Leave one of them out, or give the section another name.")
            );
        }
        if offered.insert(name.clone(), offer).is_some() {
            return Err(OrchestratorError::DuplicateModel(name).into());
        }
    }
    heeded(flags, &offered, config)?;
    let (sections, none) = (config.models.keys(), LoadFlags::default());
    offered.extend(sections.filter_map(|name| Some((name.clone(), of_section(name, &none, config)?))));
    if offered.is_empty() {
        for found in library::models_to_serve(config)? {
            let offer = Offer { unasked: true, ..found.offer(flags, config)? };
            offered.insert(offer.request.model.id.clone(), offer);
        }
    }
    Ok(offered)
}

/// Refuses flags that none of the models of the command line has a use for. Of a file that is not there nobody knows what
/// it is for: whoever opens it says so.
fn heeded(flags: &LoadFlags, offered: &Offered, config: &Config) -> Result<(), Failed> {
    let there = offered.iter().filter(|(_, offer)| offer.request.model.path.exists());
    let refused = flags.check(there.map(|(name, offer)| (name.as_str(), offer.request.model.kind)));
    refused.map_err(|failed| {
        let remedy = failed.told().1.to_owned();
        if config.models.values().any(|section| section.file.is_some()) {
            return failed.remedy(format!(
                "{remedy} What holds for a model of the configuration is in its [models.NAME] settings."
            ));
        }
        failed
    })
}

/// The model in `file`, named after it: flags come before what the configuration says of that name.
pub(crate) fn named(file: &Path, flags: &LoadFlags, config: &Config) -> Offer {
    let mut model = Model::from_file(ModelKind::Text, absolute(file));
    let section = config.models.get(&model.id);
    model.kind = section.map_or_else(|| kinds::of(file, &Settings::new()), |section| section.kind(file));
    with_section(model, Settings::new(), flags, config)
}

/// `model`, loaded with `flags` before the configuration's section of its name before `own` settings. Of the flags those
/// hold that are for its kind of models.
pub(crate) fn with_section(model: Model, own: Settings, flags: &LoadFlags, config: &Config) -> Offer {
    let section = config.models.get(&model.id).cloned().unwrap_or_default();
    let mut settings = own;
    lay_over(&mut settings, section.settings.clone());
    flags.lay_over(&mut settings, model.kind);
    let rules = section.rules(model.kind);
    Offer { request: LoadRequest { model, settings }, rules, library: None, unasked: false }
}

/// The model that the configuration has under that name, with a file of its own.
pub(crate) fn of_section(name: &str, flags: &LoadFlags, config: &Config) -> Option<Offer> {
    let section = config.models.get(name)?;
    let file = section.file.as_ref()?;
    let model = Model { id: name.to_owned(), kind: section.kind(file), path: absolute(file) };
    Some(with_section(model, Settings::new(), flags, config))
}

/// Those of `flags` that hold for none of the models of `offered`, where no `files` were named: then they are for the
/// models that nobody named. Those of the configuration have settings of their own.
pub(crate) fn unheard(flags: &LoadFlags, files: &[PathBuf], offered: &Offered) -> Vec<&'static str> {
    if !files.is_empty() {
        return Vec::new();
    }
    let unasked = offered.values().filter(|offer| offer.unasked);
    flags.of_no_use(&unasked.map(|offer| offer.request.model.kind).collect::<Vec<_>>())
}

/// Servers are started in other folders than this one.
pub(crate) fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

/// How one set of models differs from the one before, by their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) added: BTreeSet<String>,
    pub(crate) removed: BTreeSet<String>,
    pub(crate) changed: BTreeSet<String>,
    pub(crate) kept: BTreeSet<String>,
}

impl Difference {
    pub(crate) fn between(before: &Offered, after: &Offered) -> Self {
        let mut difference = Self::default();
        for (name, offer) in after {
            let names = match before.get(name) {
                None => &mut difference.added,
                Some(earlier) if earlier == offer => &mut difference.kept,
                Some(_) => &mut difference.changed,
            };
            names.insert(name.clone());
        }
        difference.removed = before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
        difference
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;
    use crate::args::{Args, Command};

    fn offer(file: &str, pinned: bool) -> Offer {
        let request = LoadRequest::new(Model::from_file(ModelKind::Text, file));
        let rules = ModelRules { pinned, ..ModelRules::default() };
        Offer { request, rules, library: None, unasked: false }
    }

    /// The configuration that is `toml`, and the flags of a `serve` with them.
    fn with(toml: &str, flags: &[&str]) -> (Config, LoadFlags) {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), toml).unwrap();
        let home = home.path().to_str().unwrap();
        let args = Args::parse_from(["loadmaster", "serve", "--home", home].iter().chain(flags));
        let config = Config::load(&args.global, &args.command).unwrap();
        let Command::Serve(serve) = args.command else { panic!("serve") };
        (config, serve.load.flags())
    }

    #[test]
    fn flags_come_before_the_section_and_the_section_before_what_is_recommended() {
        let toml = "[models.flux]\nsettings = { mode = 'one-shot', steps = 5, flash_attention = true }\n";
        let given = ["--steps", "3", "--flash-attn", "auto", "--ctx", "512"];
        let (config, flags) = with(toml, &given);
        let Value::Object(own) = json!({ "mode": "resident", "steps": 9, "pixels": 1 }) else { panic!() };
        let settings = |kind| {
            let model = Model::from_file(kind, "flux.gguf");
            Value::from(with_section(model, own.clone(), &flags, &config).request.settings)
        };
        assert_eq!(settings(ModelKind::Image), json!({ "mode": "one-shot", "steps": 3, "pixels": 1 }));
        assert_eq!(
            settings(ModelKind::Text),
            json!({ "mode": "one-shot", "steps": 5, "pixels": 1, "flash_attention": "auto", "context_length": 512 })
        );
    }

    #[test]
    fn flags_that_nobody_heeds_are_known() {
        let (config, flags) = with("[models.a]\nfile = 'a.gguf'\n", &["--steps", "3", "--threads", "1"]);
        let mut offered =
            Offered::from([("a".to_owned(), of_section("a", &LoadFlags::default(), &config).unwrap())]);
        assert_eq!(unheard(&flags, &[], &offered), ["--threads", "--steps"]);
        assert_eq!(unheard(&flags, &["b.gguf".into()], &offered), [""; 0]);
        offered.insert("c".to_owned(), Offer { unasked: true, ..offer("c.gguf", false) });
        assert_eq!(unheard(&flags, &[], &offered), ["--steps"]);
        // A file that is there, and the sections that have settings of their own.
        let named = Offered::from([("d".to_owned(), offer(file!(), false))]);
        assert!(heeded(&flags, &named, &config).is_ok(), "relative to another folder");
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let named = Offered::from([("d".to_owned(), offer(here, false))]);
        let refused = heeded(&flags, &named, &config).unwrap_err();
        assert!(refused.told().1.ends_with("is in its [models.NAME] settings."), "{refused:?}");
    }

    #[test]
    fn every_model_is_in_one_set() {
        let set = |offers: &[(&str, Offer)]| -> Offered {
            offers.iter().map(|(name, offer)| ((*name).to_owned(), offer.clone())).collect()
        };
        let before = set(&[("a", offer("a", false)), ("b", offer("b", false)), ("c", offer("c", false))]);
        let after = set(&[("a", offer("a", false)), ("b", offer("b", true)), ("d", offer("d", false))]);
        let names = |name: &str| BTreeSet::from([name.to_owned()]);
        let expected =
            Difference { added: names("d"), removed: names("c"), changed: names("b"), kept: names("a") };
        assert_eq!(Difference::between(&before, &after), expected);
    }
}
