//! What only the program around this API knows.

use std::{collections::BTreeMap, fmt::Debug};

use async_trait::async_trait;
use loadmaster_gateway::{ApiError, Reloaded};
use loadmaster_models::{Budget, Plan};
use serde_json::Value;

use crate::Setting;

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

    /// Reads the configuration and the library again, and offers what there is now.
    ///
    /// # Errors
    /// The configuration is wrong; all stays as it was.
    async fn reload(&self) -> Result<Reloaded, ApiError>;

    /// How it is set up now. Secrets are not among it.
    fn settings(&self) -> Vec<Setting>;

    /// Changes settings that can change while it runs, all or none of them.
    ///
    /// # Errors
    /// A value cannot be; nothing has changed then.
    async fn change(&self, changes: BTreeMap<String, Value>) -> Result<(), ApiError>;
}
