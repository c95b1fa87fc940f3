//! The header of a model's file, and what is wrong with one that cannot be read.

use std::path::{Path, PathBuf};

use loadmaster_core::BackendError;
use loadmaster_gguf::{GgufError, Header, Kind, shard_paths};

/// What of a file must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    /// All of it: it is to be loaded.
    All,
    /// Its header: nothing is loaded on a machine that is only imagined, and the data may be elsewhere.
    Header,
}

impl Needed {
    pub(crate) fn of(hypothetical: bool) -> Self {
        if hypothetical { Self::Header } else { Self::All }
    }
}

/// What a file is loaded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A model, or one that drafts for it.
    Model,
    /// An adapter.
    Adapter,
    /// A projector.
    Projector,
}

impl Role {
    /// Whether a file of this kind can be loaded so. Of a kind that nobody knows the server decides.
    fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Model => !matches!(
                kind,
                Kind::Adapter | Kind::Projector | Kind::Vocabulary | Kind::ImportanceMatrix | Kind::Diffusion
            ),
            Self::Adapter => kind == Kind::Adapter,
            Self::Projector => kind == Kind::Projector,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Model => "language model",
            Self::Adapter => "LoRA adapter",
            Self::Projector => "multimodal projector",
        }
    }
}

/// Reads the header of a file that is loaded as `role`; of a split one, with the tensors of all its parts.
pub(crate) fn read(path: &Path, role: Role, needed: Needed) -> Result<Header, BackendError> {
    let header = Header::open_model(path).map_err(|error| unreadable(path, &error))?;
    let kind = Kind::of(&header);
    if !role.takes(kind) {
        return Err(BackendError::ModelUnreadable {
            path: path.to_owned(),
            cause: format!("a {} is needed here, and this file is of another kind ({kind})", role.name()),
            remedy: format!("Name the file of a {}; `loadmaster inspect` tells what a file is.", role.name()),
        });
    }
    if let (Some(length), Needed::All) = (header.file_len(), needed) {
        header.check_complete(length).map_err(|error| unreadable(path, &error))?;
    }
    Ok(header)
}

/// The file by which llama-server loads the model that `path` is a file of: of a split model it takes the
/// first alone, and people name any.
pub(crate) fn first_file(path: &Path) -> PathBuf {
    let is_shard = || Header::open(path).is_ok_and(|header| header.shard().is_some());
    let first = shard_paths(path).filter(|_| is_shard()).and_then(|paths| paths.into_iter().next());
    first.unwrap_or_else(|| path.to_owned())
}

fn unreadable(path: &Path, error: &GgufError) -> BackendError {
    match error {
        GgufError::NotFound { path } | GgufError::ShardNotFound { path, .. } => {
            BackendError::ModelMissing { path: path.clone() }
        }
        other => BackendError::ModelUnreadable {
            path: path.to_owned(),
            cause: other.cause(),
            remedy: other.remedy().to_owned(),
        },
    }
}
