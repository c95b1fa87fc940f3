//! What only the program around this API knows.

use std::{collections::BTreeMap, fmt::Debug, path::PathBuf};

use async_trait::async_trait;
use loadmaster_core::{LoadRequest, Model};
use loadmaster_gateway::{ApiError, Reloaded};
use loadmaster_models::{Budget, Catalog, Manifest, Plan};
use serde_json::Value;

use crate::Setting;

/// A model that is not offered, or not yet.
#[derive(Debug, Clone)]
pub enum Unloaded {
    /// One of the library, by its name there or by what it was pulled by.
    Stored(String),
    /// A file of this machine.
    File(PathBuf),
    /// One whose headers are here and nothing else, with what is recommended for it.
    Fetched {
        /// The model; its path is that of the headers.
        model: Model,
        /// Settings that its catalog recommends.
        recommended: BTreeMap<String, Value>,
    },
}

/// The program that serves this API: it has the configuration, and opens what the configuration speaks of.
#[async_trait]
pub trait Program: Debug + Send + Sync {
    /// Opens the library of builds.
    ///
    /// # Errors
    /// The folder, or the user's catalog, cannot be used.
    async fn builds(&self) -> Result<loadmaster_binaries::Library, ApiError>;

    /// Makes the one who pulls models, with the user's token and certificates.
    ///
    /// # Errors
    /// The certificates cannot be used.
    async fn puller(&self) -> Result<loadmaster_models::Puller, ApiError>;

    /// What this machine has for one model when nothing else runs on it: decides which quantisation is taken.
    ///
    /// # Errors
    /// The machine cannot be read.
    async fn budget(&self) -> Result<Budget, ApiError>;

    /// What is missing, in words, for a model that does not fit this machine even when nothing else runs on it.
    ///
    /// # Errors
    /// What the model takes cannot be told.
    async fn shortage(&self, plan: &Plan, budget: Budget) -> Result<Option<String>, ApiError>;

    /// Models by short name: those that come with the program, and the user's own.
    ///
    /// # Errors
    /// The user's catalog is wrong.
    async fn catalog(&self) -> Result<Catalog, ApiError>;

    /// How a model would be loaded if it were offered: as the configuration says of its name, over what is recommended
    /// for it. `None` where the library has no such model.
    ///
    /// # Errors
    /// It is none that can be loaded by itself.
    async fn request_of(&self, model: Unloaded) -> Result<Option<LoadRequest>, ApiError>;

    /// Reads the configuration and the library again, and offers what there is now.
    ///
    /// # Errors
    /// The configuration is wrong; all stays as it was.
    async fn reload(&self) -> Result<Reloaded, ApiError>;

    /// How a model of the library would be loaded, were it asked for; `None` if it is not loaded by itself.
    ///
    /// # Errors
    /// The configuration cannot be used.
    async fn request(&self, _manifest: &Manifest) -> Result<Option<LoadRequest>, ApiError> {
        Ok(None)
    }

    /// Offers a model of the library no more and lets go of its files, until [`Program::reload`] is called.
    ///
    /// # Errors
    /// It cannot be let go of: somebody named it when the program was begun.
    async fn let_go(&self, _model: &str) -> Result<(), ApiError> {
        Ok(())
    }

    /// How it is set up now. Secrets are not among it.
    fn settings(&self) -> Vec<Setting>;

    /// Changes settings that can change while it runs, all or none of them.
    ///
    /// # Errors
    /// A value cannot be; nothing has changed then.
    async fn change(&self, changes: BTreeMap<String, Value>) -> Result<(), ApiError>;
}
