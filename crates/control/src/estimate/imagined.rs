//! A machine on which nothing is started: this one, or this one with other GPUs.

use loadmaster_core::{Device, DeviceKind, Machine, Settings};

/// `machine` with `gpus` instead of its own, if there are any. Nothing is started on it, so no server need be installed,
/// and the header is all that is needed of a model.
///
/// Its software GPUs count where `settings` ask for layers on a GPU and there is nothing better: they are no capacity.
pub fn imagined(mut machine: Machine, gpus: &[Device], settings: &Settings) -> Machine {
    let asks_for_layers = settings.get("gpu_layers").is_some_and(|layers| *layers != 0);
    machine.devices.retain(|device| match device.kind {
        DeviceKind::Host => true,
        DeviceKind::Software => gpus.is_empty() && asks_for_layers,
        _ => gpus.is_empty(),
    });
    machine.devices.extend(gpus.iter().cloned());
    machine.hypothetical = true;
    machine
}

#[cfg(test)]
mod tests {
    use loadmaster_core::DeviceId;
    use serde_json::json;

    use super::*;

    fn device(id: &str, kind: DeviceKind) -> Device {
        Device {
            id: DeviceId::from(id),
            name: id.to_owned(),
            kind,
            aliases: Vec::new(),
            total: 1,
            free: None,
        }
    }

    fn names(gpus: &[Device], settings: &[(&str, serde_json::Value)]) -> Vec<String> {
        let devices = vec![
            device("host", DeviceKind::Host),
            device("gpu0", DeviceKind::Discrete),
            device("gpu1", DeviceKind::Software),
        ];
        let machine = Machine { physical_cores: 1, usable_threads: 1, devices, hypothetical: false };
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let imagined = imagined(machine, gpus, &settings);
        assert!(imagined.hypothetical);
        imagined.devices.iter().map(|device| device.id.to_string()).collect()
    }

    #[test]
    fn gpus_that_are_named_take_the_place_of_those_that_are_there() {
        assert_eq!(names(&[], &[]), ["host", "gpu0"]);
        assert_eq!(names(&[], &[("gpu_layers", json!("all"))]), ["host", "gpu0", "gpu1"]);
        assert_eq!(names(&[], &[("gpu_layers", json!(0))]), ["host", "gpu0"]);
        let card = device("CUDA0", DeviceKind::Discrete);
        assert_eq!(names(&[card], &[("gpu_layers", json!(1))]), ["host", "CUDA0"]);
    }
}
