//! What is loaded with a model: adapters, a projector, a draft model. Read from their headers.

use std::path::Path;

use loadmaster_core::BackendError;
use loadmaster_gguf::{
    GgufError, Header,
    memory::{Adapter, MemoryModel, Projector},
};

use crate::ways::Ways;

/// The figures of these files that their memory depends on.
#[derive(Debug, Clone, Default)]
pub struct Companions {
    pub(crate) adapters: Vec<Adapter>,
    pub(crate) projector: Option<Projector>,
    pub(crate) draft: Option<MemoryModel>,
}

impl Companions {
    /// Reads the headers of the files that `ways` names.
    pub(crate) fn read(ways: &Ways) -> Result<Self, BackendError> {
        let adapters = ways.lora.iter().map(|lora| Ok(Adapter::of(&header(&lora.file)?)));
        let projector = ways.mmproj.as_deref().map(header).transpose()?;
        let draft = ways.draft.as_ref().map(|draft| header(&draft.file)).transpose()?;
        Ok(Self {
            adapters: adapters.collect::<Result<_, BackendError>>()?,
            projector: projector.as_ref().map(Projector::of),
            draft: draft.as_ref().map(MemoryModel::of),
        })
    }
}

/// The header of a file that must be complete.
pub(crate) fn header(path: &Path) -> Result<Header, BackendError> {
    let header = Header::open_model(path).map_err(|error| unreadable(path, &error))?;
    if let Some(length) = header.file_len() {
        header.check_complete(length).map_err(|error| unreadable(path, &error))?;
    }
    Ok(header)
}

fn unreadable(path: &Path, error: &GgufError) -> BackendError {
    match error {
        GgufError::NotFound { path } => BackendError::ModelMissing { path: path.clone() },
        other => BackendError::ModelUnreadable {
            path: path.to_owned(),
            // The message around it names the file.
            cause: other.to_string().replace(&path.display().to_string(), "it"),
            remedy: other.remedy().to_owned(),
        },
    }
}
