//! The header of a model's file, and what is wrong with one that cannot be read.

use std::path::Path;

use loadmaster_core::BackendError;
use loadmaster_gguf::{GgufError, Header};

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

/// Reads the header of a file; of a split one, with the tensors of all its parts.
pub(crate) fn read(path: &Path, needed: Needed) -> Result<Header, BackendError> {
    let header = Header::open_model(path).map_err(|error| unreadable(path, &error))?;
    if let (Some(length), Needed::All) = (header.file_len(), needed) {
        header.check_complete(length).map_err(|error| unreadable(path, &error))?;
    }
    Ok(header)
}

fn unreadable(path: &Path, error: &GgufError) -> BackendError {
    match error {
        GgufError::NotFound { path } | GgufError::ShardNotFound { path, .. } => {
            BackendError::ModelMissing { path: path.clone() }
        }
        other => BackendError::ModelUnreadable {
            path: path.to_owned(),
            // The message around it names the file.
            cause: other.to_string().replace(&path.display().to_string(), "it"),
            remedy: other.remedy().to_owned(),
        },
    }
}
