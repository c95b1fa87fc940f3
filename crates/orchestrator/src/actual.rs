//! What a start really took: the server's own figures, and what the system says of its process.

use loadmaster_core::{DeviceEstimate, DeviceId, Estimate, Machine};

use crate::machine::ProcessMemory;

/// Adds to the buffers that a server printed what its process takes beyond them: the program itself,
/// drivers, what they allocate for it on a device.
///
/// A buffer that has not been touched yet is not in the process's memory: less than the buffers
/// therefore says nothing, and changes nothing.
pub(crate) fn actual(mut buffers: Estimate, process: &ProcessMemory, machine: &Machine) -> Estimate {
    for (device, bytes) in &process.devices {
        add_up_to(&mut buffers, device, *bytes, |part| part.device == *device);
    }
    if let Some(own) = process.own {
        // Integrated and software devices keep their buffers in the process's own memory.
        let host = DeviceId::host();
        let pool_of = |id: &DeviceId| {
            machine.device(id.as_str()).map_or_else(|| id.clone(), loadmaster_core::Device::pool)
        };
        add_up_to(&mut buffers, &host, own, |part| pool_of(&part.device) == host);
    }
    buffers
}

/// Raises `other` on `device` so that the parts which `counts` selects add up to at least `bytes`.
fn add_up_to(
    estimate: &mut Estimate,
    device: &DeviceId,
    bytes: u64,
    counts: impl Fn(&DeviceEstimate) -> bool,
) {
    // Mapped weights are the file's pages, not the process's own.
    let in_memory = |part: &DeviceEstimate| part.total() - part.mapped.min(part.total());
    let known: u64 = estimate.devices.iter().filter(|part| counts(part)).map(in_memory).sum();
    let beyond = bytes.saturating_sub(known);
    if beyond == 0 {
        return;
    }
    match estimate.devices.iter_mut().find(|part| part.device == *device) {
        Some(part) => part.other = part.other.saturating_add(beyond),
        None => estimate.devices.push(DeviceEstimate { other: beyond, ..DeviceEstimate::on(device.clone()) }),
    }
}

/// What to expect of the next start of the same plan: what it took, and of the parts that grow in
/// use, such as a prompt cache, at least what was predicted.
pub(crate) fn next_time(predicted: &Estimate, mut actual: Estimate) -> Estimate {
    for part in &mut actual.devices {
        let before = predicted.devices.iter().find(|before| before.device == part.device);
        part.other = part.other.max(before.map_or(0, |before| before.other));
    }
    actual
}

#[cfg(test)]
mod tests {
    use loadmaster_core::{Device, DeviceKind, EstimateSource};

    use super::*;

    fn machine() -> Machine {
        let device = |id: &str, kind| Device {
            id: DeviceId::from(id),
            name: id.to_owned(),
            kind,
            aliases: Vec::new(),
            total: 1000,
            free: None,
        };
        let devices = vec![
            device("host", DeviceKind::Host),
            device("gpu0", DeviceKind::Discrete),
            device("gpu1", DeviceKind::Software),
        ];
        Machine { physical_cores: 1, usable_threads: 1, devices, hypothetical: false }
    }

    /// Device, weights, of which mapped, other.
    fn estimate(parts: &[(&str, u64, u64, u64)]) -> Estimate {
        let devices = parts.iter().map(|(id, weights, mapped, other)| DeviceEstimate {
            weights: *weights,
            mapped: *mapped,
            other: *other,
            ..DeviceEstimate::on(DeviceId::from(*id))
        });
        Estimate { source: EstimateSource::Measured, margin_percent: 0, devices: devices.collect() }
    }

    fn check(
        buffers: &[(&str, u64, u64, u64)],
        own: Option<u64>,
        devices: &[(&str, u64)],
        expected: &[(&str, u64)],
    ) {
        let devices = devices.iter().map(|(id, bytes)| (DeviceId::from(*id), *bytes)).collect();
        let actual = actual(estimate(buffers), &ProcessMemory { own, devices }, &machine());
        let others: Vec<_> = actual.devices.iter().map(|part| (part.device.as_str(), part.other)).collect();
        assert_eq!(others, expected);
    }

    #[test]
    fn what_the_process_takes_beyond_its_buffers_is_other() {
        check(&[("host", 100, 100, 5)], Some(45), &[], &[("host", 45)]);
        check(&[("host", 100, 0, 5)], Some(145), &[], &[("host", 45)]);
        check(
            &[("gpu0", 100, 0, 0), ("host", 10, 10, 0)],
            None,
            &[("gpu0", 130)],
            &[("gpu0", 30), ("host", 0)],
        );
    }

    #[test]
    fn buffers_that_were_not_touched_are_still_theirs() {
        check(&[("host", 100, 0, 5)], Some(20), &[], &[("host", 5)]);
        check(&[("gpu0", 100, 0, 1)], None, &[("gpu0", 3)], &[("gpu0", 1)]);
    }

    #[test]
    fn a_software_device_lives_in_the_process() {
        check(&[("gpu1", 100, 0, 0), ("host", 10, 0, 0)], Some(150), &[], &[("gpu1", 0), ("host", 40)]);
    }

    #[test]
    fn a_driver_takes_memory_where_no_buffer_is() {
        check(&[("host", 10, 0, 0)], None, &[("gpu0", 7)], &[("host", 0), ("gpu0", 7)]);
    }

    #[test]
    fn what_grows_in_use_is_expected_again() {
        let next =
            next_time(&estimate(&[("host", 90, 0, 50)]), estimate(&[("host", 100, 0, 8), ("gpu0", 1, 0, 3)]));
        assert_eq!(next, estimate(&[("host", 100, 0, 50), ("gpu0", 1, 0, 3)]));
    }
}
