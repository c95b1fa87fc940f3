//! From what was asked, the model and the machine to a plan: a pure function.

use loadmaster_core::{BackendError, Device, DeviceKind, Machine};

use crate::{
    memory::{self, ModelShape},
    server::ServerDevice,
    settings::{Asked, CacheType, FlashAttention, GpuLayers, Settings},
};

/// The longest context that is taken without being asked for, in tokens.
const CONTEXT_UNASKED: u32 = 8192;

/// What is left free on a GPU for its driver and for others, in bytes (llama.cpp's own fit leaves 1 GiB).
const GPU_HEADROOM: u64 = 512 << 20;

/// Resolves every setting.
pub(crate) fn plan(
    asked: Asked,
    shape: &ModelShape,
    machine: &Machine,
    server_devices: &[ServerDevice],
) -> Result<Settings, BackendError> {
    let trained = shape.trained_context.and_then(|trained| u32::try_from(trained).ok());
    let context =
        asked.context_length.unwrap_or_else(|| trained.unwrap_or(CONTEXT_UNASKED).min(CONTEXT_UNASKED));
    let batch_size = asked.batch_size.unwrap_or(2048);
    let mut settings = Settings {
        context_length: context.max(1),
        gpu_layers: 0,
        device: None,
        server_device: None,
        threads: asked.threads.unwrap_or_else(|| threads(machine)),
        parallel: asked.parallel.unwrap_or(1),
        cache_type_k: asked.cache_type_k.unwrap_or(CacheType::F16),
        cache_type_v: asked.cache_type_v.unwrap_or(CacheType::F16),
        flash_attention: asked.flash_attention.unwrap_or(FlashAttention::Auto),
        batch_size,
        ubatch_size: asked.ubatch_size.unwrap_or(512).min(batch_size),
        mmap: asked.mmap.unwrap_or(true),
        prompt_cache: asked.prompt_cache.unwrap_or(0),
        extra: asked.extra,
        start_timeout: asked.start_timeout.unwrap_or(300),
    };
    let all = shape.layers().saturating_add(1);
    let wanted = asked.gpu_layers.map(|layers| match layers {
        GpuLayers::All => all,
        GpuLayers::Number(number) => number.min(all),
    });
    if wanted == Some(0) {
        return Ok(settings);
    }
    let chosen = choose(asked.device.as_deref(), wanted.is_some(), machine, server_devices)?;
    let Some((device, server_device)) = chosen else {
        return Ok(settings);
    };
    settings.device = Some(device.id.to_string());
    settings.server_device = Some(server_device.name.clone());
    settings.gpu_layers = wanted.unwrap_or_else(|| most_layers(&settings, all, shape, device));
    if settings.gpu_layers == 0 {
        (settings.device, settings.server_device) = (None, None);
    }
    Ok(settings)
}

/// Physical cores: generation is bound by memory, and more threads than cores slow it down.
fn threads(machine: &Machine) -> u32 {
    u32::try_from(machine.physical_cores.min(machine.usable_threads).max(1)).unwrap_or(1)
}

/// The device that takes the GPU layers. A software device is taken only when it is named, or when
/// layers are asked for and there is no other.
fn choose<'a>(
    named: Option<&str>,
    layers_asked: bool,
    machine: &'a Machine,
    server_devices: &'a [ServerDevice],
) -> Result<Option<(&'a Device, &'a ServerDevice)>, BackendError> {
    let usable = pair(machine, server_devices);
    if let Some(name) = named {
        let found = usable.iter().find(|(device, server)| device.is_called(name) || server.name == name);
        let ids: Vec<&str> = usable.iter().map(|(device, _)| device.id.as_str()).collect();
        return found.copied().map(Some).ok_or_else(|| BackendError::BadSetting {
            name: "device".to_owned(),
            value: name.to_owned(),
            expected: match ids.as_slice() {
                [] => "this llama-server can use no GPU here".to_owned(),
                ids => format!("this llama-server can use {}", ids.join(", ")),
            },
        });
    }
    let best = |software: bool| {
        let real = usable.iter().filter(|(device, _)| (device.kind == DeviceKind::Software) == software);
        real.max_by_key(|(device, _)| device.free.unwrap_or(device.total)).copied()
    };
    let chosen = best(false).or_else(|| best(true).filter(|_| layers_asked));
    if layers_asked && chosen.is_none() {
        return Err(BackendError::BadSetting {
            name: "gpu_layers".to_owned(),
            value: "GPU layers".to_owned(),
            expected: "this llama-server can use no GPU here; `loadmaster probe` lists what there is"
                .to_owned(),
        });
    }
    Ok(chosen)
}

/// Pairs the machine's GPUs with the names that the server has for them: the n-th of one name here
/// is the n-th of that name there.
fn pair<'a>(machine: &'a Machine, server_devices: &'a [ServerDevice]) -> Vec<(&'a Device, &'a ServerDevice)> {
    let mut left: Vec<&Device> = machine.devices.iter().filter(|d| d.kind != DeviceKind::Host).collect();
    let mut pairs = Vec::new();
    for server in server_devices {
        let same = |device: &&Device| {
            let (ours, theirs) = (device.name.to_lowercase(), server.description.to_lowercase());
            theirs.starts_with(&ours) || ours.starts_with(&theirs)
        };
        if let Some(index) = left.iter().position(same) {
            pairs.push((left.remove(index), server));
        }
    }
    pairs
}

/// The most layers whose weights, cache and buffers fit into what is free on `device`.
fn most_layers(settings: &Settings, all: u32, shape: &ModelShape, device: &Device) -> u32 {
    let room = device.free.unwrap_or(device.total).saturating_sub(GPU_HEADROOM);
    let fits = |layers: &u32| {
        let plan = Settings { gpu_layers: *layers, ..settings.clone() };
        memory::estimate(shape, &plan).reservation(&device.id) <= room
    };
    (1..=all).rev().find(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use loadmaster_core::DeviceId;

    use super::*;
    use crate::memory::tests::shape;

    const GIB: u64 = 1 << 30;

    fn gpu(id: &str, name: &str, kind: DeviceKind, free: u64) -> Device {
        let aliases = vec![format!("vulkan:{}", id.trim_start_matches("gpu"))];
        Device { id: DeviceId::from(id), name: name.into(), kind, aliases, total: free, free: Some(free) }
    }

    fn machine(gpus: Vec<Device>) -> Machine {
        let mut devices = vec![gpu("host", "RAM", DeviceKind::Host, 16 * GIB)];
        devices.extend(gpus);
        Machine { physical_cores: 4, usable_threads: 8, devices, hypothetical: false }
    }

    fn server(name: &str, description: &str) -> ServerDevice {
        ServerDevice { name: name.into(), description: description.into() }
    }

    #[test]
    fn without_a_gpu_all_stays_on_the_host() {
        let settings = plan(Asked::default(), &shape(32), &machine(vec![]), &[]).unwrap();
        assert_eq!((settings.gpu_layers, settings.context_length, settings.threads), (0, 8192, 4));
        let asked = Asked { gpu_layers: Some(GpuLayers::All), ..Asked::default() };
        let error = plan(asked, &shape(32), &machine(vec![]), &[]).unwrap_err();
        assert!(error.to_string().contains("can use no GPU here"), "{error}");
    }

    #[test]
    fn a_quota_bounds_the_threads() {
        let machine = Machine { usable_threads: 2, ..machine(vec![]) };
        assert_eq!(plan(Asked::default(), &shape(1), &machine, &[]).unwrap().threads, 2);
    }

    #[test]
    fn a_gpu_takes_what_fits() {
        let cards = || [server("CUDA0", "NVIDIA RTX 4090")];
        let with = |free| machine(vec![gpu("gpu0", "NVIDIA RTX 4090", DeviceKind::Discrete, free)]);
        let layers = |free| plan(Asked::default(), &shape(32), &with(free), &cards()).unwrap().gpu_layers;
        assert_eq!(layers(24 * GIB), 33);
        assert_eq!(layers(GIB / 2), 0);
        let part = layers(3 * GIB / 2);
        assert!((1..33).contains(&part), "{part}");
    }

    #[test]
    fn software_devices_are_taken_only_when_asked_for() {
        let machine = machine(vec![gpu("gpu0", "llvmpipe (LLVM 15)", DeviceKind::Software, 2 * GIB)]);
        let servers = [server("Vulkan0", "llvmpipe (LLVM 15)")];
        let unasked = plan(Asked::default(), &shape(2), &machine, &servers).unwrap();
        assert_eq!((unasked.gpu_layers, unasked.device), (0, None));
        let asked = Asked { gpu_layers: Some(GpuLayers::Number(2)), ..Asked::default() };
        let settings = plan(asked, &shape(2), &machine, &servers).unwrap();
        assert_eq!((settings.gpu_layers, settings.device.as_deref()), (2, Some("gpu0")));
        assert_eq!(settings.server_device.as_deref(), Some("Vulkan0"));
    }

    #[test]
    fn devices_are_found_by_any_of_their_names() {
        let twins = || {
            let card = |id: &str, free| gpu(id, "NVIDIA A10", DeviceKind::Discrete, free);
            machine(vec![card("gpu0", 8 * GIB), card("gpu1", 20 * GIB)])
        };
        let servers = [server("CUDA0", "NVIDIA A10"), server("CUDA1", "NVIDIA A10")];
        let server_device = |device: Option<&str>| {
            let asked = Asked { device: device.map(str::to_owned), ..Asked::default() };
            plan(asked, &shape(4), &twins(), &servers).map(|settings| settings.server_device)
        };
        assert_eq!(server_device(None).unwrap().as_deref(), Some("CUDA1"));
        assert_eq!(server_device(Some("vulkan:0")).unwrap().as_deref(), Some("CUDA0"));
        assert_eq!(server_device(Some("CUDA1")).unwrap().as_deref(), Some("CUDA1"));
        let error = server_device(Some("gpu9")).unwrap_err().to_string();
        assert!(error.contains("can use gpu0, gpu1"), "{error}");
    }
}
