//! `cargo xtask zoo`: the headers of well-known models, in files as long as the published ones and empty.
//!
//! An estimate and a server's own dry run need the header alone: metadata and the table of tensors. These files have
//! both as llama.cpp's converter and llama-quantize write them, from the models' published hyperparameters, and holes
//! where the weights would be. On a file system without holes they take their full length.

mod ggml;
mod gguf;
mod models;
mod quantize;
mod sheet;
mod vocabulary;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace;
use gguf::Value;
use sheet::Sheet;

/// `cargo xtask zoo`: writes the models with these names, or all, and prints their paths.
pub(crate) fn run(out: Option<PathBuf>, names: &[String]) -> Result<()> {
    for model in write(&out.unwrap_or_else(folder), names)? {
        println!("{}", model.path.display());
    }
    Ok(())
}

/// A model of the zoo as a file.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    /// How many layers it has without the output layer.
    pub(crate) blocks: u32,
    pub(crate) architecture: &'static str,
    /// The size of its vocabulary.
    pub(crate) tokens: u64,
}

/// Where the files are when no other folder is asked for.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("target/zoo")
}

/// Writes the models with these names, or all, into `folder`.
pub(crate) fn write(folder: &Path, names: &[String]) -> Result<Vec<Written>> {
    for name in names {
        let known = || models::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        ensure!(
            models::ALL.iter().any(|(known, _)| known == name),
            "no model `{name}`; there are {}",
            known()
        );
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut written = Vec::new();
    for (name, sheet) in models::ALL {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let sheet = sheet();
        let path = folder.join(format!("{name}.gguf"));
        write_model(&path, &sheet)?;
        written.push(Written {
            name,
            path,
            blocks: sheet::narrow(sheet.blocks()),
            architecture: sheet.architecture,
            tokens: sheet.tokens(),
        });
    }
    Ok(written)
}

fn write_model(path: &Path, sheet: &Sheet) -> Result<()> {
    let mut metadata = sheet.metadata.clone();
    metadata.push(("general.quantization_version".into(), Value::U32(2)));
    metadata.push(("general.file_type".into(), Value::U32(sheet.mixture.file_type())));
    // Whoever reads the old file goes on doing so.
    let partial = path.with_extension("partial");
    gguf::write(&partial, &metadata, &quantize::tensors(sheet))?;
    fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_name_and_tensors_of_its_own() {
        for (index, (name, sheet)) in models::ALL.iter().enumerate() {
            assert!(models::ALL[..index].iter().all(|(other, _)| other != name), "{name} twice");
            let mut names: Vec<_> = sheet().tensors.into_iter().map(|(name, _)| name).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert!(count > 100 && names.len() == count, "{name}: {count} tensors, {} names", names.len());
        }
    }

    #[test]
    fn parameters_are_as_many_as_published() {
        // In millions, as the model cards say.
        let published =
            [("llama-2-7b", 6738), ("llama-3.1-8b", 8030), ("mixtral-8x7b", 46702), ("qwen3-30b-a3b", 30532)];
        for (name, millions) in published {
            let (_, sheet) = models::ALL.iter().find(|(known, _)| *known == name).unwrap();
            let parameters: u64 =
                sheet().tensors.iter().map(|(_, shape)| shape.iter().product::<u64>()).sum();
            assert_eq!(parameters / 1_000_000, millions, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(folder.path(), &["llama-9".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("llama-2-7b"), "{error}");
    }
}
