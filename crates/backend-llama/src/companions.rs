//! What is loaded with a model: adapters, a projector, a draft model. Read from their headers.

use loadmaster_core::BackendError;
use loadmaster_gguf::memory::{Adapter, MemoryModel, Projector};

use crate::{
    header::{self, Needed, Role},
    ways::Ways,
};

/// The figures of these files that their memory depends on.
#[derive(Debug, Clone, Default)]
pub struct Companions {
    pub(crate) adapters: Vec<Adapter>,
    pub(crate) projector: Option<Projector>,
    pub(crate) draft: Option<MemoryModel>,
}

impl Companions {
    /// Reads the headers of the files that `ways` names.
    pub(crate) fn read(ways: &Ways, needed: Needed) -> Result<Self, BackendError> {
        let header = |path, role| header::read(path, role, needed);
        let adapters = ways.lora.iter().map(|lora| Ok(Adapter::of(&header(&lora.file, Role::Adapter)?)));
        let projector = ways.mmproj.as_deref().map(|file| header(file, Role::Projector)).transpose()?;
        let draft = ways.draft.as_ref().map(|draft| header(&draft.file, Role::Model)).transpose()?;
        Ok(Self {
            adapters: adapters.collect::<Result<_, BackendError>>()?,
            projector: projector.as_ref().map(Projector::of),
            draft: draft.as_ref().map(MemoryModel::of),
        })
    }
}
