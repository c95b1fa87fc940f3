//! Models of the library, by the names that people give on the command line.

use std::path::{Path, PathBuf};

use loadmaster_core::{Model, ModelKind, Settings};
use loadmaster_models::{Catalog, Hold, Kind, Library, Manifest, ModelName, ModelsError, Reference, Role};

use serde_json::Value;

use super::{blocking, recommended};
use crate::{
    Failed,
    config::Config,
    kinds::COMPONENTS,
    load_flags::LoadFlags,
    offered::{self, Offer},
};

/// A model of the library.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) manifest: Manifest,
    /// The file that a server is started with.
    pub(crate) path: PathBuf,
    /// The other files that it has.
    components: Vec<(Role, PathBuf)>,
}

impl Found {
    /// The model of `manifest`, in the library at `root`.
    pub(crate) fn of(manifest: Manifest, root: &Path) -> Self {
        let components = manifest.components.iter();
        let components: Vec<_> =
            components.map(|part| (part.role, manifest.path(root, &part.file))).collect();
        // A set of parts may have no file that is more than a part.
        let is_model = |(role, _): &&(Role, PathBuf)| *role == Role::DiffusionModel;
        let diffusion_model = || components.iter().find(is_model).map(|(_, path)| path.clone());
        let path = manifest.main_file(root).or_else(diffusion_model).unwrap_or_default();
        Self { manifest, path, components }
    }

    /// It as a model to load; a failure if it is none that answers.
    pub(crate) fn offer(&self, flags: &LoadFlags, config: &Config) -> Result<Offer, Failed> {
        let (name, kind) = (self.manifest.name.to_string(), self.manifest.kind);
        if kind == Kind::Diffusion {
            return Ok(self.offer_images(flags, config));
        }
        if !matches!(kind, Kind::Llm | Kind::Embedding | Kind::Reranker | Kind::Other) {
            return Err(Failed::usage(format!(
                "The model '{name}' cannot be run by itself: its kind is {kind}"
            ))
            .remedy("`loadmaster list` shows which models chat (llm) and which make images (diffusion)."));
        }
        let mut own = recommended::settings(ModelKind::Text, &self.manifest.recommended);
        own.extend(self.companions());
        let model = Model { id: name.clone(), kind: ModelKind::Text, path: self.path.clone() };
        Ok(Offer { library: Some(name), ..offered::with_section(model, own, flags, config) })
    }

    /// It as a model that makes images.
    fn offer_images(&self, flags: &LoadFlags, config: &Config) -> Offer {
        let name = self.manifest.name.to_string();
        let mut own = recommended::settings(ModelKind::Image, &self.manifest.recommended);
        own.extend(self.image_settings());
        let model = Model { id: name.clone(), kind: ModelKind::Image, path: self.path.clone() };
        Offer { library: Some(name), ..offered::with_section(model, own, flags, config) }
    }
}

impl Found {
    /// The settings that name the parts of an image model, by their roles, and its `LoRAs`.
    fn image_settings(&self) -> Settings {
        use Role::{ClipG, ClipL, DiffusionModel, Llm, T5xxl, Taesd, Vae};
        let given = [DiffusionModel, ClipL, ClipG, T5xxl, Llm, Vae, Taesd];
        let parts = self.components.iter().filter(|(role, _)| given.contains(role));
        let parts = parts.map(|(role, path)| (role.name().to_owned(), path.to_string_lossy().into()));
        let (parts, loras): (Settings, _) = (parts.collect(), self.loras());
        let mut settings = Settings::new();
        if !parts.is_empty() {
            settings.insert(COMPONENTS.to_owned(), parts.into());
        }
        if !loras.is_empty() {
            settings.insert("loras".to_owned(), loras.into());
        }
        settings
    }

    /// The files of `LoRAs` that belong to it: a language model is loaded with them, of an image model requests name
    /// them by their files' names.
    fn loras(&self) -> Vec<Value> {
        let loras = self.components.iter().filter(|(role, _)| *role == Role::Lora);
        loras.map(|(_, path)| path.to_string_lossy().into()).collect()
    }

    /// The files that are loaded with a language model, by the settings that they are for.
    pub(crate) fn companions(&self) -> Settings {
        let mut settings = Settings::new();
        if self.manifest.kind == Kind::Diffusion {
            return settings;
        }
        let of = |role: Role| self.components.iter().filter(move |(is, _)| *is == role);
        let path = |(_, path): &(Role, PathBuf)| Value::from(path.to_string_lossy().into_owned());
        for (role, name) in [(Role::Mmproj, "mmproj"), (Role::Draft, "draft")] {
            if let Some(file) = of(role).next() {
                settings.insert(name.to_owned(), path(file));
            }
        }
        let adapters = self.loras();
        if !adapters.is_empty() {
            settings.insert("lora".to_owned(), adapters.into());
        }
        settings
    }
}

/// The model of the library that `named` means: its name, or what it was pulled by. A file that is there
/// comes before it.
pub(crate) async fn find(named: &Path, config: &Config) -> Result<Option<Found>, Failed> {
    let (named, config) = (named.to_owned(), config.clone());
    blocking(move || find_now(&named, &config)).await
}

/// The same, on a thread that may block.
pub(crate) fn find_now(named: &Path, config: &Config) -> Result<Option<Found>, Failed> {
    match named.to_str().filter(|_| !named.exists()) {
        Some(text) => stored(text, config),
        None => Ok(None),
    }
}

/// The same where names are never those of files.
pub(crate) fn stored(text: &str, config: &Config) -> Result<Option<Found>, Failed> {
    let root = super::root(config);
    if !root.is_dir() {
        return Ok(None);
    }
    let library = Library::open(&root)?;
    match library.get(text) {
        Ok(manifest) => return Ok(Some(Found::of(manifest, &root))),
        Err(ModelsError::NoSuchModel { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let Ok(reference) = Reference::parse(text, &config.network.hub) else { return Ok(None) };
    let wanted = Some(reference.to_string());
    let models = library.list()?.models.into_iter().map(|listed| listed.manifest);
    Ok(models.into_iter().find(|manifest| manifest.reference == wanted).map(|found| Found::of(found, &root)))
}

/// What is wrong with a word that is neither a file nor a model of the library. Words that look like files
/// are left to whoever opens files.
pub(crate) fn known(named: &Path, config: &Config) -> Result<(), Failed> {
    let is_file = |text: &str| {
        let text = text.to_ascii_lowercase();
        [".gguf", ".safetensors", ".ckpt"].iter().any(|extension| text.ends_with(extension))
    };
    let is_word = |text: &&str| ModelName::new(*text).is_ok() && !is_file(text);
    let Some(text) = named.to_str().filter(|_| !named.exists()).filter(is_word) else { return Ok(()) };
    let mut near = Vec::new();
    let root = super::root(config);
    if root.is_dir()
        && let Err(ModelsError::NoSuchModel { near: alike, .. }) = Library::open(root)?.get(text)
    {
        near = alike;
    }
    let cause = format!("There is no file and no model of the library called '{text}'");
    let remedy = match catalog(config)?.find(text) {
        Ok(_) => format!("`loadmaster pull {text}` gets it."),
        Err(ModelsError::NotInCatalog { near: alike, .. }) => {
            near.extend(alike);
            near.dedup();
            if near.is_empty() {
                "See `loadmaster list`, or get it with `loadmaster pull`.".to_owned()
            } else {
                format!("Did you mean {}?", near.join(" or "))
            }
        }
        Err(error) => error.remedy(),
    };
    Err(Failed::not_found(cause).remedy(remedy))
}

/// All models of the library that chat or make images, and are whole.
pub(crate) fn models_to_serve(config: &Config) -> Result<Vec<Found>, Failed> {
    let root = super::root(config);
    if !root.is_dir() {
        return Ok(Vec::new());
    }
    let models = Library::open(&root)?.list()?.models.into_iter();
    let serves = |kind| matches!(kind, Kind::Llm | Kind::Diffusion);
    let whole = models.filter(|model| serves(model.manifest.kind) && model.missing.is_empty());
    Ok(whole.map(|model| Found::of(model.manifest, &root)).collect())
}

/// What can be pulled by this name, which is neither a file nor a model of the library. Words that look like
/// paths are paths, and short names are those of the catalog.
pub(crate) fn pullable(named: &Path, config: &Config) -> Result<Option<Reference>, Failed> {
    let Some(text) = named.to_str().filter(|_| !named.exists()) else { return Ok(None) };
    let is_address = text.contains("://");
    let is_file = text.to_ascii_lowercase().ends_with(".gguf") && !text.contains(':');
    if !is_address && (is_file || text.starts_with(['/', '.', '~']) || text.contains('\\')) {
        return Ok(None);
    }
    Ok(match Reference::parse(text, &config.network.hub) {
        Ok(Reference::Catalog { name, quantisation }) => {
            let known = catalog(config)?.find(&name).is_ok();
            known.then_some(Reference::Catalog { name, quantisation })
        }
        Ok(reference) => Some(reference),
        Err(_) => None,
    })
}

/// Short names: those that come with the program, and before them those of `models.toml` beside the
/// configuration.
pub(crate) fn catalog(config: &Config) -> Result<Catalog, Failed> {
    let catalog = Catalog::embedded()?;
    let path = config.folders.config.join("models.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(catalog.extended(Catalog::parse(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(catalog),
        Err(error) => Err(Failed::because(format!("The catalog {} cannot be read: {error}", path.display()))
            .remedy("Correct the file, or remove it.")),
    }
}

/// Keeps those of `offers` that are of the library from being removed, for as long as the holds live.
pub(crate) async fn hold(
    offers: impl IntoIterator<Item = &Offer>,
    config: &Config,
) -> Result<Vec<Hold>, Failed> {
    let names: Vec<String> = offers.into_iter().filter_map(|offer| offer.library.clone()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let root = super::root(config);
    blocking(move || {
        let library = Library::open(root)?;
        names.iter().map(|name| library.hold(name)).collect::<Result<Vec<Hold>, ModelsError>>()
    })
    .await
}

#[cfg(test)]
mod tests {
    use loadmaster_models::{Component, Facts, Place, RelativePath, StoredFile};
    use serde_json::json;

    use super::*;

    /// A model of that kind, with parts of `roles` in files of their numbers' names.
    fn found(kind: Kind, roles: &[Role]) -> Found {
        let file = |name: &str| StoredFile {
            place: Place::Parts { path: RelativePath::new(name).unwrap() },
            size: 1,
            sha256: None,
            source: None,
        };
        let parts = roles.iter().copied().enumerate();
        let manifest = Manifest {
            schema: loadmaster_models::SCHEMA,
            name: ModelName::new("m").unwrap(),
            kind,
            added: 0,
            reference: None,
            weights: vec![file("w")],
            components: parts.map(|(at, role)| Component { role, file: file(&at.to_string()) }).collect(),
            facts: Facts::default(),
            recommended: std::collections::BTreeMap::new(),
        };
        Found::of(manifest, Path::new("root"))
    }

    fn at(name: &str) -> String {
        Path::new("root").join("parts").join(name).to_string_lossy().into_owned()
    }

    #[test]
    fn files_that_belong_to_a_model_are_loaded_with_it() {
        let roles = [Role::Mmproj, Role::Lora, Role::Draft, Role::Lora, Role::Vae];
        let expected = json!({ "mmproj": at("0"), "draft": at("2"), "lora": [at("1"), at("3")] });
        assert_eq!(Value::Object(found(Kind::Llm, &roles).companions()), expected);
    }

    #[test]
    fn parts_and_loras_of_an_image_model_are_handed_on() {
        let found = found(Kind::Diffusion, &[Role::Vae, Role::Lora, Role::Lora]);
        let expected = json!({ "components": { "vae": at("0") }, "loras": [at("1"), at("2")] });
        assert_eq!(Value::Object(found.image_settings()), expected);
    }
}
