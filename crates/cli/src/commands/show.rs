//! `loadmaster show`

use std::{path::Path, process::ExitCode};

use loadmaster_core::Bytes;
use loadmaster_models::{Manifest, Source, StoredFile};
use serde_json::json;

use crate::{Failed, args::ShowArgs, config::Config, library, printed::print, table};

pub(crate) async fn execute(args: ShowArgs, config: &Config) -> Result<ExitCode, Failed> {
    let library = library::open(config)?;
    let root = library.root().to_owned();
    let name = args.model;
    let (manifest, in_use) = library::blocking(move || {
        let manifest = library.get(&name)?;
        let in_use = library.is_in_use(manifest.name.as_str());
        Ok::<_, loadmaster_models::ModelsError>((manifest, in_use))
    })
    .await?;
    if args.json {
        let mut json = json!(manifest);
        json["size"] = manifest.size().into();
        json["in_use"] = in_use.into();
        json["file"] = json!(manifest.main_file(&root));
        print(&format!("{json:#}\n"))?;
    } else {
        print(&table::lined_up_left(&rows(&manifest, in_use, &root)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(manifest: &Manifest, in_use: bool, root: &Path) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let mut put = |name: &str, value: Option<String>| {
        rows.extend(value.map(|value| [name.to_owned(), value]));
    };
    let facts = &manifest.facts;
    put("name", Some(manifest.name.to_string()));
    put("kind", Some(manifest.kind.to_string()));
    put("title", facts.title.clone());
    put("architecture", facts.architecture.clone());
    put("quantisation", facts.quantisation.clone());
    put("parameters", facts.parameter_count.map(|count| count.to_string()));
    put("context length", facts.context_length.map(|tokens| format!("{tokens} tokens")));
    put("size", Some(Bytes(manifest.size()).to_string()));
    put("asked for as", manifest.reference.clone());
    put("licence", manifest.licence().map(str::to_owned));
    put("in use", Some(if in_use { "yes" } else { "no" }.to_owned()));
    for file in &manifest.weights {
        put("file", Some(of_file(manifest, file, root)));
    }
    for component in &manifest.components {
        put(component.role.name(), Some(of_file(manifest, &component.file, root)));
    }
    rows.extend(
        manifest.recommended.iter().map(|(name, value)| [format!("recommended {name}"), value.to_string()]),
    );
    rows
}

fn of_file(manifest: &Manifest, file: &StoredFile, root: &Path) -> String {
    let place = manifest.path(root, file);
    let from =
        file.source.as_ref().and_then(origin).map_or_else(String::new, |from| format!(", from {from}"));
    let hash = file.sha256.map_or_else(String::new, |hash| format!(", SHA-256 {hash}"));
    format!("{}, {}{from}{hash}", place.display(), Bytes(file.size))
}

/// Where a file came from, and at which commit.
fn origin(source: &Source) -> Option<String> {
    let place = source.repo.clone().or_else(|| source.url.clone()).or_else(|| source.path.clone())?;
    let commit = source.commit.as_ref().map_or_else(String::new, |commit| format!("@{commit}"));
    Some(format!("{place}{commit}"))
}
