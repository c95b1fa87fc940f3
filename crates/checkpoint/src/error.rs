//! Everything that can be wrong with a model's files, each with its remedy.

use std::{
    io,
    path::{Path, PathBuf},
};

use loadmaster_gguf::{GgufError, LooksLike};

use crate::{role::Role, safetensors::SafetensorsError};

/// Why a model's files could not be used. `Display` is the cause on one line, [`CheckpointError::remedy`] what
/// to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error("reading {} failed: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The header of a safetensors file is wrong.
    #[error("{}: {source}", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SafetensorsError,
    },
    /// The header of a GGUF file is wrong.
    #[error("{}: {source}", path.display())]
    Gguf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: GgufError,
    },
    /// The file is a pickle or an archive around one, whose tensors are not listed here: pickles are programs,
    /// and are never run.
    #[error("{} is a PyTorch checkpoint, whose tensors cannot be listed without running it", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// The file is no model.
    #[error("{} is no image model: {looks_like}", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What its first bytes look like.
        looks_like: LooksLike,
    },
    /// The tensors are those of no family that is known.
    #[error("the tensors of {} are those of no known family of image models", path.display())]
    UnknownFamily {
        /// The main file.
        path: PathBuf,
    },
    /// The family has no role for a component that was named.
    #[error("there is no role '{name}' of a component")]
    UnknownRole {
        /// The name as given.
        name: String,
    },
}

impl CheckpointError {
    /// What to do about it, in one sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::Read { .. } => "Check the path and the permissions of the file.".into(),
            Self::Safetensors { source: SafetensorsError::Json { .. }, .. } => {
                "Download the file again: it is damaged, or not safetensors at all.".into()
            }
            Self::Safetensors { .. } => "Download the file again: it is damaged or incomplete.".into(),
            Self::Gguf { source, .. } => source.remedy().into(),
            Self::Pickle { path } => format!(
                "Convert it once: sd-cli -M convert -m {} -o {} --type f16",
                path.display(),
                path.with_extension("gguf").display()
            ),
            Self::NotAModel { .. } => "Name a .safetensors, .gguf or .ckpt file of an image model.".into(),
            Self::UnknownFamily { .. } => {
                "Name the diffusion model, and its encoders and VAE as components by their roles.".into()
            }
            Self::UnknownRole { .. } => {
                let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
                format!("The roles are {}.", names.join(", "))
            }
        }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }
}
