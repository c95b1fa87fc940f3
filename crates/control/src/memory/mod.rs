//! Memory now: what is ours by model, what other programs take, what is free.

mod meter;
mod topic;

use std::collections::BTreeMap;

use loadmaster_core::{Device, DeviceEstimate, DeviceId, DeviceKind, InstanceId, InstanceState, Machine};
use loadmaster_orchestrator::{InstanceStatus, ProcessMemory, Status};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::{meter::Meter, topic::MemoryTopic};

/// The memory of this machine now, in bytes. Of each device, what is ours, what other programs take, what is free and
/// what was not given back make up its total, as far as is known.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct MemoryNow {
    /// When it was read: milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// How busy all cores together were since it was last read, from 0 to 100.
    pub(crate) cpu_percent: Option<f64>,
    /// The devices; the host is the first.
    pub(crate) devices: Vec<DeviceNow>,
}

/// One device now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DeviceNow {
    /// Its id: `host`, `gpu0`, ...
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// `host`, `discrete`, `integrated` or `software`.
    #[schema(value_type = String)]
    pub(crate) kind: DeviceKind,
    /// The device whose memory it takes: of an integrated GPU the host.
    pub(crate) pool: String,
    /// Bytes it has.
    pub(crate) total: u64,
    /// Bytes nobody uses; none where unknown.
    pub(crate) free: Option<u64>,
    /// Bytes that Loadmaster may take; none where it may take all.
    pub(crate) budget: Option<u64>,
    /// What the models take that run.
    pub(crate) ours: Vec<Ours>,
    /// Bytes held for other programs; what those took already is among `other`.
    pub(crate) held: u64,
    /// Bytes that should have come back when servers ended, and did not.
    pub(crate) not_returned: u64,
    /// Bytes that other programs take; none where unknown.
    pub(crate) other: Option<u64>,
}

/// What one model takes of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Ours {
    /// The model.
    pub(crate) model: String,
    /// Its instance.
    pub(crate) instance: String,
    /// Bytes that are reserved for it.
    pub(crate) reserved: u64,
    /// Bytes that it takes now, weights that are mapped from its file among them; none where nobody tells.
    pub(crate) resident: Option<u64>,
}

/// What the processes of instances take, by instance.
pub(crate) type Residents = BTreeMap<InstanceId, ProcessMemory>;

/// Puts together what was read.
pub(crate) fn memory_now(
    machine: &Machine,
    status: &Status,
    residents: &Residents,
    at_ms: u64,
    cpu_percent: Option<f64>,
) -> MemoryNow {
    let devices = machine.devices.iter().map(|device| device_now(device, machine, status, residents));
    MemoryNow { at_ms, cpu_percent, devices: devices.collect() }
}

/// The instances that hold memory.
pub(crate) fn holding(status: &Status) -> impl Iterator<Item = &InstanceStatus> {
    let instances = status.models.iter().filter_map(|model| model.instance.as_ref());
    instances
        .filter(|instance| !matches!(instance.state, InstanceState::Stopped | InstanceState::Crashed { .. }))
}

fn device_now(device: &Device, machine: &Machine, status: &Status, residents: &Residents) -> DeviceNow {
    let is_pool = device.pool() == device.id;
    // What an integrated GPU takes is the host's memory, and is shown there too.
    let counts = |part: &DeviceEstimate| {
        let pool = machine.devices.iter().find(|other| other.id == part.device).map(Device::pool);
        part.device == device.id || (is_pool && pool.as_ref() == Some(&device.id))
    };
    let (mut ours, mut taken, mut mapped) = (Vec::new(), 0_u64, 0_u64);
    for instance in holding(status) {
        let parts: Vec<_> = instance.taken().devices.iter().filter(|part| counts(part)).collect();
        let bytes: u64 = parts.iter().map(|part| part.total()).sum();
        if bytes == 0 {
            continue;
        }
        let reserved = bytes.saturating_add(bytes / 100 * u64::from(instance.taken().margin_percent));
        // While a server starts, its weights are on their way.
        let is_read = instance.state != InstanceState::Starting;
        let of_file: u64 = parts.iter().map(|part| part.mapped).filter(|_| is_read).sum();
        let process = residents.get(&instance.id);
        let resident = process.and_then(|process| resident(process, device, of_file));
        mapped = mapped.saturating_add(of_file);
        taken = taken.saturating_add(resident.unwrap_or(bytes));
        ours.push(Ours {
            model: instance.model.clone(),
            instance: instance.id.to_string(),
            reserved,
            resident,
        });
    }
    // The kernel counts weights that are mapped from a file as free: it could read them again.
    let free = device.free.map(|free| free.saturating_sub(if is_pool { mapped } else { 0 }));
    let not_returned = status.not_returned.get(&device.id).copied().unwrap_or(0);
    let held =
        status.holds.iter().filter(|hold| hold.granted).filter_map(|hold| hold.devices.get(&device.id)).sum();
    DeviceNow {
        id: device.id.to_string(),
        name: device.name.clone(),
        kind: device.kind,
        pool: device.pool().to_string(),
        total: device.total,
        free,
        budget: status.budgets.of(device),
        ours,
        held,
        not_returned,
        other: free
            .map(|free| device.total.saturating_sub(free).saturating_sub(taken).saturating_sub(not_returned)),
    }
}

/// What a process takes of a device, with the weights that it maps from its file.
fn resident(process: &ProcessMemory, device: &Device, mapped: u64) -> Option<u64> {
    if device.id == DeviceId::host() {
        return Some(process.own?.saturating_add(mapped));
    }
    process.devices.iter().find(|(id, _)| *id == device.id).map(|(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use loadmaster_core::{Estimate, EstimateSource, LaunchPlan, Model, ModelKind};
    use loadmaster_orchestrator::{Budget, Budgets, ModelStatus};
    use serde_json::json;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn device(id: &str, kind: DeviceKind, free: u64) -> Device {
        let (id, name) = (DeviceId::from(id), id.to_owned());
        Device { id, name, kind, aliases: Vec::new(), total: 1000 * MIB, free: Some(free * MIB) }
    }

    fn machine() -> Machine {
        let devices = vec![
            device("host", DeviceKind::Host, 800),
            device("gpu0", DeviceKind::Discrete, 300),
            device("gpu1", DeviceKind::Integrated, 800),
        ];
        Machine { physical_cores: 4, usable_threads: 4, devices, hypothetical: false }
    }

    fn status(parts: &[(&str, u64, u64)], state: InstanceState) -> Status {
        let part = |(id, weights, mapped): &(&str, u64, u64)| DeviceEstimate {
            weights: weights * MIB,
            mapped: mapped * MIB,
            ..DeviceEstimate::on(DeviceId::from(*id))
        };
        let devices = parts.iter().map(part).collect();
        let predicted = Estimate { source: EstimateSource::Computed, margin_percent: 10, devices };
        let model = Model { id: "a".into(), kind: ModelKind::Text, path: PathBuf::from("a.gguf") };
        let plan = json!({ "backend": "llama", "model": model, "program": "x", "settings": {} });
        let instance = InstanceStatus {
            id: InstanceId::new("a", 1),
            model: "a".into(),
            state,
            pid: Some(1),
            endpoint: None,
            leases: 0,
            plan: serde_json::from_value::<LaunchPlan>(plan).unwrap(),
            predicted,
            actual: None,
        };
        let model = ModelStatus {
            id: "a".into(),
            kind: ModelKind::Text,
            waiting: 0,
            waits_for: None,
            instance: Some(instance),
        };
        Status { models: vec![model], ..Status::default() }
    }

    fn read(status: &Status, residents: &Residents) -> MemoryNow {
        memory_now(&machine(), status, residents, 7, None)
    }

    /// What the parts of a device come to.
    fn sum(device: &DeviceNow) -> u64 {
        let ours: u64 = device.ours.iter().filter_map(|ours| ours.resident).sum();
        ours + device.other.unwrap() + device.free.unwrap() + device.not_returned
    }

    #[test]
    fn mapped_weights_are_ours_and_not_free() {
        let process = ProcessMemory { own: Some(50 * MIB), devices: Vec::new() };
        let residents = Residents::from([(InstanceId::new("a", 1), process)]);
        let mut status = status(&[("host", 350, 300)], InstanceState::Ready);
        status.not_returned.insert(DeviceId::host(), 20 * MIB);
        let host = &read(&status, &residents).devices[0];
        assert_eq!(host.free, Some(500 * MIB));
        assert_eq!(host.ours[0].resident, Some(350 * MIB));
        assert_eq!((host.ours[0].reserved / MIB, host.other), (385, Some(130 * MIB)));
        assert_eq!(sum(host), host.total);
    }

    #[test]
    fn each_device_has_its_own() {
        let process =
            ProcessMemory { own: Some(10 * MIB), devices: vec![(DeviceId::from("gpu0"), 600 * MIB)] };
        let residents = Residents::from([(InstanceId::new("a", 1), process)]);
        let mut status = status(&[("host", 10, 0), ("gpu0", 500, 0)], InstanceState::Ready);
        status.budgets = Budgets([("gpu0".to_owned(), Budget::Percent(50))].into());
        let now = read(&status, &residents);
        let gpu = &now.devices[1];
        assert_eq!((gpu.ours[0].resident, gpu.other), (Some(600 * MIB), Some(100 * MIB)));
        assert_eq!(gpu.budget, Some(gpu.total / 100 * 50));
        assert_eq!((sum(gpu), sum(&now.devices[0])), (gpu.total, now.devices[0].total));
        assert!(now.devices[2].ours.is_empty());
    }

    #[test]
    fn an_integrated_gpu_takes_of_the_host() {
        let status = status(&[("gpu1", 100, 0)], InstanceState::Ready);
        let now = read(&status, &Residents::new());
        let reserved = |index: usize| now.devices[index].ours.first().map(|ours| ours.reserved / MIB);
        assert_eq!((reserved(0), reserved(1), reserved(2)), (Some(110), None, Some(110)));
        assert_eq!(now.devices[2].pool, "host");
    }

    #[test]
    fn what_has_ended_takes_nothing() {
        let status = status(&[("host", 100, 0)], InstanceState::Stopped);
        assert!(read(&status, &Residents::new()).devices[0].ours.is_empty());
    }
}
