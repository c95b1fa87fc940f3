//! `[models.NAME]`: a model, or what is kept to for one that the command line names.

use std::{collections::BTreeMap, path::PathBuf};

use loadmaster_core::Settings;
use loadmaster_orchestrator::{ModelRules, Restore};
use serde::Deserialize;

/// `[models.NAME]` of `config.toml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Section {
    /// Its file: of a path that is not absolute, from the folder of the configuration file on.
    pub(crate) file: Option<PathBuf>,
    /// How it is loaded, by the names that backends know.
    pub(crate) settings: Settings,
    preload: bool,
    pinned: bool,
    idle_seconds: Option<u64>,
    restore: Restore,
}

impl Section {
    /// What is kept to for the model.
    pub(crate) fn rules(&self) -> ModelRules {
        let Self { file: _, settings: _, preload, pinned, idle_seconds, restore } = *self;
        ModelRules { preload, pinned, idle_seconds, restore }
    }
}

/// The first name that no server could be given: names are handed on in lists with commas, and those that
/// begin with `~` are taken by Loadmaster itself.
pub(super) fn impossible_name(models: &BTreeMap<String, Section>) -> Option<&str> {
    let impossible = |name: &&String| {
        name.trim().is_empty() || name.starts_with('~') || name.chars().any(|c| c == ',' || c.is_control())
    };
    models.keys().find(impossible).map(String::as_str)
}
