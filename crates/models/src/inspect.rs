//! What a file on this disk is.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use loadmaster_checkpoint::{CheckpointError, Contents, SafetensorsHeader};
use loadmaster_gguf::{Header, LooksLike, shard_paths};
use serde::Serialize;

use crate::{
    error::ModelsError,
    manifest::{Facts, Format, Kind},
};

/// A model in files on this disk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspected {
    /// What it is for.
    pub kind: Kind,
    /// What its header says.
    pub facts: Facts,
    /// Its files: of a split model all of them, in order.
    pub files: Vec<PathBuf>,
}

/// Tells what the file at `path` is, by what is in it. Of a split GGUF model any file can be named; all of
/// them must be there. Files of the user's that are not models are an error.
pub fn inspect(path: &Path) -> Result<Inspected, ModelsError> {
    let mut first = Vec::new();
    File::open(path)
        .and_then(|file| file.take(512).read_to_end(&mut first))
        .map_err(|error| ModelsError::disk(path, "read", error))?;
    if first.starts_with(b"GGUF") {
        return gguf(path);
    }
    let files = vec![path.to_owned()];
    match LooksLike::of(&first) {
        LooksLike::Safetensors => {
            let header = open_safetensors(path)?;
            Ok(Inspected { kind: Contents::of(&header).into(), facts: safetensors_facts(&header), files })
        }
        LooksLike::Zip | LooksLike::Pickle if is_checkpoint(path) => {
            let facts = Facts { format: Format::Checkpoint, ..Facts::default() };
            Ok(Inspected { kind: Kind::Diffusion, facts, files })
        }
        other => Err(ModelsError::NotAModel { path: path.to_owned(), cause: other.to_string() }),
    }
}

fn gguf(path: &Path) -> Result<Inspected, ModelsError> {
    let failed = |source| ModelsError::Gguf { what: path.display().to_string(), source };
    let header = Header::open_model(path).map_err(failed)?;
    let is_part = Header::open(path).map_err(failed)?.shard().is_some();
    let files = if is_part { shard_paths(path) } else { None }.unwrap_or_else(|| vec![path.to_owned()]);
    let (kind, facts) = of_gguf(&header);
    Ok(Inspected { kind, facts, files })
}

/// Kind and facts of a whole model's header.
pub(crate) fn of_gguf(header: &Header) -> (Kind, Facts) {
    let facts = loadmaster_gguf::Facts::of(header);
    (facts.kind.into(), Facts::from(&facts))
}

/// Reads the header of the safetensors file at `path`.
pub(crate) fn open_safetensors(path: &Path) -> Result<SafetensorsHeader, ModelsError> {
    SafetensorsHeader::open(path).map_err(|error| match error {
        CheckpointError::Read { path, source } => ModelsError::disk(&path, "read", source),
        CheckpointError::Safetensors { path, source } => {
            ModelsError::Safetensors { what: path.display().to_string(), source }
        }
        other => ModelsError::NotAModel { path: path.to_owned(), cause: other.to_string() },
    })
}

/// What is kept of a safetensors header.
pub(crate) fn safetensors_facts(header: &SafetensorsHeader) -> Facts {
    let says = |key: &str| header.metadata.get(key).map(|text| text.chars().take(200).collect());
    Facts {
        format: Format::Safetensors,
        architecture: says("modelspec.architecture"),
        title: says("modelspec.title"),
        quantisation: header.main_type().map(str::to_owned),
        parameter_count: Some(header.element_count()).filter(|&count| count > 0),
        ..Facts::default()
    }
}

/// Whether a pickle or zip archive is a checkpoint: only its name can tell, since it is never opened.
pub(crate) fn is_checkpoint(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["ckpt", "pt", "pth"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
