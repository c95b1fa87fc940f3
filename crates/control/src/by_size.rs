//! What a model takes, roughly, where nothing but its size is known.

use loadmaster_core::{Device, DeviceEstimate, DeviceId, DeviceKind, Estimate, EstimateSource, Machine};
use loadmaster_orchestrator::Budgets;

/// What a model takes beyond its weights, as the choice among quantisations assumes it where no header was read
/// (`loadmaster_models::choose`): an eighth of them, and this, in bytes.
const BEYOND: u64 = 256 << 20;

/// The share of a device that other programs and drivers keep: one part of eight.
const KEPT: u64 = 8;

/// What a model with so many bytes of weights takes: of the largest card if it fits there, else of the host, and where
/// that is too small, of both.
pub(crate) fn estimate(weights: u64, machine: &Machine, budgets: &Budgets) -> Estimate {
    let compute = (weights / 8).saturating_add(BEYOND);
    let needs = weights.saturating_add(compute);
    let card = machine.devices.iter().filter(|device| device.kind == DeviceKind::Discrete);
    let card = card.max_by_key(|device| device.total);
    let host = machine.devices.iter().find(|device| device.kind == DeviceKind::Host);
    let on_host = host.map_or(0, |host| room(host, budgets));
    let on_card = card.map_or(0, |card| room(card, budgets));
    let part = |device: DeviceId, weights, compute| DeviceEstimate {
        weights,
        compute,
        ..DeviceEstimate::on(device)
    };
    let devices = match card {
        Some(card) if needs <= on_card => vec![part(card.id.clone(), weights, compute)],
        Some(card) if needs > on_host => {
            let there = on_card.saturating_sub(compute).min(weights);
            vec![part(card.id.clone(), there, compute), part(DeviceId::host(), weights - there, 0)]
        }
        _ => vec![part(DeviceId::host(), weights, compute)],
    };
    Estimate { source: EstimateSource::Computed, margin_percent: 0, devices }
}

/// What one model may have of a device when other programs are closed, in bytes.
fn room(device: &Device, budgets: &Budgets) -> u64 {
    let rested = device.free.unwrap_or(0).max(device.total - device.total / KEPT);
    budgets.of(device).map_or(rested, |limit| rested.min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn places(weights: u64, host: u64, card: Option<u64>) -> Vec<(String, u64)> {
        let device = |id: &str, kind, total: u64| Device {
            id: DeviceId::from(id),
            name: id.to_owned(),
            kind,
            aliases: Vec::new(),
            total: total * GIB,
            free: None,
        };
        let mut devices = vec![device("host", DeviceKind::Host, host)];
        devices.extend(card.map(|card| device("gpu0", DeviceKind::Discrete, card)));
        let machine = Machine { physical_cores: 1, usable_threads: 1, devices, hypothetical: false };
        let estimate = estimate(weights * GIB, &machine, &Budgets::default());
        estimate.devices.iter().map(|part| (part.device.to_string(), part.total() / GIB)).collect()
    }

    #[test]
    fn it_goes_where_there_is_room_for_all_of_it() {
        let on = |id: &str, gib| (id.to_owned(), gib);
        assert_eq!(places(8, 64, None), [on("host", 9)]);
        assert_eq!(places(8, 64, Some(24)), [on("gpu0", 9)]);
        assert_eq!(places(32, 64, Some(24)), [on("host", 36)]);
        assert_eq!(places(64, 64, Some(24)), [on("gpu0", 21), on("host", 51)]);
    }
}
