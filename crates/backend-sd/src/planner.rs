//! From what was asked, the model, the build and the machine to a plan: a pure function.

use loadmaster_core::{BackendError, Machine};

use crate::{
    history::Peak,
    model::ModelFiles,
    settings::{Asked, Mode, Settings},
};

/// Resolves every setting; the mode is resident where none was asked for. `device` is the GPU that the build computes on.
pub(crate) fn plan(asked: Asked, model: &ModelFiles, machine: &Machine, device: Option<String>) -> Settings {
    let defaults = model.family.defaults();
    let native = u64::from(defaults.side) * u64::from(defaults.side);
    Settings {
        components: asked.components,
        model_role: model.role.clone(),
        family: model.family.name().to_owned(),
        mode: asked.mode.unwrap_or(Mode::Resident),
        pixels: asked.pixels.unwrap_or(native),
        edits: asked.edits,
        savings: asked.savings,
        weight_type: asked.weight_type,
        threads: asked.threads.unwrap_or_else(|| threads(machine)),
        device,
        lora_bytes: asked.lora_bytes.unwrap_or_default(),
        loras: asked.loras,
        lora_dir: asked.lora_dir,
        steps: asked.steps.unwrap_or(defaults.steps),
        cfg_scale: asked.cfg_scale.unwrap_or(defaults.cfg_scale),
        sampler: asked.sampler.or_else(|| Some(defaults.sampler.to_owned())),
        extra: asked.extra,
        start_timeout: asked.start_timeout.unwrap_or(300),
    }
}

/// Resident where all of it fits into what the plan may have, and where nothing is missing for that alone. `settings`
/// are those of the resident way, and `measured` is what it took here before.
pub(crate) fn choose(
    settings: &Settings,
    model: &ModelFiles,
    machine: &Machine,
    measured: Option<Peak>,
) -> Result<Mode, BackendError> {
    if model.complete(Mode::Resident).is_err() {
        return Ok(Mode::OneShot);
    }
    let resident = model.estimate(settings, measured)?;
    let fits = resident.devices.iter().all(|part| {
        let device = machine.device(part.device.as_str());
        let room = device.map_or(0, |device| device.free.unwrap_or(device.total));
        resident.reservation(&part.device) <= room
    });
    Ok(if fits { Mode::Resident } else { Mode::OneShot })
}

/// Physical cores, within what the process may use: more of them only wait for each other.
fn threads(machine: &Machine) -> u32 {
    u32::try_from(machine.physical_cores.min(machine.usable_threads).max(1)).unwrap_or(1)
}
