//! `loadmaster import`

use std::process::ExitCode;

use loadmaster_core::Bytes;
use loadmaster_models::{Adoptable, Import, Origin, Scan};
use serde_json::json;

use crate::{
    Failed,
    args::ImportArgs,
    config::{self, Config},
    library::{self, progress::Shown},
    printed::print,
    table,
};

pub(crate) async fn execute(args: ImportArgs, config: &Config) -> Result<ExitCode, Failed> {
    let import = match (args.from, &args.model) {
        (Some(from), None) => return offer(&args, from.origin()).await,
        (Some(from), Some(named)) => {
            let found = scan(from.origin()).await?;
            adoption(&found, from.origin(), &named.to_string_lossy())?.import(args.how())
        }
        (None, Some(file)) => Import { how: args.how(), ..Import::of(file) },
        (None, None) => return Err(Failed::usage("There is no file to import").remedy("Name it.")),
    };
    let components = import.components.iter().chain(&args.components).cloned().collect();
    let import = Import { name: args.name.clone().or(import.name.clone()), components, ..import };
    let library = library::open(config)?;
    let shown = Shown::begin(args.json);
    let job = shown.job.clone();
    let work = library::blocking(move || library.import(import, &job));
    let Some(manifest) = library::interruptible(&shown.job, work).await? else {
        shown.end();
        return Ok(library::interrupted("nothing was imported"));
    };
    shown.end();
    if args.json {
        print(&format!("{:#}\n", json!(manifest)))?;
    } else {
        print(&library::arrived(&manifest))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists what a program has.
async fn offer(args: &ImportArgs, origin: Origin) -> Result<ExitCode, Failed> {
    let found = scan(origin).await?;
    if args.json {
        print(&format!("{:#}\n", json!(found)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.models.is_empty() {
        print(&format!("{origin} has no models here\n"))?;
    } else {
        let header = ["NAME", "SIZE", "THERE"].map(str::to_owned).to_vec();
        let row = |model: &Adoptable| {
            vec![model.name.to_string(), Bytes(model.size).to_string(), model.title.clone()]
        };
        let rows: Vec<_> = std::iter::once(header).chain(found.models.iter().map(row)).collect();
        print(&format!(
            "{}loadmaster import --from {origin} NAME takes one in; it stays where it is\n",
            table::lined_up(&rows)
        ))?;
    }
    for (path, why) in &found.problems {
        eprintln!("left out: {}: {why}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

async fn scan(origin: Origin) -> Result<Scan, Failed> {
    let folders = config::folders_of(origin);
    library::blocking(move || {
        let mut all = Scan::default();
        for folder in folders {
            let found = origin.scan(&folder)?;
            all.models.extend(found.models);
            all.problems.extend(found.problems);
        }
        Ok::<_, loadmaster_models::ModelsError>(all)
    })
    .await
}

/// The model that is called `named`, as here or as there.
fn adoption<'a>(found: &'a Scan, origin: Origin, named: &str) -> Result<&'a Adoptable, Failed> {
    let is_it = |model: &&Adoptable| model.name.as_str().eq_ignore_ascii_case(named) || model.title == named;
    found.models.iter().find(is_it).ok_or_else(|| {
        Failed::not_found(format!("{origin} has no model '{named}' here"))
            .remedy(format!("`loadmaster import --from {origin}` lists what it has."))
    })
}
