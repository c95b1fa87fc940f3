//! `loadmaster pull`

use std::process::ExitCode;

use loadmaster_core::{Bytes, LoadRequest, Model, ModelKind};
use loadmaster_models::{
    Budget, Catalog, Hub, Kind, Manifest, ModelName, ModelsError, Origin, Plan, PullOptions, Puller,
    Reference,
};
use tempfile::TempDir;

use crate::{
    Failed,
    args::PullArgs,
    config::{self, Config},
    library::{self, progress::Shown, recommended, rested},
    load_flags::LoadFlags,
    offered,
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
        print(&library::arrived(&manifest))?;
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
    let budget = rested::budget(config).await?;
    let options = PullOptions { name: wish.name, budget, anyway: wish.anyway };
    let shown = Shown::begin(wish.quiet);
    let work = async {
        let plan = puller.plan(reference, options, &shown.job).await?;
        if !wish.quiet {
            shown.say(&announced(&plan));
        }
        if !wish.anyway {
            check(&plan, budget, config).await?;
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

/// What brings models from the hub into the library.
pub(crate) async fn puller(config: &Config) -> Result<Puller, Failed> {
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

/// What is missing for a model that does not fit this machine even when nothing else runs on it.
pub(crate) async fn shortage(plan: &Plan, budget: Budget, config: &Config) -> Result<Option<String>, Failed> {
    Ok(match plan.kind {
        Kind::Llm | Kind::Embedding | Kind::Reranker => predicted_shortage(plan, config).await?,
        Kind::Diffusion => shortage_of_weights(plan, budget),
        _ => None,
    })
}

async fn check(plan: &Plan, budget: Budget, config: &Config) -> Result<(), Failed> {
    match shortage(plan, budget, config).await? {
        None => Ok(()),
        Some(reason) => Err(ModelsError::Refused {
            reason: format!("{} does not fit this machine: {reason}", plan.name),
            remedy: "Choose a smaller model or quantisation, or pull it all the same with --anyway."
                .to_owned(),
        }
        .into()),
    }
}

/// What is missing for a diffusion model, whose parts are loaded one after the other where memory is scarce: the
/// largest of them must fit at least.
fn shortage_of_weights(plan: &Plan, budget: Budget) -> Option<String> {
    let has = budget.host.saturating_add(budget.accelerators);
    let largest = plan.files.iter().max_by_key(|file| file.size)?;
    let needs = largest.size.filter(|&size| size > has)?;
    Some(format!("{} alone needs {}, there is {}", largest.path, Bytes(needs), Bytes(has)))
}

/// What is missing for a language model. What it takes is predicted from its header, as `loadmaster estimate` does
/// it; the header is here since the plan was made.
async fn predicted_shortage(plan: &Plan, config: &Config) -> Result<Option<String>, Failed> {
    let Some(headers) = Headers::of(plan, &LoadFlags::default(), config)? else { return Ok(None) };
    let orchestrator = rested::orchestrator(config)?;
    let preview = rested::preview(&orchestrator, headers.request.clone()).await;
    Ok(rested::shortages(&preview.map_err(|failed| headers.named(failed))?))
}

/// The headers of a model that is not here, in files that go with this.
#[derive(Debug)]
pub(crate) struct Headers {
    /// How the model would be loaded, were it here.
    pub(crate) request: LoadRequest,
    /// Where they came from.
    from: String,
    _folder: TempDir,
}

impl Headers {
    /// Those that were read for a plan; `None` where no plan of memory can be made of them.
    pub(crate) fn of(plan: &Plan, flags: &LoadFlags, config: &Config) -> Result<Option<Self>, Failed> {
        let Some(weights) = plan.weights().next() else { return Ok(None) };
        let whole = plan.header().map_or(Ok(()), loadmaster_gguf::Header::check_whole);
        whole.map_err(|error| Source::Url(&weights.url).unusable(&error))?;
        let folder = source::folder_of_headers()?;
        let (kind, path) = match (plan.kind, plan.header()) {
            (Kind::Diffusion, _) => (ModelKind::Image, plan.save_outline(folder.path())?),
            (_, Some(_)) => (ModelKind::Text, plan.save_heads(folder.path())?),
            (_, None) => return Ok(None),
        };
        let Some(path) = path else { return Ok(None) };
        let model = Model { id: plan.name.to_string(), kind, path };
        let own = recommended::settings(kind, &plan.recommended);
        let request = offered::with_section(model, own, flags, config).request;
        let from = loadmaster_fetch::without_secrets(&weights.url);
        Ok(Some(Self { request, from, _folder: folder }))
    }

    /// A failure about the files, told of where they came from.
    pub(crate) fn named(&self, failed: Failed) -> Failed {
        failed.renamed(&self.request.model.path.display().to_string(), &self.from)
    }
}
