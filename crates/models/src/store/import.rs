//! Taking files of this machine into the library.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Library, Staging, staging::check_free, verify::hash_file};
use crate::{
    disk,
    error::ModelsError,
    inspect::{Inspected, inspect},
    job::{Job, Meter, Step},
    manifest::{Component, Kind, Manifest, ModelName, Place, RelativePath, Role, SCHEMA, Source, StoredFile},
    sha256::{Hasher, Sha256, read_pieces},
};

/// How files come into the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// They are copied.
    #[default]
    Copy,
    /// They get a second name, which takes no room; only on the same file system.
    HardLink,
    /// They stay where they are. Whoever moves or changes them there changes the model.
    Reference,
}

/// Files to take in. `..Import::of(path)` sets what is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The file; of a split model, any of its files.
    pub path: PathBuf,
    /// How.
    pub how: How,
    /// What to call the model; by default as the file, without its extension.
    pub name: Option<ModelName>,
    /// What the model is for; by default what the file says.
    pub kind: Option<Kind>,
    /// Other files that it needs.
    pub components: Vec<(Role, PathBuf)>,
    /// What was asked for, as it is to be kept.
    pub reference: Option<String>,
    /// Where it came from and under which licence, as far as that is known.
    pub source: Source,
    /// Hashes that somebody knows already, by path: these files are not hashed when they are referred to.
    pub known: BTreeMap<PathBuf, Sha256>,
}

impl Import {
    /// The file at `path`, copied, and nothing else.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            how: How::Copy,
            name: None,
            kind: None,
            components: Vec::new(),
            reference: None,
            source: Source::default(),
            known: BTreeMap::new(),
        }
    }
}

impl Library {
    /// Takes a model in. It is in the library when this returns, and not at all if it fails.
    pub fn import(&self, import: Import, job: &Job) -> Result<Manifest, ModelsError> {
        let Inspected { kind, facts, files } = inspect(&import.path)?;
        let file_name = import.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = import.name.clone().map_or_else(|| ModelName::of_file(&file_name), Ok)?;
        check_free(self, &name)?;
        let all = files.iter().chain(import.components.iter().map(|(_, path)| path));
        let sizes = all.map(|path| length(path)).collect::<Result<Vec<_>, _>>()?;
        let step = if import.how == How::Copy { Step::Copy } else { Step::Verify };
        let meter = job.meter(step, sizes.iter().sum());

        let staging = Staging::open(self, &format!("import-{:016x}", disk::chance()))?;
        let taken = take_all(&import, &files, &staging, &meter);
        let (weights, components, parts) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                staging.discard_for_good()?;
                return Err(error);
            }
        };
        let mut manifest = Manifest {
            schema: SCHEMA,
            name,
            kind: import.kind.unwrap_or(kind),
            added: crate::now(),
            reference: import.reference,
            weights,
            components,
            facts,
            recommended: BTreeMap::new(),
        };
        let published = staging.publish(&mut manifest, &parts);
        staging.discard_for_good()?;
        published.map(|()| manifest)
    }
}

/// Weights, components, and which of these came together in the staging folder.
type Taken = (Vec<StoredFile>, Vec<Component>, Vec<(usize, PathBuf, Sha256)>);

fn take_all(
    import: &Import,
    files: &[PathBuf],
    staging: &Staging,
    meter: &Meter,
) -> Result<Taken, ModelsError> {
    let mut weights = Vec::new();
    for path in files {
        let name = RelativePath::new(file_name(path))?;
        let staged = staging.model_file(&name)?;
        weights.push(take(import, path, &staged, Place::Model { path: name }, meter)?);
    }
    let (mut components, mut parts) = (Vec::new(), Vec::new());
    for (index, (role, path)) in import.components.iter().enumerate() {
        let name = RelativePath::new(file_name(path))?;
        let staged = staging.part_file(index, name.as_str())?;
        // It is put in its place when it is published.
        let file = take(import, path, &staged, Place::Parts { path: name }, meter)?;
        if let (Place::Parts { .. }, Some(hash)) = (&file.place, file.sha256) {
            parts.push((index, staged, hash));
        }
        components.push(Component { role: *role, file });
    }
    Ok((weights, components, parts))
}

/// Takes one file in.
fn take(
    import: &Import,
    from: &Path,
    to: &Path,
    place: Place,
    meter: &Meter,
) -> Result<StoredFile, ModelsError> {
    let from = std::path::absolute(from).map_err(|error| ModelsError::disk(from, "found", error))?;
    let size = length(&from)?;
    let (place, hash) = match import.how {
        How::Copy => (place, copy(&from, to, meter)?),
        How::HardLink => {
            link(&from, to)?;
            (place, hash_file(to, meter)?)
        }
        How::Reference => {
            let hash = match import.known.get(&from) {
                Some(hash) => *hash,
                None => hash_file(&from, meter)?,
            };
            (Place::Outside { path: from.clone() }, hash)
        }
    };
    if let Some(known) = import.known.get(&from).filter(|known| **known != hash) {
        let what = from.display().to_string();
        return Err(ModelsError::WrongHash { what, expected: known.to_string(), actual: hash.to_string() });
    }
    let source = Source {
        path: import.source.path.clone().or_else(|| from.to_str().map(str::to_owned)),
        ..import.source.clone()
    };
    Ok(StoredFile { place, size, sha256: Some(hash), source: Some(source) })
}

/// Copies and hashes in one pass. The copy is lasting when this returns.
pub(crate) fn copy(from: &Path, to: &Path, meter: &Meter) -> Result<Sha256, ModelsError> {
    let failed = |error| ModelsError::disk(to, "written", error);
    let name = file_name(from);
    let mut file = File::create(to).map_err(failed)?;
    let mut hasher = Hasher::default();
    read_pieces(from, |bytes| {
        hasher.update(bytes);
        file.write_all(bytes).map_err(failed)?;
        meter.add(bytes.len() as u64, &name)
    })?;
    file.sync_all().map_err(failed)?;
    Ok(hasher.finish())
}

/// A second name for what is at `from`; links on the way to it are followed.
pub(crate) fn link(from: &Path, to: &Path) -> Result<(), ModelsError> {
    let real = fs::canonicalize(from).map_err(|error| ModelsError::disk(from, "found", error))?;
    fs::hard_link(real, to).map_err(|error| ModelsError::disk(from, "linked", error))
}

fn length(path: &Path) -> Result<u64, ModelsError> {
    fs::metadata(path).map(|is| is.len()).map_err(|error| ModelsError::disk(path, "read", error))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
