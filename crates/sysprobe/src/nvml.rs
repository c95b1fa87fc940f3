//! NVIDIA cards, asked through the management library that comes with the driver.

use std::ffi::OsStr;

use nvml_wrapper::{
    Device, Nvml, enums::device::UsedGpuMemory, error::NvmlError, struct_wrappers::device::ProcessInfo,
};

use crate::{CudaCapability, MemoryReading, Note, ProcessOnCard, RawNvml, os, raw::Answer};

/// Everything NVML says. No library at all is an empty answer without a note.
pub(crate) fn ask() -> Answer {
    match open() {
        Ok(nvml) => Answer { nvml: cards(&nvml), ..Answer::default() },
        Err(error) => init_note(&error).map_or_else(Answer::default, Answer::only),
    }
}

/// Opens the library under its usual name, then in the places it hides in.
fn open() -> Result<Nvml, NvmlError> {
    let mut result = Nvml::init();
    for path in os::nvml_fallbacks() {
        if !matches!(result, Err(NvmlError::LibloadingError(_))) {
            break;
        }
        if path.exists() {
            result = Nvml::builder().lib_path(OsStr::new(&path)).init();
        }
    }
    result
}

/// What a failed start means for the user.
fn init_note(error: &NvmlError) -> Option<Note> {
    match error {
        NvmlError::LibloadingError(_) => None,
        NvmlError::DriverNotLoaded => Some(Note::new(
            "the NVIDIA driver is installed but its kernel module is not loaded",
            "load it with `modprobe nvidia`, or reboot; in a container start it with GPU access \
             (`--gpus all`)",
        )),
        NvmlError::LibRmVersionMismatch => Some(Note::new(
            "the NVIDIA driver was updated while it was running: its library and its kernel \
             module have different versions",
            "reboot",
        )),
        NvmlError::NoPermission => Some(Note::new(
            "this user may not talk to the NVIDIA driver",
            "give this user read and write access to /dev/nvidiactl and /dev/nvidia*",
        )),
        other => Some(Note::new(
            format!("the NVIDIA driver could not be asked: {other}"),
            "see whether `nvidia-smi` works, and reinstall the NVIDIA driver if it does not",
        )),
    }
}

/// All cards; a card in MIG mode is replaced by its instances, since nothing can run on the whole.
fn cards(nvml: &Nvml) -> Vec<RawNvml> {
    let driver = nvml.sys_driver_version().ok();
    let mut cards = Vec::new();
    for index in 0..nvml.device_count().unwrap_or(0) {
        let Ok(device) = nvml.device_by_index(index) else {
            continue;
        };
        let card = describe(&device, index, driver.as_ref());
        let instances = mig_instances(&device, &card);
        if instances.is_empty() {
            cards.push(card);
        } else {
            cards.extend(instances);
        }
    }
    cards
}

/// The parts of a divided card. Empty if it is not divided, or the driver cannot say.
fn mig_instances(card: &Device<'_>, whole: &RawNvml) -> Vec<RawNvml> {
    let divided = card.mig_mode().is_ok_and(|mode| mode.current == MIG_ENABLED);
    let count = if divided { card.mig_device_count().unwrap_or(0) } else { 0 };
    (0..count)
        .filter_map(|slot| card.mig_device_by_index(slot).ok())
        .map(|part| {
            let mut raw = describe(&part, whole.index, whole.driver_version.as_ref());
            raw.cuda_capability = raw.cuda_capability.or(whole.cuda_capability);
            raw
        })
        .collect()
}

/// `NVML_DEVICE_MIG_ENABLE` of nvml.h.
const MIG_ENABLED: u32 = 1;

/// One card. "Not supported" is an ordinary answer to any of these questions.
fn describe(device: &Device<'_>, index: u32, driver: Option<&String>) -> RawNvml {
    RawNvml {
        index,
        name: device.name().ok(),
        uuid: device.uuid().ok(),
        pci_address: device.pci_info().ok().map(|pci| pci.bus_id),
        memory: device
            .memory_info()
            .ok()
            .map(|memory| MemoryReading { total: memory.total, free: memory.free }),
        driver_version: driver.cloned(),
        cuda_capability: device.cuda_compute_capability().ok().and_then(|version| {
            Some(CudaCapability {
                major: u32::try_from(version.major).ok()?,
                minor: u32::try_from(version.minor).ok()?,
            })
        }),
        processes: device
            .running_compute_processes()
            .map(|processes| processes.iter().filter_map(process).collect())
            .unwrap_or_default(),
    }
}

/// Windows' own memory management keeps the figure from the driver.
fn process(info: &ProcessInfo) -> Option<ProcessOnCard> {
    match info.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => Some(ProcessOnCard { pid: info.pid, bytes }),
        UsedGpuMemory::Unavailable => None,
    }
}
