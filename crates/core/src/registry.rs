//! Which backends there are.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::Arc};

use crate::{Backend, BackendError, Model, Programs, Settings};

/// What every backend is given when it is made.
#[derive(Debug, Clone, Default)]
pub struct BackendContext {
    /// A folder of our own for sockets; short, private to the user.
    pub runtime_dir: PathBuf,
    /// A folder for server logs.
    pub log_dir: PathBuf,
    /// A folder for what must survive a crash: the journal of children.
    pub state_dir: PathBuf,
    /// The value of `PATH`, where server programs are looked for.
    pub search_path: Option<OsString>,
    /// The backend's own section of the configuration, by backend id.
    pub options: BTreeMap<String, Settings>,
    /// The programs of backends whose options name none; they come before those on the search path.
    pub programs: Programs,
}

impl BackendContext {
    /// The log of `model`'s server.
    pub fn log_path(&self, model: &Model) -> PathBuf {
        let safe = |c: char| {
            if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }
        };
        let name: String = model.id.chars().map(safe).collect();
        self.log_dir.join(format!("{name}.log"))
    }

    /// The first program called `file_name` on the search path.
    pub fn find_program(&self, file_name: &str) -> Option<PathBuf> {
        let folders = self.search_path.iter().flat_map(std::env::split_paths);
        folders
            // An empty entry means the current folder, where nobody's server is.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(file_name))
            .find(|program| program.is_file())
    }
}

/// Makes a backend. Registered with [`submit_backend!`](crate::submit_backend).
#[derive(Debug)]
pub struct BackendFactory {
    /// The backend's id.
    pub id: &'static str,
    /// What it runs, in a few words.
    pub description: &'static str,
    /// Makes it. Called after `main` began, at most once for each [`Registry`].
    pub make: fn(&BackendContext) -> Result<Arc<dyn Backend>, BackendError>,
}

inventory::collect!(BackendFactory);

/// Registers a backend, at link time.
///
/// A crate that is depended on and never named is dropped by rustc without a word, so the final
/// program must name it too: `use my_backend as _;`.
///
/// ```
/// # use std::sync::Arc;
/// use loadmaster_core::{Backend, BackendContext, BackendError, BackendFactory, submit_backend};
///
/// fn make(context: &BackendContext) -> Result<Arc<dyn Backend>, BackendError> {
///     # let _ = context;
///     Err(BackendError::system("making an example", "there is none"))
/// }
///
/// submit_backend!(BackendFactory { id: "example", description: "an example", make });
/// ```
#[macro_export]
macro_rules! submit_backend {
    ($factory:expr) => {
        $crate::inventory::submit! { $factory }
    };
}

/// Why a registry could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Two backends claim one id.
    #[error("Two backends are called '{0}': remove one of them from the program")]
    Duplicate(String),
    /// A backend refused to be made.
    #[error("The {id} backend cannot be used")]
    Make {
        /// The backend.
        id: &'static str,
        /// Why.
        source: BackendError,
    },
}

/// The backends of one program, ordered by id.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    backends: BTreeMap<&'static str, Arc<dyn Backend>>,
}

impl Registry {
    /// No backends. Tests and programs that know what they want add theirs with [`Registry::with`].
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every backend that is linked into this program.
    ///
    /// # Errors
    /// Two have the same id, or one cannot be made.
    pub fn registered(context: &BackendContext) -> Result<Self, RegistryError> {
        Self::factories().into_iter().try_fold(Self::empty(), |registry, factory| {
            let make = |source| RegistryError::Make { id: factory.id, source };
            registry.with((factory.make)(context).map_err(make)?)
        })
    }

    /// The factories that are linked into this program, ordered by id. Makes nothing.
    pub fn factories() -> Vec<&'static BackendFactory> {
        let mut factories: Vec<_> = inventory::iter::<BackendFactory>.into_iter().collect();
        factories.sort_by_key(|factory| factory.id);
        factories
    }

    /// Adds a backend.
    ///
    /// # Errors
    /// There is one of that id.
    pub fn with(mut self, backend: Arc<dyn Backend>) -> Result<Self, RegistryError> {
        match self.backends.insert(backend.id(), backend) {
            Some(earlier) => Err(RegistryError::Duplicate(earlier.id().to_owned())),
            None => Ok(self),
        }
    }

    /// The backend of that id.
    pub fn get(&self, id: &str) -> Option<&Arc<dyn Backend>> {
        self.backends.get(id)
    }

    /// The first backend, by id, that supports `model`.
    pub fn for_model(&self, model: &Model) -> Option<&Arc<dyn Backend>> {
        self.backends.values().find(|backend| backend.supports(model))
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.backends.keys().copied()
    }
}
