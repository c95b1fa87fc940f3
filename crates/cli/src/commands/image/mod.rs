//! `loadmaster image`: images of a description.
//!
//! The same router as `loadmaster serve`, called without a socket, as `run` does it.

mod asked;
mod files;
mod result;
mod shown;
mod wish;

use std::process::ExitCode;

use loadmaster_binaries::Program;
use loadmaster_core::ModelKind;
use loadmaster_images::ImageRequest;
use loadmaster_orchestrator::Orchestrator;

use self::{asked::Asked, files::Files, result::Made, shown::Shown};
use super::{interrupts::Interrupts, pull};
use crate::{
    Failed,
    args::ImageArgs,
    builds,
    config::Config,
    engine,
    failed::INTERRUPTED,
    library::{self, Found},
    offered::{self, Offer},
};

/// The settings of image models that say how large an image memory is reserved for, in pixels, and whether it may begin
/// with a picture.
const PIXELS: &str = "pixels";
const EDITS: &str = "edits";

pub(crate) async fn execute(args: ImageArgs, config: &Config) -> Result<ExitCode, Failed> {
    // What can be wrong is found before anything is fetched or started.
    let (request, files) = (wish::request(&args)?, Files::of(&args)?);
    let Some(mut offer) = chosen(&args, config).await? else { return Ok(ExitCode::from(INTERRUPTED)) };
    if offer.request.model.kind != ModelKind::Image {
        let cause = format!("The model '{}' makes no images", offer.request.model.id);
        return Err(Failed::usage(cause).remedy("`loadmaster run` chats with it."));
    }
    reserve(&mut offer, &request);
    // Held to the end, so that nobody removes it meanwhile.
    let _holds = library::hold([&offer], config).await?;
    // From now on heard here: whatever moment it comes at, servers are ended and nothing half is left.
    let mut interrupts = Interrupts::listen()?;
    tokio::select! {
        ready = builds::ready(config, Program::Sd, true) => ready?,
        () = interrupts.next() => return Ok(ExitCode::from(INTERRUPTED)),
    }
    let orchestrator = engine::start(config)?;
    let Offer { request: load, rules, .. } = offer;
    let model = load.model.id.clone();
    orchestrator.add_with(load, rules).await?;
    let outcome = tokio::select! {
        outcome = with_model(&args, &request, &files, &orchestrator, &model) => outcome,
        () = interrupts.next() => Ok(ExitCode::from(INTERRUPTED)),
    };
    orchestrator.close().await;
    outcome.map_err(|failed| failed.with_logs_in(&config.folders.logs))
}

/// Memory for that image, where the configuration does not say more: so it is planned once.
fn reserve(offer: &mut Offer, request: &ImageRequest) {
    if request.has_input() {
        offer.request.settings.insert(EDITS.to_owned(), true.into());
    }
    let Some(size) = request.size else { return };
    let pixels = u64::from(size.width) * u64::from(size.height);
    let slot = offer.request.settings.entry(PIXELS.to_owned()).or_insert(pixels.into());
    if slot.as_u64().is_some_and(|reserved| reserved < pixels) {
        *slot = pixels.into();
    }
}

/// The model that was named: a section of the configuration, a file, one of the library, or one that is pulled
/// first; `None` when that was interrupted.
async fn chosen(args: &ImageArgs, config: &Config) -> Result<Option<Offer>, Failed> {
    let flags = args.load.flags();
    if let Some(offer) = args.model.to_str().and_then(|name| offered::of_section(name, &flags, config)) {
        return Ok(Some(offer));
    }
    if let Some(found) = library::find(&args.model, config).await? {
        return found.offer(&flags, config).map(Some);
    }
    if let Some(reference) = library::pullable(&args.model, config)? {
        eprintln!("{reference} is not in the library: pulling it");
        let wish = pull::Wish { name: None, anyway: false, quiet: args.json };
        let Some(manifest) = pull::pull(&reference, wish, config).await? else { return Ok(None) };
        return Found::of(manifest, &library::root(config)).offer(&flags, config).map(Some);
    }
    library::known(&args.model, config)?;
    Ok(Some(offered::named(&args.model, &flags, config)))
}

async fn with_model(
    args: &ImageArgs,
    request: &ImageRequest,
    files: &Files,
    orchestrator: &Orchestrator,
    model: &str,
) -> Result<ExitCode, Failed> {
    let router = loadmaster_gateway::router(orchestrator.clone());
    let shown = Shown::begin(model);
    let mut made = Made::new(model);
    let mut asked = Asked::begin(router, model, request).await?;
    while let Some(event) = asked.next().await? {
        shown.show(&event);
        if let Some(completed) = asked::completed(event)? {
            let path = files.keep(model, &completed)?;
            shown.say_made(&completed, path.as_deref(), args.json);
            made.add(&completed, path.as_deref());
        }
    }
    shown.end();
    made.finish(request.n, args.json)?;
    Ok(ExitCode::SUCCESS)
}
