//! `loadmaster estimate`

use std::process::ExitCode;

use loadmaster_control::{Estimated, Fits, Layers, imagined};
use loadmaster_core::{
    Bytes, Device, DeviceEstimate, DeviceId, DeviceKind, EstimateSource, LoadRequest, Model, ModelKind,
};
use loadmaster_models::{PullOptions, Reference};
use loadmaster_orchestrator::{MachineReader, Preview, ThisMachine};

use crate::{
    Failed,
    args::EstimateArgs,
    commands::pull::{self, Headers},
    config::Config,
    engine, kinds,
    library::{self, progress::Shown, rested},
    offered,
    printed::print,
    source::Source,
    table,
};

pub(crate) async fn execute(args: EstimateArgs, config: &Config) -> Result<ExitCode, Failed> {
    let flags = args.plan.flags();
    if let Some(found) = library::find(&args.file, config).await? {
        let here = args.devices.is_empty();
        let request = found.offer(&flags, config)?.request;
        flags.check([(request.model.id.as_str(), request.model.kind)])?;
        return estimate(&args, request, here, config).await;
    }
    // Addresses are read as they are, also those of a hub.
    let is_address = args.file.to_str().is_some_and(|text| text.contains("://"));
    if let Some(reference) = library::pullable(&args.file, config)?.filter(|_| !is_address) {
        return of_reference(&args, &reference, config).await;
    }
    library::known(&args.file, config)?;
    let offer = offered::named(&args.file, &flags, config);
    if offer.request.model.kind == ModelKind::Image {
        flags.check([(offer.request.model.id.as_str(), ModelKind::Image)])?;
        return estimate(&args, offer.request, args.devices.is_empty(), config).await;
    }
    let local = Source::of(&args.file).local(&config.network).await?;
    let here = args.devices.is_empty() && !local.is_fetched();
    let model = Model::from_file(ModelKind::Text, offered::absolute(local.path()));
    // Of what was at an address, only the header that is here now tells what it is for.
    flags.check([(model.id.as_str(), kinds::of(&model.path, &offer.request.settings))])?;
    let request = LoadRequest { model, settings: offer.request.settings };
    estimate(&args, request, here, config).await.map_err(|failed| local.named(failed))
}

/// Of a model of the hub, or with a short name: what `loadmaster pull` would fetch.
async fn of_reference(
    args: &EstimateArgs,
    reference: &Reference,
    config: &Config,
) -> Result<ExitCode, Failed> {
    let puller = pull::puller(config).await?;
    let options = PullOptions { budget: rested::budget(config).await?, ..PullOptions::default() };
    let shown = Shown::begin(true);
    let plan = puller.plan(reference, options, &shown.job).await;
    shown.end();
    let (plan, flags) = (plan?, args.plan.flags());
    let Some(headers) = Headers::of(&plan, &flags, config)? else {
        let cause = format!("What {} takes is told by the whole model, of {}", plan.name, Bytes(plan.bytes));
        return Err(Failed::because(cause).remedy(format!(
            "Get it first: `loadmaster pull {reference}` checks that it fits this machine."
        )));
    };
    flags.check([(headers.request.model.id.as_str(), headers.request.model.kind)])?;
    let estimated = estimate(args, headers.request.clone(), false, config).await;
    estimated.map_err(|failed| headers.named(failed))
}

/// Estimates for the machine that was asked about. `here` says that it is this one, and that the model's
/// data is here too.
async fn estimate(
    args: &EstimateArgs,
    mut request: LoadRequest,
    here: bool,
    config: &Config,
) -> Result<ExitCode, Failed> {
    check_names(&args.devices)?;
    let gpus: Vec<Device> = args.devices.iter().map(|(id, Bytes(bytes))| gpu(id, *bytes)).collect();
    if gpus.len() > 1 && request.model.kind != ModelKind::Image {
        // A plan takes one device unless it is told of more.
        let names = gpus.iter().map(|gpu| gpu.id.to_string()).collect();
        request.settings.insert("device".to_owned(), names);
    }
    let machine = imagined(ThisMachine::new().read().await?, &gpus, &request.settings);
    let orchestrator = engine::start(config)?;
    let estimated = Estimated::of(&orchestrator, &request, &machine, here).await?;
    if args.json {
        let json =
            serde_json::to_value(estimated.figures()).map_err(|error| Failed::because(error.to_string()))?;
        print(&format!("{json:#}\n"))?;
    } else {
        print(&shown(&estimated.preview, estimated.fits.as_ref()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a name that stands for two GPUs.
fn check_names(devices: &[(String, Bytes)]) -> Result<(), Failed> {
    let twice =
        |(place, (id, _)): &(usize, &(String, Bytes))| devices[..*place].iter().any(|(other, _)| other == id);
    match devices.iter().enumerate().find(twice) {
        None => Ok(()),
        Some((_, (id, _))) => Err(Failed::usage(format!("--device names {id} twice"))
            .remedy("Give each GPU a name of its own, such as CUDA0 and CUDA1.")),
    }
}

fn gpu(id: &str, bytes: u64) -> Device {
    Device {
        id: DeviceId::from(id),
        name: id.to_owned(),
        kind: DeviceKind::Discrete,
        aliases: Vec::new(),
        total: bytes,
        free: Some(bytes),
    }
}

fn shown(preview: &Preview, fits: Option<&Fits>) -> String {
    let devices = &preview.estimate.devices;
    let cells = |name: &str, part: fn(&DeviceEstimate) -> u64| {
        let bytes = devices.iter().map(|device| Bytes(part(device)).to_string());
        std::iter::once(name.to_owned()).chain(bytes).collect::<Vec<_>>()
    };
    let heading = devices.iter().map(|device| device.device.to_string());
    let rows = [
        std::iter::once(String::new()).chain(heading).collect(),
        cells("weights", |device| device.weights),
        cells("KV cache", |device| device.kv_cache),
        cells("compute", |device| device.compute),
        cells("other", |device| device.other),
        cells("total", DeviceEstimate::total),
    ];
    let mut lines = vec![table::lined_up(&rows)];
    let source = match preview.estimate.source {
        EstimateSource::Computed => "computed from the model's header",
        EstimateSource::Asked => "as the server says of itself",
        EstimateSource::Measured => "as measured at its last start here",
    };
    lines
        .push(format!("{source}, to within {} %, which is reserved on top", preview.estimate.margin_percent));
    lines.extend(preview.shortages.iter().map(|shortage| format!("does not fit: {shortage}")));
    if let Some(fits) = fits {
        lines.extend(what_fits(preview, fits));
    }
    lines.join("\n") + "\n"
}

/// What would fit of a language model, a line for each.
fn what_fits(preview: &Preview, fits: &Fits) -> Vec<String> {
    let mut lines = Vec::new();
    let plan = |name: &str| &preview.plan.settings[name];
    let gpus = if plan("devices").as_array().is_some_and(|gpus| gpus.len() > 1) { "GPUs" } else { "GPU" };
    let layers =
        fits.layers.map(|layers| format!(", {} of {} layers on the {gpus}", plan("gpu_layers"), layers.all));
    lines.push(format!("at a context of {} tokens{}", plan("context_length"), layers.unwrap_or_default()));
    let place = if fits.layers.is_some() {
        format!("with all layers on the {gpus}")
    } else {
        "on the host".to_owned()
    };
    lines.push(match fits.longest_context {
        Some(tokens) if fits.trained_context == Some(tokens) => {
            format!("longest context {place}: {tokens} tokens, which is what the model was trained on")
        }
        Some(tokens) => format!("longest context {place}: {tokens} tokens"),
        None => format!("no context fits {place}"),
    });
    if let Some(Layers { most, all }) = fits.layers {
        lines.push(match most {
            Some(most) => format!("most layers on the {gpus} at this context: {most} of {all}"),
            None => {
                "no number of layers fits at this context: the host has too little for the rest".to_owned()
            }
        });
    }
    lines
}
