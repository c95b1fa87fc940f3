//! Ollama's folder: `manifests/REGISTRY/NAMESPACE/MODEL/TAG`, each a JSON file that names layers by their
//! SHA-256, and the layers as `blobs/sha256-HASH`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Adoptable, Origin, Scan};
use crate::{
    disk,
    error::ModelsError,
    manifest::{ModelName, Role, Source},
    sha256::Sha256,
};

/// Layers: the weights, and files that belong to them.
const MODEL: &str = "application/vnd.ollama.image.model";
const PROJECTOR: &str = "application/vnd.ollama.image.projector";
const ADAPTER: &str = "application/vnd.ollama.image.adapter";

/// The registry and the namespace that names leave out.
const REGISTRY: &str = "registry.ollama.ai";
const NAMESPACE: &str = "library";

/// Largest manifest, in bytes.
const MOST: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
}

pub(super) fn scan(folder: &Path) -> Result<Scan, ModelsError> {
    let mut scan = Scan::default();
    for (registry, path) in disk::entries(&folder.join("manifests"))? {
        for (namespace, path) in folders(&path) {
            for (model, path) in folders(&path) {
                for (tag, path) in folders(&path).into_iter().filter(|(_, path)| path.is_file()) {
                    let title = title(&registry, &namespace, &model, &tag);
                    match read(folder, &path, title) {
                        Ok(found) => scan.models.push(found),
                        Err(why) => scan.problem(&path, why),
                    }
                }
            }
        }
    }
    Ok(scan)
}

fn folders(path: &Path) -> Vec<(String, PathBuf)> {
    if path.is_dir() { disk::entries(path).unwrap_or_default() } else { Vec::new() }
}

/// As Ollama shows it: `llama3.2:1b`, `somebody/model:latest`, `hf.co/owner/model:Q4_K_M`.
fn title(registry: &str, namespace: &str, model: &str, tag: &str) -> String {
    match (registry, namespace) {
        (REGISTRY, NAMESPACE) => format!("{model}:{tag}"),
        (REGISTRY, _) => format!("{namespace}/{model}:{tag}"),
        _ => format!("{registry}/{namespace}/{model}:{tag}"),
    }
}

fn read(folder: &Path, path: &Path, title: String) -> Result<Adoptable, String> {
    if fs::metadata(path).map_err(|error| error.to_string())?.len() > MOST {
        return Err("it is too large for a manifest".to_owned());
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let (mut weights, mut components, mut known) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut size = 0;
    for layer in manifest.layers {
        let role = match layer.media_type.as_str() {
            MODEL => None,
            PROJECTOR => Some(Role::Mmproj),
            ADAPTER => Some(Role::Lora),
            // Template, licence, parameters: the model's header and this library have their own.
            _ => continue,
        };
        let hash: Sha256 = layer.digest.parse().map_err(|error: ModelsError| error.to_string())?;
        let blob = folder.join("blobs").join(format!("sha256-{hash}"));
        if !fs::metadata(&blob).is_ok_and(|is| is.len() == layer.size) {
            return Err(format!("its layer {hash} is not there, or not whole"));
        }
        size += layer.size;
        known.insert(blob.clone(), hash);
        match role {
            Some(role) => components.push((role, blob)),
            None => weights.push(blob),
        }
    }
    match <[PathBuf; 1]>::try_from(weights) {
        Ok([path]) => {
            let name = ModelName::like(title.strip_suffix(":latest").unwrap_or(&title));
            let name = name.map_err(|error| error.to_string())?;
            let source = Source::default();
            Ok(Adoptable { origin: Origin::Ollama, name, title, path, components, size, known, source })
        }
        Err(none) if none.is_empty() => Err("it has no weights of its own: it runs elsewhere".to_owned()),
        Err(_) => Err("its weights are in several layers".to_owned()),
    }
}
