//! What the server prints of the memory it took.

use std::collections::BTreeMap;

use loadmaster_core::{DeviceEstimate, DeviceId, Estimate, EstimateSource};

use crate::settings::Settings;

/// Reads the lines in which llama.cpp reports its buffers, such as
/// `llama_kv_cache:        CPU KV buffer size =    45.00 MiB`, and sums them by device.
///
/// `None` when there are none: then nothing was measured. What the process takes beside its buffers
/// is not among them, so `other` has the output and prompt buffers alone. What is mapped of the model's
/// file is printed as the stretch from the first tensor to the last, whoever has those in between: of
/// `expected`, it has what of this belongs to the host.
pub(crate) fn measured(lines: &[String], settings: &Settings, expected: &Estimate) -> Option<Estimate> {
    let mut devices: BTreeMap<DeviceId, DeviceEstimate> = BTreeMap::new();
    for buffer in last_of_each(lines, settings) {
        let id = device_of(buffer.device, settings);
        let device = devices.entry(id.clone()).or_insert_with(|| DeviceEstimate::on(id));
        match buffer.part {
            "model" if buffer.device.ends_with("_Mapped") => device.mapped += buffer.bytes,
            "model" => device.weights += buffer.bytes,
            "KV" | "RS" => device.kv_cache += buffer.bytes,
            "compute" => device.compute += buffer.bytes,
            _ => device.other += buffer.bytes,
        }
    }
    for device in devices.values_mut() {
        let here = expected.devices.iter().find(|part| part.device == device.device);
        device.mapped = device.mapped.min(here.map_or(u64::MAX, |part| part.mapped));
        device.weights += device.mapped;
    }
    (!devices.is_empty()).then(|| Estimate {
        source: EstimateSource::Measured,
        margin_percent: 0,
        devices: devices.into_values().collect(),
    })
}

/// The buffers in `lines`. Compute buffers are printed anew when an adapter makes them grow, and then
/// the last line counts; with a draft model they are printed for each of the two, and all count.
fn last_of_each<'a>(lines: &'a [String], settings: &Settings) -> Vec<Buffer<'a>> {
    let mut buffers: Vec<Buffer<'a>> = Vec::new();
    for buffer in lines.iter().filter_map(|line| Buffer::read(line)) {
        let again = |earlier: &Buffer<'_>| (earlier.of, earlier.device) == (buffer.of, buffer.device);
        let earlier = buffers.iter_mut().find(|earlier| earlier.part == "compute" && again(earlier));
        match earlier {
            Some(earlier) if buffer.part == "compute" && settings.ways.draft.is_none() => *earlier = buffer,
            _ => buffers.push(buffer),
        }
    }
    buffers
}

/// A line that tells of a buffer.
#[derive(Debug)]
pub(crate) struct Buffer<'a> {
    /// The function that prints it, time stamp and all but the last word left out.
    of: &'a str,
    /// As the server names it: `CPU_Mapped`, `Vulkan0`, `CUDA_Host`.
    pub(crate) device: &'a str,
    /// `model`, `KV`, `RS` for recurrent state, `compute`, `output`.
    pub(crate) part: &'a str,
    pub(crate) bytes: u64,
}

impl<'a> Buffer<'a> {
    pub(crate) fn read(line: &'a str) -> Option<Self> {
        let (before, size) = line.split_once(" buffer size =")?;
        let mut words = before.split_whitespace().rev();
        let (part, device) = (words.next()?, words.next()?);
        let mebibytes: f64 = size.trim().strip_suffix("MiB")?.trim().parse().ok()?;
        if !(0.0..1e12).contains(&mebibytes) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        let bytes = (mebibytes * 1_048_576.0).round() as u64;
        Some(Self { of: words.next().unwrap_or(""), device, part, bytes })
    }
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
        let estimate = measured(&printed, &settings(), &Estimate::nothing()).unwrap();
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
        let estimate = measured(&printed, &settings, &Estimate::nothing()).unwrap();
        let totals: Vec<_> = estimate.devices.iter().map(|d| (d.device.as_str(), d.total() >> 20)).collect();
        assert_eq!(totals, [("gpu0", 14), ("host", 21)]);
    }

    #[test]
    fn of_a_mapped_stretch_the_devices_part_does_not_count() {
        let printed = lines("load_tensors:   CPU_Mapped model buffer size =    90.00 MiB");
        let host =
            DeviceEstimate { weights: 30 << 20, mapped: 20 << 20, ..DeviceEstimate::on(DeviceId::host()) };
        let expected = Estimate { devices: vec![host], ..Estimate::nothing() };
        let host = measured(&printed, &settings(), &expected).unwrap().devices.remove(0);
        assert_eq!((host.weights, host.mapped), (20 << 20, 20 << 20));
    }

    #[test]
    fn a_compute_buffer_that_grew_counts_once_and_two_contexts_count_twice() {
        let printed = lines(
            "0.1 I sched_reserve:  CPU compute buffer size =    10.00 MiB\n\
             0.2 I alloc_compute_meta:  CPU compute buffer size =    5.00 MiB\n\
             0.3 I sched_reserve:  CPU compute buffer size =    12.00 MiB",
        );
        let compute = |settings: &Settings| {
            measured(&printed, settings, &Estimate::nothing()).unwrap().devices[0].compute >> 20
        };
        assert_eq!(compute(&settings()), 17);
        let mut drafting = settings();
        drafting.ways.draft = Some(crate::ways::Draft { file: "/d.gguf".into(), gpu_layers: 0, tokens: 3 });
        assert_eq!(compute(&drafting), 27);
    }

    #[test]
    fn nothing_printed_is_nothing_measured() {
        assert_eq!(
            measured(
                &lines("x buffer size = lots\nmodel buffer size = -1 MiB"),
                &settings(),
                &Estimate::nothing()
            ),
            None
        );
    }
}
