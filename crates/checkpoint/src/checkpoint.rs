//! One file of a model.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use loadmaster_gguf::{Header, LooksLike};
use serde::Serialize;

use crate::{
    contents::Contents,
    error::CheckpointError,
    safetensors::SafetensorsHeader,
    tensor::{Encoding, Tensor},
};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// Hugging Face's safetensors.
    Safetensors,
    /// GGUF.
    Gguf,
}

/// The header of one file: what tensors it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where it was read from; empty if it was made from a header.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Its tensors, in the order of the header.
    pub tensors: Vec<Tensor>,
    /// What whoever wrote the file says of it. Of a GGUF file, its texts.
    pub metadata: BTreeMap<String, String>,
    /// Bytes of the file on disk; 0 if it was made from a header. Its tensors may add up to more, where they
    /// share bytes.
    pub file_bytes: u64,
}

impl Checkpoint {
    /// Reads the header of the file at `path`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let mut first = Vec::new();
        let file = File::open(path).map_err(CheckpointError::read(path))?;
        let file_bytes = file.metadata().map_err(CheckpointError::read(path))?.len();
        file.take(512).read_to_end(&mut first).map_err(CheckpointError::read(path))?;
        let named = |checkpoint| Self { path: path.to_owned(), file_bytes, ..checkpoint };
        if first.starts_with(b"GGUF") {
            let header = Header::open_model(path);
            let header = header.map_err(|source| CheckpointError::Gguf { path: path.to_owned(), source })?;
            return Ok(named(Self::of_gguf(&header)));
        }
        match LooksLike::of(&first) {
            LooksLike::Safetensors => Ok(named(Self::of_safetensors(SafetensorsHeader::open(path)?))),
            LooksLike::Zip | LooksLike::Pickle => Err(CheckpointError::Pickle { path: path.to_owned() }),
            looks_like => Err(CheckpointError::NotAModel { path: path.to_owned(), looks_like }),
        }
    }

    /// What a safetensors header says.
    pub fn of_safetensors(header: SafetensorsHeader) -> Self {
        let tensor = |tensor: crate::SafeTensor| Tensor {
            encoding: Encoding::of_safetensors(&tensor.dtype),
            bytes: tensor.range.1.saturating_sub(tensor.range.0),
            name: tensor.name,
            shape: tensor.shape,
        };
        Self {
            path: PathBuf::new(),
            format: Format::Safetensors,
            tensors: header.tensors.into_iter().map(tensor).collect(),
            metadata: header.metadata,
            file_bytes: 0,
        }
    }

    /// What a GGUF header says.
    pub fn of_gguf(header: &Header) -> Self {
        let tensor = |tensor: &loadmaster_gguf::TensorInfo| Tensor {
            name: tensor.name.clone(),
            encoding: Encoding::Ggml(tensor.kind),
            shape: tensor.dims.iter().rev().copied().collect(),
            bytes: tensor.byte_size().unwrap_or(0),
        };
        Self {
            path: PathBuf::new(),
            format: Format::Gguf,
            tensors: header.tensors().iter().map(tensor).collect(),
            metadata: BTreeMap::new(),
            file_bytes: 0,
        }
    }

    /// What the file is, roughly, by the names of its tensors.
    pub fn contents(&self) -> Contents {
        Contents::of_names(self.tensors.iter().map(|tensor| tensor.name.as_str()))
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }
}
