//! `loadmaster pull`

use std::{path::Path, process::ExitCode};

use loadmaster_core::{Bytes, LoadRequest, Model, ModelKind, Settings};
use loadmaster_models::{
    Catalog, Hub, Kind, Manifest, ModelName, ModelsError, Origin, Plan, PullOptions, Puller, Reference,
};

use crate::{
    Failed,
    args::PullArgs,
    config::{self, Config},
    library::{self, progress::Shown, rested},
    printed::print,
    source::{self, Source},
};

/// What is said after Ctrl-C.
const KEPT: &str = "what was downloaded is kept, and the same command goes on with it";

/// What is wanted of a pull beside the model.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// What to call it.
    pub(crate) name: Option<ModelName>,
    /// Even if it does not fit.
    pub(crate) anyway: bool,
    /// No lines on stderr where there is no terminal.
    pub(crate) quiet: bool,
}

pub(crate) async fn execute(args: PullArgs, config: &Config) -> Result<ExitCode, Failed> {
    let reference = Reference::parse(&args.reference, &config.network.hub)?;
    let wish = Wish { name: args.name, anyway: args.anyway, quiet: args.json };
    let Some(manifest) = pull(&reference, wish, config).await? else {
        return Ok(ExitCode::from(crate::failed::INTERRUPTED));
    };
    if args.json {
        let json =
            serde_json::to_string_pretty(&manifest).map_err(|error| Failed::because(error.to_string()))?;
        print(&format!("{json}\n"))?;
    } else {
        let size = Bytes(manifest.size());
        print(&format!("{}, {size}; loadmaster run {0}\n", manifest.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Pulls a model; `None` when the user interrupted it, which was told then.
pub(crate) async fn pull(
    reference: &Reference,
    wish: Wish,
    config: &Config,
) -> Result<Option<Manifest>, Failed> {
    let puller = puller(config).await?;
    let options = PullOptions { name: wish.name, budget: rested::budget(config).await?, anyway: wish.anyway };
    let shown = Shown::begin(wish.quiet);
    let work = async {
        let plan = puller.plan(reference, options, &shown.job).await?;
        if !wish.quiet {
            shown.say(&announced(&plan));
        }
        if !wish.anyway {
            check(&plan, config).await?;
        }
        Ok(puller.fetch(plan, &shown.job).await?)
    };
    let done = library::interruptible(&shown.job, work).await;
    shown.end();
    let done = done?;
    if done.is_none() {
        library::interrupted(KEPT);
    }
    Ok(done)
}

async fn puller(config: &Config) -> Result<Puller, Failed> {
    let network = &config.network;
    let client = source::client(network)?;
    let hub = Hub::new(client, &network.hub, network.hub_token.is_some());
    let caches = config::folders_of(Origin::HuggingFace);
    let config = config.clone();
    let (library, catalog) = library::blocking(move || {
        let catalog: Catalog = library::catalog(&config)?;
        Ok::<_, Failed>((library::open(&config)?, catalog))
    })
    .await?;
    Ok(Puller::new(library, hub, catalog, caches))
}

/// What is going to be fetched, and why that.
fn announced(plan: &Plan) -> String {
    let files = match plan.files.len() {
        1 => String::new(),
        count => format!(" in {count} files"),
    };
    let quantisation = plan.facts.quantisation.as_ref().map_or_else(String::new, |name| format!(" {name},"));
    let reason = plan.choice.as_ref().map_or_else(String::new, |choice| format!("; {}", choice.reason));
    format!("{}:{quantisation} {}{files}{reason}", plan.name, Bytes(plan.bytes))
}

/// Refuses a language model that does not fit this machine even when nothing else runs on it. The header is
/// read, and what it takes is predicted, as `loadmaster estimate` does it.
async fn check(plan: &Plan, config: &Config) -> Result<(), Failed> {
    if plan.header().is_none() || !matches!(plan.kind, Kind::Llm | Kind::Embedding | Kind::Reranker) {
        return Ok(());
    }
    let Some(weights) = plan.weights().next() else { return Ok(()) };
    let local = Source::of(Path::new(&weights.url)).local(&config.network).await?;
    let model = Model { id: plan.name.to_string(), kind: ModelKind::Text, path: local.path().to_owned() };
    let orchestrator = rested::orchestrator(config)?;
    let settings =
        config.models.get(&model.id).map_or_else(Settings::new, |section| section.settings.clone());
    let request = LoadRequest { model, settings };
    let preview = rested::preview(&orchestrator, request).await.map_err(|failed| local.named(failed))?;
    match rested::shortages(&preview) {
        None => Ok(()),
        Some(reason) => Err(ModelsError::Refused {
            reason: format!("{} does not fit this machine: {reason}", plan.name),
            remedy: "Choose a smaller model or quantisation, or pull it all the same with --anyway."
                .to_owned(),
        }
        .into()),
    }
}
