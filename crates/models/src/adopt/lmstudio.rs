//! LM Studio's folder: `PUBLISHER/MODEL/FILE.gguf`, as on Hugging Face.

use std::{collections::BTreeMap, path::Path};

use super::{Adoptable, Origin, Scan, files_below, gguf_models};
use crate::{
    disk,
    error::ModelsError,
    manifest::{ModelName, Source},
};

/// Folders below a model's own: of repositories that have some.
const DEPTH: usize = 2;

pub(super) fn scan(folder: &Path) -> Result<Scan, ModelsError> {
    let mut scan = Scan::default();
    for (publisher, path) in disk::entries(folder)?.into_iter().filter(|(_, path)| path.is_dir()) {
        for (model, path) in
            disk::entries(&path).unwrap_or_default().into_iter().filter(|(_, path)| path.is_dir())
        {
            let title = format!("{publisher}/{model}");
            for (file, components) in gguf_models(&files_below(&path, DEPTH)) {
                let name = match ModelName::of_file(&file.name) {
                    Ok(name) => name,
                    Err(error) => {
                        scan.problem(&file.path, error);
                        continue;
                    }
                };
                scan.models.push(Adoptable {
                    origin: Origin::LmStudio,
                    name,
                    title: format!("{title}/{}", file.name),
                    path: file.path,
                    components,
                    size: file.size,
                    known: BTreeMap::new(),
                    source: Source { repo: Some(title.clone()), ..Source::default() },
                });
            }
        }
    }
    Ok(scan)
}
