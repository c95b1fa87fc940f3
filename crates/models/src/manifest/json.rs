//! Manifests as files.

use std::{fs::File, io::Read, path::Path};

use serde::Deserialize;

use super::Manifest;
use crate::{disk, error::ModelsError};

/// The version of the format that this program writes, and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// What a manifest's file is called.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Largest manifest, in bytes. A model in 500 files takes 200 KiB.
pub const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

impl Manifest {
    /// Reads the manifest at `path`, whose model's folder must have the model's name.
    pub fn read(path: &Path) -> Result<Self, ModelsError> {
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut text))
            .map_err(|error| ModelsError::disk(path, "read", error))?;
        let damaged = |cause: String| ModelsError::DamagedManifest { path: path.to_owned(), cause };
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(damaged(format!("it has more than {MAX_MANIFEST_BYTES} bytes")));
        }
        let manifest = Self::parse(&text).map_err(|problem| match problem {
            Problem::Newer(schema) => ModelsError::NewerManifest { path: path.to_owned(), schema },
            Problem::Damaged(cause) => damaged(cause),
        })?;
        let folder = path.parent().and_then(Path::file_name).and_then(|folder| folder.to_str());
        if folder.is_none_or(|folder| !manifest.name.is_same_folder(folder)) {
            return Err(damaged(format!("it is that of '{}', not of this folder", manifest.name)));
        }
        Ok(manifest)
    }

    fn parse(text: &[u8]) -> Result<Self, Problem> {
        /// The one field that every version has.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let damaged = |error: serde_json::Error| Problem::Damaged(error.to_string());
        let Version { schema } = serde_json::from_slice(text).map_err(damaged)?;
        if schema > SCHEMA {
            return Err(Problem::Newer(schema));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(damaged)?;
        if manifest.weights.is_empty() {
            return Err(Problem::Damaged("it names no file of weights".to_owned()));
        }
        Ok(manifest)
    }

    /// Writes the manifest to `path`: whole or not at all, and lasting when this returns.
    pub fn write(&self, path: &Path) -> Result<(), ModelsError> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| ModelsError::disk(path, "written", error.into()))?;
        text.push('\n');
        disk::write_whole(path, text.as_bytes())
    }
}

enum Problem {
    Newer(u32),
    Damaged(String),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        manifest::{Component, Facts, Kind, ModelName, Place, RelativePath, Role, Source, StoredFile},
        sha256::Sha256,
    };

    fn manifest() -> Manifest {
        let file = |place| StoredFile {
            place,
            size: 3,
            sha256: Some(Sha256::of(b"abc")),
            source: Some(Source { repo: Some("a/b".into()), ..Source::default() }),
        };
        let path = |path: &str| RelativePath::new(path).unwrap();
        let vae = file(Place::Parts { path: path("0/vae.safetensors") });
        Manifest {
            schema: SCHEMA,
            name: ModelName::new("tiny").unwrap(),
            kind: Kind::Diffusion,
            added: 7,
            reference: None,
            weights: vec![
                file(Place::Model { path: path("a.gguf") }),
                file(Place::Outside { path: "/models/b.gguf".into() }),
            ],
            components: vec![Component { role: Role::Vae, file: vae }],
            facts: Facts::default(),
            recommended: BTreeMap::from([("steps".into(), 4.into())]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("tiny");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join(MANIFEST_FILE);
        manifest().write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), manifest());
        // Nothing is left beside it.
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""in": "parts""#) && text.contains(r#""role": "vae""#), "{text}");
    }

    #[test]
    fn a_manifest_that_cannot_be_is_told_apart() {
        let problem = |text: &str| match Manifest::parse(text.as_bytes()) {
            Ok(_) => "none".to_owned(),
            Err(Problem::Newer(schema)) => format!("newer {schema}"),
            Err(Problem::Damaged(cause)) => cause,
        };
        let text = serde_json::to_string(&manifest()).unwrap();
        assert_eq!(problem(&text), "none");
        assert_eq!(problem(r#"{"schema": 2, "models": "all new"}"#), "newer 2");
        assert!(problem("").contains("EOF") && problem("{}").contains("schema"));
        for (from, to) in [("a.gguf", "../a.gguf"), ("tiny", "../tiny"), ("diffusion\"", "magic\"")] {
            assert_ne!(problem(&text.replacen(from, to, 1)), "none", "{from}");
        }
    }

    proptest! {
        /// Whatever part of a manifest is lost or changed, reading it is an answer.
        #[test]
        fn damage_is_never_a_panic(cut in 0_usize..2000, at in 0_usize..2000, byte: u8) {
            let mut text = serde_json::to_vec(&manifest()).unwrap();
            let length = text.len();
            text[at % length] = byte;
            let _ = Manifest::parse(&text[..cut % length]);
            let _ = Manifest::parse(&text);
        }
    }
}
