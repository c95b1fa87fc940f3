//! Where the programs of backends are.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

/// Programs by backend and by the option that names each: `("llama", "server")`.
pub type FoundPrograms = BTreeMap<(String, String), PathBuf>;

/// Where the programs of backends are. Builds come and go while a program runs: clones are the same, and backends look
/// here for each plan. What their own options name comes before it.
#[derive(Debug, Clone, Default)]
pub struct Programs(Arc<RwLock<FoundPrograms>>);

impl Programs {
    /// These.
    pub fn new(found: FoundPrograms) -> Self {
        Self(Arc::new(RwLock::new(found)))
    }

    /// From now on these, and no others.
    pub fn replace(&self, found: FoundPrograms) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// The program of `backend` that its option `option` would name.
    pub fn get(&self, backend: &str, option: &str) -> Option<PathBuf> {
        let found = self.0.read().unwrap_or_else(PoisonError::into_inner);
        found.get(&(backend.to_owned(), option.to_owned())).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_clone_sees_what_was_found_since() {
        let programs = Programs::default();
        let seen = programs.clone();
        assert_eq!(seen.get("llama", "server"), None);
        programs.replace([(("llama".to_owned(), "server".to_owned()), PathBuf::from("s"))].into());
        assert_eq!((seen.get("llama", "server"), seen.get("sd", "server")), (Some("s".into()), None));
    }
}
