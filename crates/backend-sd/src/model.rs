//! What a model is, by its files: its family, what it lacks, and what it takes of memory.

use std::path::Path;

use loadmaster_checkpoint::{
    CheckpointError, Family, Parts, Role, Runs,
    memory::{self, Ask, Basis, Gpu, PhaseMemory, Source},
};
use loadmaster_core::{BackendError, DeviceEstimate, DeviceId, Estimate, EstimateSource};
use loadmaster_gguf::TensorType;

use crate::{
    components::Components,
    history::Peak,
    settings::{Mode, Settings},
};

/// How far above a prediction the truth may lie, in percent, where the family was compared with the engine
/// (checkpoint's README; sd.cpp's heap keeps some MiB more at times), and where it was not.
const MARGIN: u8 = 2;
const MARGIN_OF_THE_UNKNOWN: u8 = 10;

/// A model's headers.
#[derive(Debug, Clone)]
pub(crate) struct ModelFiles {
    pub(crate) parts: Parts,
    pub(crate) family: Family,
    /// What the model's own file is: a role, or `model` for all of them.
    pub(crate) role: String,
}

fn runs(mode: Mode) -> Runs {
    match mode {
        Mode::Resident => Runs::Resident,
        Mode::OneShot => Runs::OneShot,
    }
}

/// As core's error.
fn unreadable(path: &Path, error: &CheckpointError) -> BackendError {
    match error {
        CheckpointError::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
            BackendError::ModelMissing { path: path.clone() }
        }
        error => BackendError::ModelUnreadable {
            path: path.to_owned(),
            cause: error.to_string(),
            remedy: error.remedy(),
        },
    }
}

impl ModelFiles {
    /// Reads the headers. Blocks.
    pub(crate) fn open(path: &Path, components: &Components) -> Result<Self, BackendError> {
        let mut parts = Parts::open(path).map_err(|error| unreadable(path, &error))?;
        for (role, file) in &components.0 {
            let known: Role = role.parse().map_err(|error| unreadable(file, &error))?;
            parts = parts.with(known, file).map_err(|error| unreadable(file, &error))?;
        }
        let family = parts
            .family()
            .ok_or_else(|| unreadable(path, &CheckpointError::UnknownFamily { path: path.to_owned() }))?;
        if !family.is_runnable() {
            return Err(BackendError::ModelUnreadable {
                path: path.to_owned(),
                cause: format!("stable-diffusion.cpp makes no images with models of the family {family}"),
                remedy: "Take a model of another family.".to_owned(),
            });
        }
        let role = parts.main_role().map_or("model", Role::as_str).to_owned();
        Ok(Self { parts, family, role })
    }

    /// Refuses what would not start so, or crash at the first image.
    pub(crate) fn complete(&self, mode: Mode) -> Result<(), BackendError> {
        let missing = self.parts.missing(runs(mode));
        let Some(first) = missing.first() else { return Ok(()) };
        let cause: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let roles: Vec<&str> = missing.iter().map(|missing| missing.role.as_str()).collect();
        Err(BackendError::ModelUnreadable {
            path: self.parts.main().path.clone(),
            cause: format!("{} ({})", cause.join("; "), self.family),
            remedy: format!(
                "Name a file for {} in the model's components: components = {{ {} = \"FILE\" }}.",
                roles.join(", "),
                first.role
            ),
        })
    }

    /// What a plan takes, by phase.
    fn memory(&self, settings: &Settings) -> Result<PhaseMemory, BackendError> {
        let savings = settings.savings;
        let gpu = settings.device.is_some().then_some(Gpu {
            offload_to_cpu: savings.offload_to_cpu,
            clip_on_cpu: savings.clip_on_cpu,
            vae_on_cpu: savings.vae_on_cpu,
            control_net_on_cpu: false,
        });
        let ask = Ask {
            flash_attention: savings.flash_attention,
            vae_tiling: savings.vae_tiling,
            vae_conv_direct: savings.vae_conv_direct,
            weight_type: settings.weight_type.as_deref().and_then(tensor_type),
            loras: settings.lora_bytes,
            source: if settings.edits { Source::Picture } else { Source::Text },
            gpu,
            ..Ask::of_pixels(settings.pixels)
        };
        memory::peak(&self.parts, &ask).map_err(|error| unreadable(&self.parts.main().path, &error))
    }

    /// What `settings` take: the peak, of which what it takes while it rests is told apart.
    pub(crate) fn estimate(
        &self,
        settings: &Settings,
        measured: Option<Peak>,
    ) -> Result<Estimate, BackendError> {
        let on_gpu = settings.device.is_some();
        let memory = self.memory(settings)?;
        let peak = memory.peak(runs(settings.mode));
        let idle = match settings.mode {
            Mode::Resident => memory.idle,
            Mode::OneShot => memory::Usage::default(),
        };
        let weights = [memory.text, memory.denoiser, memory.decoder].map(|phase| phase.weights);
        // What was measured was without LoRAs: those of one request come on top, at twice their files' size, as they
        // do in the prediction.
        let loras = settings.lora_bytes.saturating_mul(2);
        let (on_host, on_card) = if on_gpu { (0, loras) } else { (loras, 0) };
        let host = measured.map_or(peak.host, |measured| measured.host.saturating_add(on_host));
        let mut devices = vec![part(
            DeviceId::host(),
            host,
            idle.host.min(host),
            weights.iter().map(|w| w.host).sum(),
            memory.program.host,
        )];
        // What the programs print of a GPU's buffers, and what its driver takes beside them.
        let on_device = measured
            .and_then(|measured| measured.device)
            .map(|buffers| buffers.saturating_add(memory.program.device).saturating_add(on_card));
        if let Some(device) = &settings.device {
            let weights = weights.iter().map(|w| w.device).sum();
            let device = DeviceId::from(device.as_str());
            let most = on_device.unwrap_or(peak.device);
            devices.push(part(device, most, idle.device.min(most), weights, memory.program.device));
        }
        let (source, margin_percent) = match (measured, memory.basis) {
            (Some(_), _) if !on_gpu || on_device.is_some() => (EstimateSource::Measured, 1),
            (_, Basis::Measured) => (EstimateSource::Computed, MARGIN),
            _ => (EstimateSource::Computed, MARGIN_OF_THE_UNKNOWN),
        };
        Ok(Estimate { source, margin_percent, devices })
    }
}

/// A peak on one device, of which `idle` is there all the time. What comes and goes counts as `mapped`: the machine's
/// free memory has it while nothing is painted, although it is spoken for.
fn part(device: DeviceId, peak: u64, idle: u64, weights: u64, program: u64) -> DeviceEstimate {
    let weights = weights.min(peak);
    let other = program.min(peak - weights);
    DeviceEstimate {
        weights,
        other,
        compute: peak - weights - other,
        mapped: peak - idle,
        ..DeviceEstimate::on(device)
    }
}

/// The type that `--type` names.
pub(crate) fn tensor_type(name: &str) -> Option<TensorType> {
    let called = |kind: &&TensorType| kind.name().is_some_and(|known| known.eq_ignore_ascii_case(name));
    TensorType::ALL.iter().find(called).copied()
}
