//! Models that come from a hub.

mod fetch;
mod head;
mod header;
mod on_server;
mod plan;
mod planned;
mod refresh;
mod turn;

use std::{path::PathBuf, sync::Arc};

pub use self::{
    on_server::OnServer,
    planned::{Plan, PlannedFile},
    refresh::Strategy,
};
use crate::{
    catalog::Catalog,
    choice::Budget,
    error::ModelsError,
    hub::Hub,
    job::Job,
    manifest::{Manifest, ModelName},
    reference::Reference,
    store::Library,
};

/// Brings models from a hub into a library. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Puller {
    library: Library,
    hub: Hub,
    catalog: Arc<Catalog>,
    caches: Arc<[PathBuf]>,
    /// How often a broken connection is made again; as often as downloads do it by themselves if `None`.
    retries: Option<u32>,
}

/// What is wanted of a pull, beside the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullOptions {
    /// What to call the model; by default its short name, or as its file.
    pub name: Option<ModelName>,
    /// What this machine has for it: decides which quantisation is taken.
    pub budget: Budget,
    /// Whether the caller's check is left out.
    pub anyway: bool,
}

impl Puller {
    /// Pulls from `hub` into `library`. Short names are those of `catalog`. `caches` are folders of Hugging
    /// Face's own cache (`~/.cache/huggingface/hub`) in which files are looked for before they are fetched.
    pub fn new(library: Library, hub: Hub, catalog: Catalog, caches: Vec<PathBuf>) -> Self {
        Self { library, hub, catalog: Arc::new(catalog), caches: caches.into(), retries: None }
    }

    /// How often a connection that broke is made again while nothing comes, with pauses of 0.5 to 30 seconds;
    /// 8 times, which takes some two minutes, unless this says otherwise.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// Reads a reference as this puller's hub has it. A short name must be one of the catalog.
    ///
    /// # Errors
    /// [`ModelsError::BadReference`], or [`ModelsError::NotInCatalog`] with names that are near.
    pub fn reference(&self, text: &str) -> Result<Reference, ModelsError> {
        let reference = Reference::parse(text, self.hub.endpoint())?;
        if let Reference::Catalog { name, .. } = &reference {
            self.catalog.find(name)?;
        }
        Ok(reference)
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The library.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Pulls a model: finds it, reads its header, asks `check` whether it may run here, downloads what is
    /// missing, and checks it against the hub's hashes. The model is in the library when this returns, and
    /// was not before. What came of a pull that fails or is called off is kept for the next one.
    ///
    /// `check` sees the plan with the model's header ([`Plan::header`]) before the first byte of weights;
    /// what it refuses ([`ModelsError::Refused`]) is not fetched, unless `anyway` is set.
    pub async fn pull(
        &self,
        reference: &Reference,
        options: PullOptions,
        check: impl FnOnce(&Plan) -> Result<(), ModelsError>,
        job: &Job,
    ) -> Result<Manifest, ModelsError> {
        let anyway = options.anyway;
        let plan = self.plan(reference, options, job).await?;
        if !anyway {
            check(&plan)?;
        }
        self.fetch(plan, job).await
    }
}

/// Runs what may block on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ModelsError> + Send + 'static,
) -> Result<T, ModelsError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime ends.
        Err(_) => Err(ModelsError::Cancelled),
    }
}
