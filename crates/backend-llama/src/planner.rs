//! From what was asked, the model and the machine to a plan: a pure function.

use loadmaster_core::{BackendError, Device, DeviceKind, Machine};

use crate::{
    memory::{self, ModelShape},
    server::ServerDevice,
    settings::{Asked, CacheType, FlashAttention, GpuLayers, Settings},
    ways::{TensorOverride, Ways},
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
        devices: Vec::new(),
        server_devices: Vec::new(),
        tensor_split: Vec::new(),
        threads: asked.threads.unwrap_or_else(|| threads(machine)),
        parallel: asked.parallel.unwrap_or(1),
        cache_type_k: asked.cache_type_k.unwrap_or(CacheType::F16),
        cache_type_v: asked.cache_type_v.unwrap_or(CacheType::F16),
        flash_attention: asked.flash_attention.unwrap_or(FlashAttention::Auto),
        batch_size,
        ubatch_size: asked.ubatch_size.unwrap_or(512).min(batch_size),
        mmap: asked.mmap.unwrap_or(true),
        prompt_cache: asked.prompt_cache.unwrap_or(0),
        ways: asked.ways,
        extra: asked.extra,
        start_timeout: asked.start_timeout.unwrap_or(300),
    };
    check_cache_types(&settings)?;
    limit_layers(&mut settings.ways, shape);
    let all = shape.layers().saturating_add(1);
    let wanted = asked.gpu_layers.map(|layers| match layers {
        GpuLayers::All => all,
        GpuLayers::Number(number) => number.min(all),
    });
    let chosen = match wanted {
        Some(0) => Vec::new(),
        _ => choose(&asked.devices, asked.gpu_layers, machine, server_devices)?,
    };
    settings.devices = chosen.iter().map(|(device, _)| device.id.to_string()).collect();
    settings.server_devices = chosen.iter().map(|(_, server)| server.name.clone()).collect();
    settings.tensor_split = split(&asked.tensor_split, &chosen)?;
    name_override_devices(&mut settings, &chosen)?;
    let devices: Vec<&Device> = chosen.iter().map(|(device, _)| *device).collect();
    settings.gpu_layers = match wanted {
        _ if chosen.is_empty() => 0,
        Some(wanted) => wanted,
        None => most_layers(&settings, all, shape, &devices),
    };
    if settings.gpu_layers == 0 && settings.ways.override_tensors.iter().all(TensorOverride::is_host) {
        without_devices(&mut settings);
    }
    Ok(settings)
}

/// Without flash attention, llama.cpp has no way to multiply with quantised values.
fn check_cache_types(settings: &Settings) -> Result<(), BackendError> {
    if settings.flash_attention != FlashAttention::Off || !settings.cache_type_v.is_quantised() {
        return Ok(());
    }
    Err(BackendError::BadSetting {
        name: "flash_attention".to_owned(),
        value: "off".to_owned(),
        expected: "llama-server needs it for a quantised cache_type_v; take f16 there, or leave it on"
            .to_owned(),
    })
}

/// Everything on the host, what is loaded with the model too.
fn without_devices(settings: &mut Settings) {
    settings.devices.clear();
    settings.server_devices.clear();
    settings.tensor_split.clear();
    settings.ways.mmproj_offload = false;
    if let Some(draft) = &mut settings.ways.draft {
        draft.gpu_layers = 0;
    }
}

/// No more layers than there are, so that the plan says how many.
fn limit_layers(ways: &mut Ways, shape: &ModelShape) {
    ways.cpu_moe_layers = ways.cpu_moe_layers.min(shape.layers());
    if let Some(draft) = &mut ways.draft {
        draft.gpu_layers = draft.gpu_layers.min(shape.draft_layers().saturating_add(1));
    }
}

/// The shares of several devices: as asked, or by what is free of each, in MiB.
fn split(asked: &[f64], chosen: &[(&Device, &ServerDevice)]) -> Result<Vec<f64>, BackendError> {
    if !asked.is_empty() && asked.len() != chosen.len().max(1) {
        return Err(BackendError::BadSetting {
            name: "tensor_split".to_owned(),
            value: format!("{asked:?}"),
            expected: format!(
                "it takes a number for each device of the plan, and the plan has {} (`device` names several)",
                chosen.len()
            ),
        });
    }
    if chosen.len() < 2 {
        return Ok(Vec::new());
    }
    let free = |device: &Device| {
        let mebibytes = device.free.unwrap_or(device.total) >> 20;
        #[expect(clippy::cast_precision_loss, reason = "MiB of one device are far below 2^52")]
        let share = mebibytes as f64;
        share
    };
    let own: Vec<f64> = chosen.iter().map(|(device, _)| free(device)).collect();
    Ok(if asked.is_empty() { own } else { asked.to_vec() })
}

/// Overrides name devices by any of their names; the plan has their ids.
fn name_override_devices(
    settings: &mut Settings,
    chosen: &[(&Device, &ServerDevice)],
) -> Result<(), BackendError> {
    for one in &mut settings.ways.override_tensors {
        if one.is_host() {
            "host".clone_into(&mut one.device);
            continue;
        }
        let called = |(device, server): &&(&Device, &ServerDevice)| {
            device.is_called(&one.device) || server.name == one.device
        };
        let Some((device, _)) = chosen.iter().find(called) else {
            let ids = chosen.iter().map(|(device, _)| device.id.as_str()).chain(["host"]);
            return Err(BackendError::BadSetting {
                name: "override_tensors".to_owned(),
                value: format!("{}={}", one.pattern, one.device),
                expected: format!("this plan has {}", ids.collect::<Vec<_>>().join(", ")),
            });
        };
        one.device = device.id.to_string();
    }
    Ok(())
}

/// Physical cores: generation is bound by memory, and more threads than cores slow it down.
fn threads(machine: &Machine) -> u32 {
    u32::try_from(machine.physical_cores.min(machine.usable_threads).max(1)).unwrap_or(1)
}

/// The devices that take the GPU layers. A software device is taken only when it is named, or when
/// layers are asked for and there is no other.
fn choose<'a>(
    named: &[String],
    layers_asked: Option<GpuLayers>,
    machine: &'a Machine,
    server_devices: &'a [ServerDevice],
) -> Result<Vec<(&'a Device, &'a ServerDevice)>, BackendError> {
    let usable = pair(machine, server_devices);
    if !named.is_empty() {
        return all_named(named, &usable);
    }
    let best = |software: bool| {
        let real = usable.iter().filter(|(device, _)| (device.kind == DeviceKind::Software) == software);
        real.max_by_key(|(device, _)| device.free.unwrap_or(device.total)).copied()
    };
    let chosen = best(false).or_else(|| best(true).filter(|_| layers_asked.is_some()));
    if let Some(layers) = layers_asked
        && chosen.is_none()
    {
        let nobody =
            if machine.hypothetical { "there is no GPU" } else { "this llama-server can use no GPU here" };
        return Err(BackendError::BadSetting {
            name: "gpu_layers".to_owned(),
            value: layers.to_string(),
            expected: format!("{nobody}; `loadmaster probe` lists what there is"),
        });
    }
    Ok(chosen.into_iter().collect())
}

/// Each device that is named, once.
fn all_named<'a>(
    names: &[String],
    usable: &[(&'a Device, &'a ServerDevice)],
) -> Result<Vec<(&'a Device, &'a ServerDevice)>, BackendError> {
    let ids: Vec<&str> = usable.iter().map(|(device, _)| device.id.as_str()).collect();
    let mut chosen: Vec<(&Device, &ServerDevice)> = Vec::new();
    for name in names {
        let refuse = |expected: String| {
            Err(BackendError::BadSetting { name: "device".to_owned(), value: name.clone(), expected })
        };
        let found = usable.iter().find(|(device, server)| device.is_called(name) || server.name == *name);
        match (found, ids.as_slice()) {
            (Some((device, _)), _) if chosen.iter().any(|(other, _)| other.id == device.id) => {
                return refuse(format!("{} is named twice", device.id));
            }
            (Some(found), _) => chosen.push(*found),
            (None, []) => return refuse("this llama-server can use no GPU here".to_owned()),
            (None, ids) => return refuse(format!("this llama-server can use {}", ids.join(", "))),
        }
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

/// The most layers whose weights, cache and buffers fit into what is free on each of `devices`.
fn most_layers(settings: &Settings, all: u32, shape: &ModelShape, devices: &[&Device]) -> u32 {
    let room = |device: &Device| device.free.unwrap_or(device.total).saturating_sub(GPU_HEADROOM);
    let fits = |layers: &u32| {
        let plan = Settings { gpu_layers: *layers, ..settings.clone() };
        let estimate = memory::estimate(shape, &plan);
        devices.iter().all(|device| estimate.reservation(&device.id) <= room(device))
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
    fn quantised_values_need_flash_attention() {
        let with = |flash_attention| {
            let asked = Asked { flash_attention, cache_type_v: Some(CacheType::Q8_0), ..Asked::default() };
            plan(asked, &shape(1), &machine(vec![]), &[])
        };
        assert!(with(None).is_ok() && with(Some(FlashAttention::On)).is_ok());
        let error = with(Some(FlashAttention::Off)).unwrap_err().to_string();
        assert!(error.starts_with("'off' is no value for flash_attention: llama-server needs it"), "{error}");
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
        assert_eq!((unasked.gpu_layers, unasked.devices), (0, vec![]));
        let asked = Asked { gpu_layers: Some(GpuLayers::Number(2)), ..Asked::default() };
        let settings = plan(asked, &shape(2), &machine, &servers).unwrap();
        assert_eq!((settings.gpu_layers, settings.devices), (2, vec!["gpu0".to_owned()]));
        assert_eq!(settings.server_devices, ["Vulkan0"]);
    }

    #[test]
    fn devices_are_found_by_any_of_their_names() {
        let twins = || {
            let card = |id: &str, free| gpu(id, "NVIDIA A10", DeviceKind::Discrete, free);
            machine(vec![card("gpu0", 8 * GIB), card("gpu1", 20 * GIB)])
        };
        let servers = [server("CUDA0", "NVIDIA A10"), server("CUDA1", "NVIDIA A10")];
        let server_devices = |devices: &[&str]| {
            let devices = devices.iter().map(|&name| name.to_owned()).collect();
            let asked = Asked { devices, ..Asked::default() };
            plan(asked, &shape(4), &twins(), &servers).map(|settings| settings.server_devices)
        };
        assert_eq!(server_devices(&[]).unwrap(), ["CUDA1"]);
        assert_eq!(server_devices(&["vulkan:0"]).unwrap(), ["CUDA0"]);
        assert_eq!(server_devices(&["CUDA1", "gpu0"]).unwrap(), ["CUDA1", "CUDA0"]);
        let error = server_devices(&["gpu9"]).unwrap_err().to_string();
        assert!(error.contains("can use gpu0, gpu1"), "{error}");
        let error = server_devices(&["gpu1", "CUDA1"]).unwrap_err().to_string();
        assert!(error.contains("gpu1 is named twice"), "{error}");
    }

    #[test]
    fn several_devices_share_the_layers() {
        let card = |id: &str, free| gpu(id, "NVIDIA A10", DeviceKind::Discrete, free);
        let machine = machine(vec![card("gpu0", GIB), card("gpu1", 3 * GIB / 2)]);
        let servers = [server("CUDA0", "NVIDIA A10"), server("CUDA1", "NVIDIA A10")];
        let both = || Asked { devices: vec!["gpu0".into(), "gpu1".into()], ..Asked::default() };
        let settings = plan(both(), &shape(60), &machine, &servers).unwrap();
        assert_eq!(settings.tensor_split, [1024.0, 1536.0]);
        assert!((1..61).contains(&settings.gpu_layers), "{}", settings.gpu_layers);
        let asked = Asked { tensor_split: vec![1.0, 0.0], ..both() };
        assert_eq!(plan(asked, &shape(4), &machine, &servers).unwrap().tensor_split, [1.0, 0.0]);
        let asked = Asked { tensor_split: vec![1.0], ..both() };
        let error = plan(asked, &shape(4), &machine, &servers).unwrap_err().to_string();
        assert!(error.contains("the plan has 2 "), "{error}");
    }

    #[test]
    fn overrides_go_to_devices_of_the_plan() {
        let machine = machine(vec![gpu("gpu0", "NVIDIA A10", DeviceKind::Discrete, 8 * GIB)]);
        let with = |device: &str| {
            let one = TensorOverride { pattern: "attn".into(), device: device.into() };
            let ways = Ways { override_tensors: vec![one], cpu_moe_layers: u32::MAX, ..Ways::default() };
            plan(Asked { ways, ..Asked::default() }, &shape(4), &machine, &[server("CUDA0", "NVIDIA A10")])
        };
        let device = |name| with(name).unwrap().ways.override_tensors[0].device.clone();
        assert_eq!(
            (device("CUDA0"), device("gpu0"), device("CPU")),
            ("gpu0".into(), "gpu0".into(), "host".into())
        );
        assert_eq!(with("CPU").unwrap().ways.cpu_moe_layers, 4);
        let error = with("gpu3").unwrap_err().to_string();
        assert!(
            error.contains("'attn=gpu3' is no value for override_tensors: this plan has gpu0, host"),
            "{error}"
        );
    }
}
