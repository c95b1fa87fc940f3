//! Models by short name: a small, curated list that users can extend.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    error::ModelsError,
    hub::url::is_repo,
    manifest::{Kind, ModelName, RelativePath, Role},
    nearest::nearest,
};

const EMBEDDED: &str = include_str!("models.toml");

/// A list of models by short name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The models.
    #[serde(default, rename = "model")]
    pub models: Vec<CatalogModel>,
}

/// A model of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogModel {
    /// Its short name, and what it is called in the library.
    pub name: ModelName,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub kind: Kind,
    /// Where its weights are.
    #[serde(flatten)]
    pub place: HubPlace,
    /// Its licence, as its page names it.
    pub licence: Option<String>,
    /// Where the licence can be read.
    pub licence_url: Option<String>,
    /// Number of weights, as in `1B`.
    pub parameters: Option<String>,
    /// Sizes of quantisations in GB, as its page shows them.
    #[serde(default)]
    pub sizes: BTreeMap<String, f64>,
    /// Settings that suit it.
    #[serde(default)]
    pub recommended: BTreeMap<String, serde_json::Value>,
    /// Other files that it needs.
    #[serde(default, rename = "component")]
    pub components: Vec<CatalogComponent>,
}

/// A file that a model needs beside its weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogComponent {
    /// What it is to the model.
    pub role: Role,
    /// Where it is. A file must be named.
    #[serde(flatten)]
    pub place: HubPlace,
}

/// A place on the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubPlace {
    /// `owner/name`.
    pub repo: String,
    /// A branch, tag or commit; `main` if it is left out.
    pub revision: Option<String>,
    /// A file; if it is left out, what fits the machine.
    pub file: Option<RelativePath>,
}

impl Catalog {
    /// The catalog that comes with the program.
    pub fn embedded() -> Result<Self, ModelsError> {
        Self::parse(EMBEDDED)
    }

    /// Reads a catalog, TOML like the one that comes with the program.
    pub fn parse(text: &str) -> Result<Self, ModelsError> {
        let bad = |cause: String| ModelsError::BadCatalog { cause };
        let catalog: Self = toml::from_str(text).map_err(|error| bad(error.message().to_owned()))?;
        for model in &catalog.models {
            let components = model.components.iter().map(|component| &component.place);
            if let Some(place) = components.clone().find(|place| place.file.is_none()) {
                return Err(bad(format!(
                    "'{}' names no file of its component in {}",
                    model.name, place.repo
                )));
            }
            if let Some(place) = components.chain([&model.place]).find(|place| !is_repo(&place.repo)) {
                return Err(bad(format!("'{}' is no repository", place.repo)));
            }
        }
        Ok(catalog)
    }

    /// This catalog with those of `other` added; of two of one name, that of `other` counts.
    #[must_use]
    pub fn extended(mut self, other: Self) -> Self {
        self.models
            .retain(|model| !other.models.iter().any(|new| new.name.is_same_folder(model.name.as_str())));
        self.models.extend(other.models);
        self
    }

    /// The model of this short name, in any case.
    pub fn find(&self, name: &str) -> Result<&CatalogModel, ModelsError> {
        let found = self.models.iter().find(|model| model.name.is_same_folder(name));
        found.ok_or_else(|| ModelsError::NotInCatalog {
            name: name.to_owned(),
            near: nearest(name, self.models.iter().map(|model| model.name.as_str()), 3),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalog_is_right() {
        let catalog = Catalog::embedded().unwrap();
        let mut names: Vec<&str> = catalog.models.iter().map(|model| model.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|two| two[0] != two[1]));
        for kind in [Kind::Llm, Kind::Embedding, Kind::Reranker, Kind::Diffusion] {
            assert!(catalog.models.iter().any(|model| model.kind == kind), "{kind}");
        }
        let klein = catalog.find("FLUX-2-klein").unwrap();
        let roles: Vec<Role> = klein.components.iter().map(|component| component.role).collect();
        assert_eq!((roles.as_slice(), &klein.recommended["steps"]), (&[Role::Llm, Role::Vae][..], &4.into()));
        let error = catalog.find("llama-3.2").expect_err("there is only the 1b");
        assert!(error.remedy().contains("llama-3.2-1b"), "{}", error.remedy());
    }

    #[test]
    fn users_extend_and_replace() {
        let text = "[[model]]\nname = \"sd-1.5\"\ntitle = \"mine\"\nkind = \"diffusion\"\nrepo = \"a/b\"\n";
        let catalog = Catalog::embedded().unwrap();
        let count = catalog.models.len();
        let extended = catalog.extended(Catalog::parse(text).unwrap());
        assert_eq!((extended.models.len(), extended.find("sd-1.5").unwrap().title.as_str()), (count, "mine"));
        let component = format!("{text}[[model.component]]\nrole = \"vae\"\nrepo = \"a/b\"\n");
        for wrong in
            [text.replace("a/b", "b"), text.replace("sd-1.5", "../x"), component, "[[model]]\n".into()]
        {
            assert!(matches!(Catalog::parse(&wrong), Err(ModelsError::BadCatalog { .. })), "{wrong}");
        }
    }
}
