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
pub(crate) fn offered(files: &[PathBuf], flags: &Settings, config: &Config) -> Result<Offered, Failed> {
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
    let sections = config.models.keys();
    offered.extend(sections.filter_map(|name| Some((name.clone(), of_section(name, config)?))));
    if offered.is_empty() {
        for found in library::models_to_serve(config)? {
            let offer = Offer { unasked: true, ..found.offer(flags, config)? };
            offered.insert(offer.request.model.id.clone(), offer);
        }
    }
    Ok(offered)
}

/// The model in `file`, named after it: flags come before what the configuration says of that name.
pub(crate) fn named(file: &Path, flags: &Settings, config: &Config) -> Offer {
    let mut model = Model::from_file(ModelKind::Text, absolute(file));
    let section = config.models.get(&model.id);
    model.kind = section.map_or_else(|| kinds::of(file, &Settings::new()), |section| section.kind(file));
    with_section(model, Settings::new(), flags, config)
}

/// `model`, loaded with `flags` before the configuration's section of its name before `own` settings. The flags are
/// those of language models, and hold for no others.
pub(crate) fn with_section(model: Model, own: Settings, flags: &Settings, config: &Config) -> Offer {
    let section = config.models.get(&model.id).cloned().unwrap_or_default();
    let mut settings = own;
    lay_over(&mut settings, section.settings.clone());
    if model.kind != ModelKind::Image {
        lay_over(&mut settings, flags.clone());
    }
    let rules = section.rules(model.kind);
    Offer { request: LoadRequest { model, settings }, rules, library: None, unasked: false }
}

/// The model that the configuration has under that name, with a file of its own.
pub(crate) fn of_section(name: &str, config: &Config) -> Option<Offer> {
    let section = config.models.get(name)?;
    let file = section.file.as_ref()?;
    let model = Model { id: name.to_owned(), kind: section.kind(file), path: absolute(file) };
    Some(with_section(model, Settings::new(), &Settings::new(), config))
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
    use super::*;

    fn offer(file: &str, pinned: bool) -> Offer {
        let request = LoadRequest::new(Model::from_file(ModelKind::Text, file));
        let rules = ModelRules { pinned, ..ModelRules::default() };
        Offer { request, rules, library: None, unasked: false }
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
