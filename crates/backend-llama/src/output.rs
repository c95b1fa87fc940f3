//! What the server prints of the memory it took.

use std::collections::BTreeMap;

use loadmaster_core::{DeviceEstimate, DeviceId, Estimate, EstimateSource};

use crate::settings::Settings;

/// Reads the lines in which llama.cpp reports its buffers, such as
/// `llama_kv_cache:        CPU KV buffer size =    45.00 MiB`, and sums them by device.
///
/// `None` when there are none: then nothing was measured. What the process takes beside its buffers
/// is not among them, so `other` has the output and prompt buffers alone.
pub(crate) fn measured(lines: &[String], settings: &Settings) -> Option<Estimate> {
    let mut devices: BTreeMap<DeviceId, DeviceEstimate> = BTreeMap::new();
    for (name, part, bytes) in lines.iter().filter_map(|line| buffer(line)) {
        let id = device_of(name, settings);
        let device = devices.entry(id.clone()).or_insert_with(|| DeviceEstimate::on(id));
        match part {
            "model" => {
                device.weights += bytes;
                if name.ends_with("_Mapped") {
                    device.mapped += bytes;
                }
            }
            "KV" | "RS" => device.kv_cache += bytes,
            "compute" => device.compute += bytes,
            _ => device.other += bytes,
        }
    }
    (!devices.is_empty()).then(|| Estimate {
        source: EstimateSource::Measured,
        margin_percent: 0,
        devices: devices.into_values().collect(),
    })
}

/// The device of a buffer as the server names it (`CPU_Mapped`, `Vulkan0`, `CUDA_Host`), what is in it
/// (`model`, `KV`, `RS` for recurrent state, `compute`, `output`), and its bytes.
pub(crate) fn buffer(line: &str) -> Option<(&str, &str, u64)> {
    let (before, size) = line.split_once(" buffer size =")?;
    let mut words = before.split_whitespace().rev();
    let (part, device) = (words.next()?, words.next()?);
    let mebibytes: f64 = size.trim().strip_suffix("MiB")?.trim().parse().ok()?;
    if !(0.0..1e12).contains(&mebibytes) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let bytes = (mebibytes * 1_048_576.0).round() as u64;
    Some((device, part, bytes))
}

/// Host buffers have many names (`CPU`, `CPU_Mapped`, `CPU_REPACK`, `CUDA_Host`); what begins with
/// the name of the plan's device is that device.
pub(crate) fn device_of(buffer: &str, settings: &Settings) -> DeviceId {
    let mut ours = settings.server_devices.iter().zip(&settings.devices);
    match ours.find(|(server_name, _)| buffer == server_name.as_str()) {
        Some((_, id)) => DeviceId::from(id.as_str()),
        None => DeviceId::host(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::tests::settings;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn sums_what_smollm2_printed_on_the_cpu() {
        let printed = lines(
            "0.00.070.825 I load_tensors:   CPU_Mapped model buffer size =    92.10 MiB\n\
             0.00.071.892 I llama_context:        CPU  output buffer size =     0.19 MiB\n\
             0.00.071.992 I llama_kv_cache:        CPU KV buffer size =    45.00 MiB\n\
             0.00.209.312 I sched_reserve:        CPU compute buffer size =    15.51 MiB\n\
             0.01.701.963 I slot      release: id  0 | task 0 | stop processing",
        );
        let estimate = measured(&printed, &settings()).unwrap();
        assert_eq!(estimate.source, EstimateSource::Measured);
        let host = &estimate.devices[0];
        assert_eq!((host.kv_cache, host.mapped), (45 << 20, host.weights));
        assert_eq!(host.total() >> 20, 152);
    }

    #[test]
    fn tells_the_gpu_from_its_host_buffers() {
        let printed = lines(
            "load_tensors:      Vulkan0 model buffer size =    10.00 MiB\n\
             load_tensors:   CPU_Mapped model buffer size =    20.00 MiB\n\
             llama_context: Vulkan_Host  output buffer size =     1.00 MiB\n\
             sched_reserve:    Vulkan0 compute buffer size =     4.00 MiB",
        );
        let settings =
            Settings { devices: vec!["gpu0".into()], server_devices: vec!["Vulkan0".into()], ..settings() };
        let estimate = measured(&printed, &settings).unwrap();
        let totals: Vec<_> = estimate.devices.iter().map(|d| (d.device.as_str(), d.total() >> 20)).collect();
        assert_eq!(totals, [("gpu0", 14), ("host", 21)]);
    }

    #[test]
    fn nothing_printed_is_nothing_measured() {
        assert_eq!(measured(&lines("x buffer size = lots\nmodel buffer size = -1 MiB"), &settings()), None);
    }
}
