//! `loadmaster estimate`

mod fits;

use std::{process::ExitCode, sync::Arc};

use loadmaster_core::{
    Bytes, Device, DeviceEstimate, DeviceId, DeviceKind, EstimateSource, LoadRequest, Machine, Model,
    ModelKind, async_trait,
};
use loadmaster_orchestrator::{MachineReader, OrchestratorError, Preview, ThisMachine};
use serde_json::{Value, json};

use self::fits::{Fits, Layers, Question};
use crate::{
    Failed, args::EstimateArgs, config::Config, engine, library, offered, printed::print, source::Source,
    table,
};

pub(crate) async fn execute(args: EstimateArgs, config: &Config) -> Result<ExitCode, Failed> {
    let flags = args.plan.settings();
    if let Some(found) = library::find(&args.file, config).await? {
        let here = args.devices.is_empty();
        return estimate(&args, found.offer(&flags, config)?.request, here, config).await;
    }
    library::known(&args.file, config)?;
    let offer = offered::named(&args.file, &flags, config);
    if offer.request.model.kind == ModelKind::Image {
        return estimate(&args, offer.request, args.devices.is_empty(), config).await;
    }
    let local = Source::of(&args.file).local(&config.network).await?;
    let here = args.devices.is_empty() && !local.is_fetched();
    let model = Model::from_file(ModelKind::Text, offered::absolute(local.path()));
    let request = LoadRequest { model, settings: flags };
    estimate(&args, request, here, config).await.map_err(|failed| local.named(failed))
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
    let is_image = request.model.kind == ModelKind::Image;
    let gpus: Vec<Device> = args.devices.iter().map(|(id, Bytes(bytes))| gpu(id, *bytes)).collect();
    let settings = &mut request.settings;
    if gpus.len() > 1 && !is_image {
        // A plan takes one device unless it is told of more.
        settings.insert("device".to_owned(), gpus.iter().map(|gpu| gpu.id.to_string()).collect());
    }
    let asks_for_layers = settings.get("gpu_layers").is_some_and(|layers| *layers != json!(0));
    let machine = Imagined { gpus, software: asks_for_layers, real: ThisMachine::new() };
    let orchestrator = engine::start_on(config, Arc::new(machine))?;
    let asked = Question { orchestrator: &orchestrator, request };
    let imagined = asked.preview(&[]).await?;
    // What makes images has neither layers nor a context to choose.
    let fits = if is_image { None } else { Some(asked.what_fits(&imagined).await?) };
    let known = if here { known_here(asked.request, config).await } else { None };
    let preview = known.unwrap_or(imagined);
    if args.json {
        print(&format!("{:#}\n", as_json(&preview, fits.as_ref())))?;
    } else {
        print(&shown(&preview, fits.as_ref()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What this machine's own server says of the plan, or what it took at its last start. `None` without a
/// server that can say: then what was computed has to do.
async fn known_here(request: LoadRequest, config: &Config) -> Option<Preview> {
    let orchestrator = engine::start(config).ok()?;
    orchestrator.preview_of(request).await.ok()
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

/// This machine, with the GPUs that were asked about instead of its own. Nothing is started on it, so no
/// server need be installed.
#[derive(Debug)]
struct Imagined {
    gpus: Vec<Device>,
    /// Whether this machine's software GPUs count: they are no capacity, and take layers that are asked for
    /// where there is nothing better.
    software: bool,
    real: ThisMachine,
}

#[async_trait]
impl MachineReader for Imagined {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let mut machine = self.real.read().await?;
        machine.devices.retain(|device| match device.kind {
            DeviceKind::Host => true,
            DeviceKind::Software => self.gpus.is_empty() && self.software,
            _ => self.gpus.is_empty(),
        });
        machine.devices.extend(self.gpus.iter().cloned());
        machine.hypothetical = true;
        Ok(machine)
    }
}

fn as_json(preview: &Preview, fits: Option<&Fits>) -> Value {
    let fits = fits.map(|fits| {
        json!({ "gpu_layers": fits.layers.and_then(|layers| layers.most), "longest_context": fits.longest_context })
    });
    json!({
        "model": preview.plan.model.id,
        "backend": preview.plan.backend,
        "source": preview.estimate.source,
        "margin_percent": preview.estimate.margin_percent,
        "plan": preview.plan.settings,
        "devices": preview.estimate.devices,
        "shortages": preview.shortages,
        "fits": fits,
    })
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
