//! `loadmaster show`

use std::{path::Path, process::ExitCode};

use loadmaster_core::Bytes;
use loadmaster_models::{Manifest, Source, StoredFile};
use serde_json::{Value, json};

use super::pull;
use crate::{
    Failed,
    args::ShowArgs,
    config::Config,
    library::{self, Found, progress::Shown, recommended},
    printed::print,
    table,
};

pub(crate) async fn execute(args: ShowArgs, config: &Config) -> Result<ExitCode, Failed> {
    let library = library::open(config)?;
    let root = library.root().to_owned();
    let name = args.model;
    if let Some(from) = args.metadata {
        let shown = Shown::begin(true);
        let puller = pull::puller(config).await?;
        let refreshed = puller.refresh(&name, from.strategy(), &shown.job).await;
        shown.end();
        refreshed?;
    }
    let (manifest, in_use) = library::blocking(move || {
        let manifest = library.get(&name)?;
        let in_use = library.is_in_use(manifest.name.as_str());
        Ok::<_, loadmaster_models::ModelsError>((manifest, in_use))
    })
    .await?;
    let found = Found::of(manifest, &root);
    let settings = settings(&found, config);
    let manifest = &found.manifest;
    if args.json {
        let mut json = json!(manifest);
        json["size"] = manifest.size().into();
        json["in_use"] = in_use.into();
        json["file"] = json!(manifest.main_file(&root));
        json["settings"] = settings.iter().map(Setting::as_json).collect();
        print(&format!("{json:#}\n"))?;
    } else {
        let mut rows = rows(manifest, in_use, &root);
        rows.extend(settings.iter().map(Setting::row));
        print(&table::lined_up_left(&rows))?;
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
    rows
}

/// A setting that the model is loaded with, unless a flag says otherwise.
struct Setting<'a> {
    name: &'a str,
    value: Value,
    from: From,
    /// What the catalog recommends in its place.
    instead_of: Option<&'a Value>,
}

/// Who says a setting.
enum From {
    Catalog,
    Component,
    Configuration,
}

/// What is recommended, what comes with the model's other files, and above both what the configuration says.
fn settings<'a>(found: &'a Found, config: &'a Config) -> Vec<Setting<'a>> {
    let manifest = &found.manifest;
    let own = config.models.get(manifest.name.as_str()).map(|section| &section.settings);
    let mut settings: Vec<Setting<'_>> = Vec::new();
    for (name, value) in &manifest.recommended {
        let above = own.and_then(|own| recommended::replaced(name, own));
        settings.push(match above {
            Some(above) => {
                let (value, instead_of) = (above.clone(), Some(value));
                Setting { name, value, from: From::Configuration, instead_of }
            }
            None => Setting { name, value: value.clone(), from: From::Catalog, instead_of: None },
        });
    }
    let companions = ["mmproj", "draft", "lora"].into_iter().zip(std::iter::repeat(found.companions()));
    let companions = companions.filter_map(|(name, mut all)| Some((name, all.remove(name)?)));
    let companions = companions.filter(|(name, _)| own.is_none_or(|own| !own.contains_key(*name)));
    settings.extend(companions.map(|(name, value)| Setting {
        name,
        value,
        from: From::Component,
        instead_of: None,
    }));
    let known: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
    let others = own.into_iter().flatten().filter(|(name, _)| !known.contains(&name.as_str()));
    let others = others.map(|(name, value)| Setting {
        name,
        value: value.clone(),
        from: From::Configuration,
        instead_of: None,
    });
    settings.extend(others.collect::<Vec<_>>());
    settings
}

impl Setting<'_> {
    fn as_json(&self) -> Value {
        let from = match self.from {
            From::Catalog => "catalog",
            From::Component => "component",
            From::Configuration => "configuration",
        };
        let mut json = json!({ "name": self.name, "value": self.value, "from": from });
        if let Some(recommended) = self.instead_of {
            json["recommended"] = recommended.clone();
        }
        json
    }

    fn row(&self) -> [String; 2] {
        let from = match self.from {
            From::Catalog => "recommended by the catalog",
            From::Component => "one of its files",
            From::Configuration => "from the configuration",
        };
        let instead =
            self.instead_of.map_or_else(String::new, |value| format!(", where {value} is recommended"));
        [format!("setting {}", self.name), format!("{}, {from}{instead}", self.value)]
    }
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
