//! Models of other programs, taken in where they are.
//!
//! A scan only reads. What it finds is offered as an [`Import`] that refers to the files: nothing is copied,
//! and the other program's folder stays as it is.

mod huggingface;
mod lmstudio;
mod ollama;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{
    disk,
    error::ModelsError,
    manifest::{ModelName, Role, Source},
    sha256::Sha256,
    store::{How, Import},
};

/// A program that keeps models on this disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Ollama: manifests, and blobs by their hash.
    Ollama,
    /// LM Studio: `publisher/model/file`.
    LmStudio,
    /// The cache of Hugging Face's own clients, which llama.cpp uses too.
    HuggingFace,
}

/// A model that can be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adoptable {
    /// Whose it is.
    pub origin: Origin,
    /// What it would be called.
    pub name: ModelName,
    /// What it is called there.
    pub title: String,
    /// Its file; of a split model, the first.
    pub path: PathBuf,
    /// Other files that it has.
    pub components: Vec<(Role, PathBuf)>,
    /// Bytes of its files.
    pub size: u64,
    /// Hashes that its origin keeps.
    #[serde(skip)]
    pub known: BTreeMap<PathBuf, Sha256>,
    /// Where it came from, as far as its origin tells.
    pub source: Source,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Scan {
    /// Models, by name.
    pub models: Vec<Adoptable>,
    /// What looks like a model and cannot be taken in, and why.
    pub problems: Vec<(PathBuf, String)>,
}

impl Origin {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Ollama, Self::LmStudio, Self::HuggingFace];

    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::LmStudio => "lmstudio",
            Self::HuggingFace => "huggingface",
        }
    }

    /// The folders where it keeps models, of those that exist. `home` is the user's; `environment` gives the
    /// variables that the program itself would heed.
    pub fn folders(self, home: &Path, environment: &dyn Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
        let set = |name: &str| environment(name).filter(|path| !path.as_os_str().is_empty());
        let mut folders = match self {
            Self::Ollama => match set("OLLAMA_MODELS") {
                Some(folder) => vec![folder],
                // The second is that of the service on Linux.
                None => vec![home.join(".ollama/models"), PathBuf::from("/usr/share/ollama/.ollama/models")],
            },
            Self::LmStudio => {
                // Who moved its home finds there where to.
                let pointer =
                    std::fs::read_to_string(home.join(".lmstudio-home-pointer")).unwrap_or_default();
                let moved = Some(pointer.trim()).filter(|path| !path.is_empty());
                let moved = moved.map(|path| home.join(path).join("models"));
                let usual = [home.join(".lmstudio/models"), home.join(".cache/lm-studio/models")];
                let others = usual.into_iter().filter(|folder| Some(folder) != moved.as_ref());
                moved.clone().into_iter().chain(others).collect()
            }
            Self::HuggingFace => {
                let cache = || set("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache"));
                let hub = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE"));
                let hub = hub.or_else(|| set("HF_HOME").map(|home| home.join("hub")));
                vec![hub.unwrap_or_else(|| cache().join("huggingface/hub"))]
            }
        };
        folders.retain(|folder| folder.is_dir());
        folders
    }

    /// Looks for models in `folder`. What cannot be read is a problem of its own, and never ends the scan.
    pub fn scan(self, folder: &Path) -> Result<Scan, ModelsError> {
        let folder =
            std::path::absolute(folder).map_err(|error| ModelsError::disk(folder, "found", error))?;
        let mut scan = match self {
            Self::Ollama => ollama::scan(&folder)?,
            Self::LmStudio => lmstudio::scan(&folder)?,
            Self::HuggingFace => huggingface::scan(&folder)?,
        };
        scan.models.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.path.cmp(&b.path)));
        Ok(scan)
    }
}

impl Adoptable {
    /// The import that takes it in; `how` is mostly [`How::Reference`].
    pub fn import(&self, how: How) -> Import {
        Import {
            how,
            name: Some(self.name.clone()),
            components: self.components.clone(),
            reference: Some(format!("{}:{}", self.origin, self.title)),
            source: self.source.clone(),
            known: self.known.clone(),
            ..Import::of(&self.path)
        }
    }
}

impl Scan {
    fn problem(&mut self, path: &Path, why: impl fmt::Display) {
        self.problems.push((path.to_owned(), why.to_string()));
    }
}

/// A file that may be a model or belong to one.
#[derive(Debug, Clone)]
struct Found {
    path: PathBuf,
    name: String,
    size: u64,
}

/// All files below `folder`, at most `depth` folders down, in order. Links to files are followed, links to
/// folders are not.
fn files_below(folder: &Path, depth: usize) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, path) in disk::entries(folder).unwrap_or_default() {
        let is_link = path.is_symlink();
        match std::fs::metadata(&path) {
            Ok(is) if is.is_file() => found.push(Found { path, name, size: is.len() }),
            Ok(is) if is.is_dir() && depth > 0 && !is_link => found.extend(files_below(&path, depth - 1)),
            _ => {}
        }
    }
    found
}

/// The GGUF models among files of one folder: split ones once, by their first file, and with all their
/// bytes; and the projector that lies beside them.
fn gguf_models(files: &[Found]) -> Vec<(Found, Vec<(Role, PathBuf)>)> {
    let is_projector = |file: &&Found| file.name.to_ascii_lowercase().contains("mmproj");
    let is_gguf = |file: &&Found| ends_with(&file.name, "gguf");
    let mut projectors: Vec<&Found> = files.iter().filter(is_gguf).filter(is_projector).collect();
    projectors.sort_by_key(|file| (!file.name.to_ascii_lowercase().contains("f16"), file.size));
    let components: Vec<_> =
        projectors.first().map(|file| (Role::Mmproj, file.path.clone())).into_iter().collect();
    let models = files.iter().filter(is_gguf).filter(|file| !is_projector(file));
    let whole = |file: &Found| match loadmaster_gguf::shard_names(&file.name) {
        None => Some(file.clone()),
        Some(names) if names.first() == Some(&file.name) => {
            let parts = files.iter().filter(|other| other.path.parent() == file.path.parent());
            let size = parts.filter(|other| names.contains(&other.name)).map(|other| other.size).sum();
            Some(Found { size, ..file.clone() })
        }
        Some(_) => None,
    };
    models.filter_map(whole).map(|file| (file, components.clone())).collect()
}

fn ends_with(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Origin {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        let found = Self::ALL.iter().find(|origin| origin.name().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| ModelsError::UnknownOrigin { origin: text.chars().take(80).collect() })
    }
}
