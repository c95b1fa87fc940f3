//! Everything that can go wrong with the library, each with its remedy.

use std::{
    io,
    path::{Path, PathBuf},
};

use loadmaster_checkpoint::SafetensorsError;
use loadmaster_fetch::FetchError;
use loadmaster_gguf::GgufError;

use crate::manifest::SCHEMA;

/// Why something could not be done. `Display` is the cause on one line, [`ModelsError::remedy`] what to do
/// about it. Sizes are in bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// The work was called off.
    #[error("it was called off")]
    Cancelled,
    /// The disk or the system did not let us.
    #[error("{} cannot be {action}: {source}", path.display())]
    Disk {
        /// What it was about.
        path: PathBuf,
        /// What should have happened to it, as in `read`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },

    /// The text is no name of a model.
    #[error("'{name}' cannot be the name of a model: {cause}")]
    BadName {
        /// The text.
        name: String,
        /// Why.
        cause: &'static str,
    },
    /// The path leads out of its folder, or cannot be a path on every system.
    #[error("'{path}' is no path below a folder")]
    BadPath {
        /// The path.
        path: String,
    },
    /// The text is no SHA-256.
    #[error("'{text}' is no SHA-256")]
    BadHash {
        /// The text.
        text: String,
    },
    /// There is no such role.
    #[error("'{role}' is no role of a file")]
    UnknownRole {
        /// The text.
        role: String,
    },
    /// There is no such program to take models from.
    #[error("'{origin}' is no program that models can be taken from")]
    UnknownOrigin {
        /// The text.
        origin: String,
    },
    /// The text refers to no model.
    #[error("'{text}' names no model: {cause}")]
    BadReference {
        /// The text.
        text: String,
        /// Why.
        cause: &'static str,
    },

    /// There is no such model in the library.
    #[error("there is no model '{name}' in the library")]
    NoSuchModel {
        /// The name.
        name: String,
        /// Names that are near.
        near: Vec<String>,
    },
    /// There is a model of this name already.
    #[error("there is a model '{name}' already")]
    Exists {
        /// The name.
        name: String,
    },
    /// The model is being used.
    #[error("'{name}' is in use")]
    InUse {
        /// The name.
        name: String,
    },
    /// A manifest cannot be read.
    #[error("the manifest {} is damaged: {cause}", path.display())]
    DamagedManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A newer program wrote the manifest.
    #[error("the manifest {} is of version {schema}, and this program knows {SCHEMA}", path.display())]
    NewerManifest {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        schema: u32,
    },

    /// The file is no model.
    #[error("{} is no model: {cause}", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What it is, in words.
        cause: String,
    },
    /// The header of a GGUF file cannot be read.
    #[error("{what}: {source}")]
    Gguf {
        /// The file or its address.
        what: String,
        /// Why.
        source: GgufError,
    },
    /// The header of a safetensors file cannot be read.
    #[error("{what}: {source}")]
    Safetensors {
        /// The file or its address.
        what: String,
        /// Why.
        source: SafetensorsError,
    },
    /// A file has another length than it should.
    #[error("{what} has {actual} bytes instead of {expected}")]
    WrongSize {
        /// The file.
        what: String,
        /// Its length as it should be.
        expected: u64,
        /// Its length.
        actual: u64,
    },
    /// A file has other bytes than it should.
    #[error("{what} has the SHA-256 {actual} instead of {expected}")]
    WrongHash {
        /// The file.
        what: String,
        /// As it should be.
        expected: String,
        /// As it is.
        actual: String,
    },

    /// A file could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The hub's answer is none.
    #[error("{url} answers with something else than what it should: {cause}")]
    BadAnswer {
        /// The address.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The repository is for those who accepted its terms.
    #[error("{repo} is gated: its owner lets in those who accepted the terms")]
    Gated {
        /// The repository.
        repo: String,
        /// Its page, where the terms are.
        page: String,
        /// Whether a token was sent.
        token_sent: bool,
    },
    /// There is no such repository, or none that may be seen.
    #[error("there is no repository {repo}, or it is private")]
    NoSuchRepo {
        /// The repository.
        repo: String,
        /// Whether a token was sent.
        token_sent: bool,
    },
    /// The repository has no such revision.
    #[error("{repo} has no branch, tag or commit '{revision}'")]
    NoSuchRevision {
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
    },
    /// The repository has no such file.
    #[error("{repo} has no file '{path}'")]
    NoSuchFile {
        /// The repository.
        repo: String,
        /// The file.
        path: String,
        /// Files whose names are near.
        near: Vec<String>,
    },
    /// The repository has no such quantisation.
    #[error("{repo} has no quantisation '{wanted}'")]
    NoSuchQuantisation {
        /// The repository.
        repo: String,
        /// What was wanted.
        wanted: String,
        /// What there is.
        have: Vec<String>,
    },
    /// The repository has nothing that can be run.
    #[error("{repo} has no model in a format that runs here")]
    NoModelInRepo {
        /// The repository.
        repo: String,
        /// Files it has.
        have: Vec<String>,
    },
    /// The model must not be pulled: the caller's check said so.
    #[error("{reason}")]
    Refused {
        /// Why, with the numbers.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// Nothing says where the model came from.
    #[error("'{name}' has no source to ask")]
    NoSource {
        /// The model.
        name: String,
    },
    /// The catalog has no such model.
    #[error("there is no model '{name}' in the catalog")]
    NotInCatalog {
        /// The name.
        name: String,
        /// Names that are near.
        near: Vec<String>,
    },
    /// The catalog cannot be read.
    #[error("the catalog of models is wrong: {cause}")]
    BadCatalog {
        /// What is wrong with it.
        cause: String,
    },
}

impl ModelsError {
    pub(crate) fn disk(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Disk { path: path.to_owned(), action, source }
    }

    /// What the user can do, in whole sentences.
    #[must_use]
    pub fn remedy(&self) -> String {
        let text = match self {
            Self::Cancelled => "Start it again; what was downloaded is kept.",
            Self::Disk { source, .. } => return disk_remedy(source).to_owned(),
            Self::BadName { .. } => "Choose a name of letters, digits, '.', '_' and '-'.",
            Self::BadPath { .. } => "Rename the file, or take it in under another name.",
            Self::BadHash { .. } => "Write it as 64 hexadecimal digits.",
            Self::UnknownRole { .. } => {
                let names: Vec<_> = crate::manifest::Role::ALL.iter().map(|role| role.name()).collect();
                return format!("Choose one of: {}.", names.join(", "));
            }
            Self::UnknownOrigin { .. } => "Choose one of: ollama, lmstudio, huggingface.",
            Self::BadReference { .. } => {
                "Name a model like owner/repo, owner/repo:Q4_K_M, owner/repo:file.gguf, by a short name of the catalog, \
                 or by its address."
            }
            Self::NoSuchModel { near, .. } | Self::NotInCatalog { near, .. } if !near.is_empty() => {
                return format!("Did you mean {}?", near.join(" or "));
            }
            Self::NoSuchModel { .. } => "List the library, or pull the model first.",
            Self::Exists { .. } => "Choose another name, or remove that model first.",
            Self::InUse { .. } => "Stop the model first.",
            Self::DamagedManifest { .. } => {
                "Remove the model and pull or import it again; its files are untouched until then."
            }
            Self::NewerManifest { .. } => "Update this program, or remove the model and pull it again.",
            Self::NotAModel { .. } => "Name a .gguf, .safetensors or .ckpt file.",
            Self::Gguf { source, .. } => source.remedy(),
            Self::Safetensors { .. } => "Download the file again: it is damaged, or not safetensors at all.",
            Self::WrongSize { .. } | Self::WrongHash { .. } => {
                "The file is damaged or was replaced: remove the model and get it again."
            }
            Self::Fetch(error) => return error.remedy(),
            Self::BadAnswer { .. } => "Check HF_ENDPOINT, and whether a proxy answers in place of the hub.",
            Self::Gated { page, token_sent, .. } => return gated(page, *token_sent),
            Self::NoSuchRepo { token_sent: true, .. } => {
                "Check the name, and whether the token belongs to somebody who may see it."
            }
            Self::NoSuchRepo { .. } => {
                "Check the name. If the repository is private, make a token at \
                 https://huggingface.co/settings/tokens and set HF_TOKEN to it."
            }
            Self::NoSuchRevision { .. } => "Leave the revision out to take the newest.",
            Self::NoSuchFile { near, .. } if !near.is_empty() => {
                return format!("There is {}.", near.join(", "));
            }
            Self::NoSuchFile { .. } => "Look at the repository's page for its files.",
            Self::NoSuchQuantisation { have, .. } => return format!("There is {}.", have.join(", ")),
            Self::NoModelInRepo { .. } => {
                "Look for a repository of the same model with GGUF files; their names mostly end in -GGUF."
            }
            Self::Refused { remedy, .. } => remedy,
            Self::NoSource { .. } => "Read the facts from its own files, or pull the model again.",
            Self::NotInCatalog { .. } => "Name a repository of the hub, as owner/repo.",
            Self::BadCatalog { .. } => "Correct the file that extends the catalog.",
        };
        text.to_owned()
    }
}

fn gated(page: &str, token_sent: bool) -> String {
    let token = if token_sent {
        "The token that was sent belongs to an account that was not let in yet."
    } else {
        "Then make a token at https://huggingface.co/settings/tokens and set HF_TOKEN to it."
    };
    format!("Open {page} in a browser, sign in and accept the terms. {token}")
}

fn disk_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "Check the path.",
        io::ErrorKind::PermissionDenied => {
            "Check who owns the file and its folder, and whether it may be changed."
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "Make room on the disk: remove models, or run gc."
        }
        io::ErrorKind::CrossesDevices => "The file is on another disk: copy it, or take it in by reference.",
        _ => "Check the disk and the permissions of the folder.",
    }
}
