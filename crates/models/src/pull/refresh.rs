//! Reading a model's facts again.

use serde::{Deserialize, Serialize};

use super::{PlannedFile, Puller, blocking};
use crate::{
    error::ModelsError,
    inspect::inspect,
    job::Job,
    manifest::{Facts, Manifest, Place, RelativePath},
};

/// Where facts are read from; the pairs try the second where the first fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// From the files, or else from where they came from.
    #[default]
    LocalRemote,
    /// From the files.
    LocalOnly,
    /// From where they came from.
    RemoteOnly,
    /// From where they came from, or else from the files.
    RemoteLocal,
}

impl Puller {
    /// Reads what a model's header says again, and keeps it in the manifest.
    pub async fn refresh(&self, name: &str, strategy: Strategy, job: &Job) -> Result<Manifest, ModelsError> {
        let mut manifest = self.library.get(name)?;
        let facts = match strategy {
            Strategy::LocalOnly => self.local(&manifest).await,
            Strategy::RemoteOnly => self.remote(&manifest, job).await,
            Strategy::LocalRemote => match self.local(&manifest).await {
                Ok(facts) => Ok(facts),
                Err(error) => self.remote(&manifest, job).await.map_err(|_| error),
            },
            Strategy::RemoteLocal => match self.remote(&manifest, job).await {
                Ok(facts) => Ok(facts),
                Err(error) => self.local(&manifest).await.map_err(|_| error),
            },
        }?;
        manifest.facts = facts;
        let library = self.library.clone();
        blocking(move || {
            library.update(&manifest)?;
            Ok(manifest)
        })
        .await
    }

    async fn local(&self, manifest: &Manifest) -> Result<Facts, ModelsError> {
        let file = manifest.main_file(self.library.root());
        let name = manifest.name.to_string();
        let file = file.ok_or(ModelsError::NoSource { name })?;
        blocking(move || Ok(inspect(&file)?.facts)).await
    }

    async fn remote(&self, manifest: &Manifest, job: &Job) -> Result<Facts, ModelsError> {
        let mut files = Vec::new();
        for file in &manifest.weights {
            let source = file.source.clone().unwrap_or_default();
            let no_source = || ModelsError::NoSource { name: manifest.name.to_string() };
            let url = source.url.clone().ok_or_else(no_source)?;
            let path = match &file.place {
                Place::Model { path } | Place::Parts { path } => path.clone(),
                Place::Outside { .. } => RelativePath::new("model.gguf")?,
            };
            files.push(PlannedFile { role: None, path, url, size: None, sha256: None, source });
        }
        Ok(self.read_header(&files, None, job).await?.facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_have_the_names_of_the_command() {
        let name = |strategy| serde_json::to_value(strategy).unwrap();
        let all = [Strategy::LocalRemote, Strategy::LocalOnly, Strategy::RemoteOnly, Strategy::RemoteLocal];
        assert_eq!(all.map(name), ["local-remote", "local-only", "remote-only", "remote-local"]);
    }
}
