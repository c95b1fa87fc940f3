//! `loadmaster list`

use std::process::ExitCode;

use loadmaster_core::Bytes;
use loadmaster_models::{DiskUsage, Kind, Listed, ModelsError};
use loadmaster_orchestrator::Orchestrator;
use serde_json::{Value, json};

use crate::{
    Failed,
    args::ListArgs,
    config::Config,
    library::{self, Found, rested},
    load_flags::LoadFlags,
    printed::print,
    table,
};

/// Whether a model fits this machine when nothing else runs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fits {
    Yes,
    /// What is missing.
    No(String),
    /// It cannot be told: it is of a kind that no backend plans for, or damaged.
    Unknown,
}

pub(crate) async fn execute(args: ListArgs, config: &Config) -> Result<ExitCode, Failed> {
    let library = library::open(config)?;
    let (listing, usage, free) = library::blocking(move || {
        // Where nobody can say what is free, nothing is said of it.
        let free = fs4::available_space(library.root()).ok();
        Ok::<_, ModelsError>((library.list()?, library.disk_usage()?, free))
    })
    .await?;
    let orchestrator = rested::orchestrator(config)?;
    let mut models = Vec::new();
    for model in listing.models {
        let fits = fits(&model, &orchestrator, config).await;
        models.push((model, fits));
    }
    if args.json {
        let models: Vec<Value> = models.iter().map(|(model, fits)| as_json(model, fits)).collect();
        let disk = json!({ "usage": usage, "free": free });
        print(&format!("{:#}\n", json!({ "models": models, "damaged": listing.damaged, "disk": disk })))?;
        return Ok(ExitCode::SUCCESS);
    }
    if models.is_empty() && listing.damaged.is_empty() {
        print("the library is empty; `loadmaster pull llama-3.2-1b` gets a model\n")?;
    } else {
        let header = ["NAME", "KIND", "SIZE", "QUANTISATION", "CONTEXT", "FITS HERE", "STATE"];
        let header = header.map(str::to_owned).to_vec();
        let rows = models.iter().map(|(model, fits)| row(model, fits));
        print(&table::lined_up(&std::iter::once(header).chain(rows).collect::<Vec<_>>()))?;
        print(&format!("{}\n", on_disk(&usage, free)))?;
    }
    for damaged in &listing.damaged {
        eprintln!("damaged: {}: {}; {}", damaged.name, damaged.problem, damaged.remedy);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the library takes of the disk, on one line.
fn on_disk(usage: &DiskUsage, free: Option<u64>) -> String {
    let DiskUsage { models: _, parts, orphans, unfinished, total } = usage;
    let some = |bytes: u64, what: &str| {
        if bytes > 0 { format!(", {} of it {what}", Bytes(bytes)) } else { String::new() }
    };
    format!(
        "{} on this disk{}{}{}{}",
        Bytes(*total),
        some(parts.saturating_sub(*orphans), "parts that models share"),
        some(*orphans, "parts that no model has (`loadmaster gc` removes them)"),
        some(*unfinished, "pulls that are not finished"),
        free.map_or_else(String::new, |bytes| format!("; {} are free", Bytes(bytes))),
    )
}

async fn fits(model: &Listed, orchestrator: &Orchestrator, config: &Config) -> Fits {
    if !matches!(model.manifest.kind, Kind::Llm | Kind::Diffusion | Kind::Embedding | Kind::Reranker)
        || !model.missing.is_empty()
    {
        return Fits::Unknown;
    }
    let found = Found::of(model.manifest.clone(), &library::root(config));
    let Ok(offer) = found.offer(&LoadFlags::default(), config) else { return Fits::Unknown };
    match rested::preview(orchestrator, offer.request).await {
        Ok(preview) => rested::shortages(&preview).map_or(Fits::Yes, Fits::No),
        Err(_) => Fits::Unknown,
    }
}

fn as_json(model: &Listed, fits: &Fits) -> Value {
    let mut json = json!(model);
    let (answer, shortage) = match fits {
        Fits::Yes => (Value::from(true), Value::Null),
        Fits::No(shortage) => (Value::from(false), Value::from(shortage.as_str())),
        Fits::Unknown => (Value::Null, Value::Null),
    };
    json["fits"] = answer;
    json["shortage"] = shortage;
    json
}

fn row(model: &Listed, fits: &Fits) -> Vec<String> {
    let Listed { manifest, size, in_use, missing } = model;
    let none = || "-".to_owned();
    let state = if !missing.is_empty() {
        "files are missing"
    } else if *in_use {
        "in use"
    } else {
        "-"
    };
    vec![
        manifest.name.to_string(),
        manifest.kind.to_string(),
        Bytes(*size).to_string(),
        manifest.facts.quantisation.clone().unwrap_or_else(none),
        manifest.facts.context_length.map_or_else(none, |tokens| tokens.to_string()),
        match fits {
            Fits::Yes => "yes",
            Fits::No(_) => "no",
            Fits::Unknown => "-",
        }
        .to_owned(),
        state.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_of_the_disk_is_told() {
        let usage = DiskUsage { total: 3 << 20, ..DiskUsage::default() };
        assert_eq!(on_disk(&usage, None), "3.00 MiB on this disk");
        let usage = DiskUsage { parts: 2 << 20, orphans: 1 << 20, unfinished: 1 << 10, ..usage };
        let expected = "3.00 MiB on this disk, 1.00 MiB of it parts that models share, 1.00 MiB of it parts that \
                        no model has (`loadmaster gc` removes them), 1.00 KiB of it pulls that are not finished; \
                        2.00 GiB are free";
        assert_eq!(on_disk(&usage, Some(2 << 30)), expected);
    }
}
