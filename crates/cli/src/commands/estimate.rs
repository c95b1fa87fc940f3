//! `loadmaster estimate`

use std::{path::Path, process::ExitCode, sync::Arc};

use loadmaster_core::{
    Bytes, Device, DeviceEstimate, DeviceId, DeviceKind, EstimateSource, Machine, Settings, async_trait,
};
use loadmaster_gguf::Header;
use loadmaster_orchestrator::{MachineReader, Orchestrator, OrchestratorError, Preview, ThisMachine};
use serde_json::{Value, json};

use crate::{Failed, args::EstimateArgs, config::Config, engine, source::Source, table};

/// Contexts are looked for in steps of so many tokens, as llama.cpp pads them.
const STEP: u64 = 256;

/// The longest context that is looked for when a model does not say what it was trained on, in tokens.
const MOST: u64 = 1 << 20;

pub(crate) async fn execute(args: EstimateArgs, config: &Config) -> Result<ExitCode, Failed> {
    let local = Source::of(&args.file).local(&config.network).await?;
    let here = args.devices.is_empty() && !local.is_fetched();
    estimate(&args, local.path(), here, config).await.map_err(|failed| local.named(failed))
}

/// Estimates for the machine that was asked about. `here` says that it is this one, and that the model's
/// data is here too.
async fn estimate(args: &EstimateArgs, file: &Path, here: bool, config: &Config) -> Result<ExitCode, Failed> {
    let gpus: Vec<Device> = args.devices.iter().map(|(id, Bytes(bytes))| gpu(id, *bytes)).collect();
    let mut settings = args.plan.settings();
    if gpus.len() > 1 {
        // A plan takes one device unless it is told of more.
        settings.insert("device".to_owned(), gpus.iter().map(|gpu| gpu.id.to_string()).collect());
    }
    let orchestrator = engine::start_on(config, Arc::new(Imagined { gpus, real: ThisMachine::new() }))?;
    let asked = Question { orchestrator: &orchestrator, file, settings };
    let imagined = asked.preview(&[]).await?;
    let fits = asked.what_fits(&imagined).await?;
    let known = if here { known_here(file, asked.settings, config).await } else { None };
    let preview = known.unwrap_or(imagined);
    if args.json {
        println!("{:#}", as_json(&preview, &fits));
    } else {
        print!("{}", shown(&preview, &fits));
    }
    Ok(ExitCode::SUCCESS)
}

/// What this machine's own server says of the plan, or what it took at its last start. `None` without a
/// server that can say: then what was computed has to do.
async fn known_here(file: &Path, settings: Settings, config: &Config) -> Option<Preview> {
    let orchestrator = engine::start(config).ok()?;
    orchestrator.preview_of(engine::request(file, settings)).await.ok()
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
    real: ThisMachine,
}

#[async_trait]
impl MachineReader for Imagined {
    async fn read(&self) -> Result<Machine, OrchestratorError> {
        let mut machine = self.real.read().await?;
        // Software GPUs are no capacity, and this machine's are not the ones that were asked about.
        let real = |kind| matches!(kind, DeviceKind::Discrete | DeviceKind::Integrated);
        machine.devices.retain(|device| match device.kind {
            DeviceKind::Host => true,
            kind => self.gpus.is_empty() && real(kind),
        });
        machine.devices.extend(self.gpus.iter().cloned());
        machine.hypothetical = true;
        Ok(machine)
    }
}

/// What would fit on this machine, whatever was asked for.
#[derive(Debug)]
struct Fits {
    /// Layers on the GPU, the output layer among them; `None` without a GPU.
    gpu_layers: Option<u64>,
    /// The longest context, in tokens, with the whole model on the GPU (or without one, on the host).
    /// `None` when not even the shortest fits.
    longest_context: Option<u64>,
}

struct Question<'a> {
    orchestrator: &'a Orchestrator,
    file: &'a Path,
    settings: Settings,
}

impl Question<'_> {
    /// What was asked for, with some settings changed.
    async fn preview(&self, changed: &[(&str, Value)]) -> Result<Preview, Failed> {
        let mut settings = self.settings.clone();
        for (name, value) in changed {
            settings.insert((*name).to_owned(), value.clone());
        }
        Ok(self.orchestrator.preview_of(engine::request(self.file, settings)).await?)
    }

    async fn what_fits(&self, preview: &Preview) -> Result<Fits, Failed> {
        let has_gpu = preview.machine.devices.iter().any(|device| device.kind != DeviceKind::Host);
        let mut unasked = self.settings.clone();
        unasked.remove("gpu_layers");
        let planned = self.orchestrator.preview_of(engine::request(self.file, unasked)).await?;
        let gpu_layers = planned.plan.settings["gpu_layers"].as_u64().filter(|_| has_gpu);
        Ok(Fits { gpu_layers, longest_context: self.longest_context(has_gpu).await? })
    }

    /// Looks for the longest context that fits, by halving, up to what the model was trained on.
    async fn longest_context(&self, on_gpu: bool) -> Result<Option<u64>, Failed> {
        let layers = if on_gpu { json!("all") } else { json!(0) };
        let trained = Header::open(self.file).ok().and_then(|header| header.arch_u64("context_length"));
        let (mut fits, mut too_long) = (0, trained.unwrap_or(MOST) / STEP + 1);
        while too_long - fits > 1 {
            let middle = u64::midpoint(fits, too_long);
            let changed = [("context_length", json!(middle * STEP)), ("gpu_layers", layers.clone())];
            if self.preview(&changed).await?.shortages.is_empty() { fits = middle } else { too_long = middle }
        }
        Ok((fits > 0).then_some(fits * STEP))
    }
}

fn as_json(preview: &Preview, fits: &Fits) -> Value {
    json!({
        "model": preview.plan.model.id,
        "backend": preview.plan.backend,
        "source": preview.estimate.source,
        "margin_percent": preview.estimate.margin_percent,
        "plan": preview.plan.settings,
        "devices": preview.estimate.devices,
        "shortages": preview.shortages,
        "fits": { "gpu_layers": fits.gpu_layers, "longest_context": fits.longest_context },
    })
}

fn shown(preview: &Preview, fits: &Fits) -> String {
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
    lines.push(match preview.estimate.source {
        EstimateSource::Computed => "computed from the model's header".to_owned(),
        EstimateSource::Asked => "as llama-server says of itself".to_owned(),
        EstimateSource::Measured => "as measured at its last start here".to_owned(),
    });
    let plan = |name: &str| &preview.plan.settings[name];
    let layers = match fits.gpu_layers {
        Some(_) => format!(", {} layers on the GPU", plan("gpu_layers")),
        None => String::new(),
    };
    lines.push(format!("at a context of {} tokens{layers}", plan("context_length")));
    let problems = preview.shortages.iter().map(|shortage| format!("does not fit: {shortage}"));
    lines.extend(problems);
    let place = if fits.gpu_layers.is_some() { "with all layers on the GPU" } else { "on the host" };
    lines.push(match fits.longest_context {
        Some(tokens) => format!("longest context {place}: {tokens} tokens"),
        None => format!("no context fits {place}"),
    });
    if let Some(layers) = fits.gpu_layers {
        lines.push(format!("most layers on the GPU at this context: {layers}"));
    }
    lines.join("\n") + "\n"
}
