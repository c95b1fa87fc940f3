//! `[models.NAME]`: a model, or what is kept to for one that the command line names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use loadmaster_core::{ModelKind, Settings};
use loadmaster_orchestrator::{ModelRules, Restore};
use serde::Deserialize;

use crate::kinds::{self, COMPONENTS};

/// Seconds without a request after which an image model makes room for what had to go for it. A client that asks for
/// one image after another finds it still there, and who chats hardly notices.
const IMAGES_YIELD: u64 = 1;

/// Seconds that an image may take to be finished when its model's place is needed. On a CPU images take minutes, and
/// one that is cut off is begun anew; nobody waits for longer than this by default in any case.
const IMAGES_DRAIN: u64 = 600;

/// `[models.NAME]` of `config.toml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Section {
    /// Its file: of a path that is not absolute, from the folder of the configuration file on.
    pub(crate) file: Option<PathBuf>,
    /// What it is for; without, its file tells.
    kind: Option<ModelKind>,
    /// How it is loaded, by the names that backends know.
    pub(crate) settings: Settings,
    preload: bool,
    pinned: bool,
    idle_seconds: Option<u64>,
    restore: Restore,
    yields_seconds: Option<u64>,
    drain_seconds: Option<u64>,
}

impl Section {
    /// What its model is for, which is in `file`.
    pub(crate) fn kind(&self, file: &Path) -> ModelKind {
        self.kind.unwrap_or_else(|| kinds::of(file, &self.settings))
    }

    /// What is kept to for a model of that kind: one that makes images gives the place back that it took from
    /// others, and finishes what it has begun.
    pub(crate) fn rules(&self, kind: ModelKind) -> ModelRules {
        let images = |seconds| (kind == ModelKind::Image).then_some(seconds);
        ModelRules {
            preload: self.preload,
            pinned: self.pinned,
            idle_seconds: self.idle_seconds,
            restore: self.restore,
            yields_seconds: self.yields_seconds.or(images(IMAGES_YIELD)),
            drain_seconds: self.drain_seconds.or(images(IMAGES_DRAIN)),
        }
    }

    /// Reads paths that are not absolute from `folder` on.
    pub(super) fn seen_from(&mut self, folder: &Path) {
        self.file = self.file.take().map(|file| folder.join(file));
        let parts = self.settings.get_mut(COMPONENTS).and_then(|parts| parts.as_object_mut());
        for part in parts.into_iter().flat_map(|parts| parts.values_mut()) {
            if let Some(path) = part.as_str().map(|path| folder.join(path)) {
                *part = path.to_string_lossy().into();
            }
        }
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
