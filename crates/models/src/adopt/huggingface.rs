//! Hugging Face's cache: `models--OWNER--NAME/{refs/REVISION, snapshots/COMMIT/FILE, blobs/ETAG}`. Files of
//! snapshots are links to blobs, whose names are their SHA-256; where there are no links, the files
//! themselves.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use loadmaster_checkpoint::Contents;

use super::{Adoptable, Found, Origin, Scan, ends_with, files_below, gguf_models};
use crate::{
    disk,
    error::ModelsError,
    hub::{is_commit, sha256_in},
    inspect::open_safetensors,
    manifest::{Kind, ModelName, Role, Source},
    sha256::Sha256,
};

/// Folders in snapshots.
const DEPTH: usize = 3;

pub(super) fn scan(folder: &Path) -> Result<Scan, ModelsError> {
    let mut scan = Scan::default();
    for (name, path) in disk::entries(folder)? {
        let Some(repo) = name.strip_prefix("models--").and_then(|name| name.split_once("--")) else {
            continue;
        };
        let repo = format!("{}/{}", repo.0, repo.1);
        for (revision, commit, snapshot) in snapshots(&path) {
            let files = files_below(&snapshot, DEPTH);
            let mut models = gguf_models(&files);
            models.extend(checkpoints(&files).map(|file| (file, Vec::new())));
            let source =
                Source { repo: Some(repo.clone()), revision, commit: Some(commit), ..Source::default() };
            for (file, components) in models {
                let path = file.path.clone();
                match adoptable(&repo, &source, &snapshot, file, components) {
                    Ok(found) => scan.models.push(found),
                    Err(error) => scan.problem(&path, error),
                }
            }
        }
    }
    Ok(scan)
}

/// The snapshots of a repository: those that a branch or tag names, or else the newest.
fn snapshots(repo: &Path) -> Vec<(Option<String>, String, PathBuf)> {
    let folder = repo.join("snapshots");
    let refs = files_below(&repo.join("refs"), DEPTH);
    let mut named: Vec<(Option<String>, String, PathBuf)> = Vec::new();
    for Found { path, .. } in refs {
        let commit = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
        let snapshot = folder.join(&commit);
        let is_new = named.iter().all(|(_, other, _)| *other != commit);
        if is_commit(&commit) && is_new && snapshot.is_dir() {
            let revision =
                path.strip_prefix(repo.join("refs")).ok().map(|path| path.to_string_lossy().into_owned());
            named.push((revision, commit, snapshot));
        }
    }
    if named.is_empty() {
        let all = disk::entries(&folder).unwrap_or_default();
        let all = all.into_iter().filter(|(commit, path)| is_commit(commit) && path.is_dir());
        let age = |path: &Path| fs::metadata(path).and_then(|is| is.modified()).ok();
        named.extend(all.max_by_key(|(_, path)| age(path)).map(|(commit, path)| (None, commit, path)));
    }
    named
}

/// Checkpoints of diffusion models and adapters. Files beside a `config.json` are parts of layouts that only
/// other programs read.
fn checkpoints(files: &[Found]) -> impl Iterator<Item = Found> + '_ {
    let has_config = |file: &Found| {
        files.iter().any(|other| other.name == "config.json" && other.path.parent() == file.path.parent())
    };
    let kind = |file: &Found| open_safetensors(&file.path).map(|header| Kind::from(Contents::of(&header)));
    let fits = move |file: &&Found| {
        ends_with(&file.name, "ckpt")
            || ends_with(&file.name, "safetensors")
                && !has_config(file)
                && matches!(kind(file), Ok(Kind::Diffusion | Kind::Lora | Kind::Vae))
    };
    files.iter().filter(fits).cloned()
}

fn adoptable(
    repo: &str,
    source: &Source,
    snapshot: &Path,
    file: Found,
    components: Vec<(Role, PathBuf)>,
) -> Result<Adoptable, ModelsError> {
    let name = ModelName::of_file(&file.name)?;
    let within = file.path.strip_prefix(snapshot).unwrap_or(&file.path).to_string_lossy().replace('\\', "/");
    let shards = loadmaster_gguf::shard_paths(&file.path).unwrap_or_else(|| vec![file.path.clone()]);
    let all = shards.into_iter().chain(components.iter().map(|(_, path)| path.clone()));
    let known: BTreeMap<PathBuf, Sha256> =
        all.filter_map(|path| Some((path.clone(), hash_of(&path)?))).collect();
    Ok(Adoptable {
        origin: Origin::HuggingFace,
        name,
        title: format!("{repo}/{within}"),
        path: file.path,
        components,
        size: file.size,
        known,
        source: Source { path: Some(within), ..source.clone() },
    })
}

/// The hash of a large file: the name of the blob that it is a link to.
fn hash_of(path: &Path) -> Option<Sha256> {
    sha256_in(fs::canonicalize(path).ok()?.file_name()?.to_str()?)
}
