//! How many bytes a plan takes on each device.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DeviceId;

/// Where the figures of an [`Estimate`] come from, from the least to the most certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EstimateSource {
    /// Computed from the model's header.
    Computed,
    /// Asked of the engine, which loaded the model without allocating.
    Asked,
    /// Taken from what the engine reported after a real load.
    Measured,
}

impl fmt::Display for EstimateSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Computed => "computed",
            Self::Asked => "asked",
            Self::Measured => "measured",
        })
    }
}

/// What one device gives, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct DeviceEstimate {
    /// The device.
    pub device: DeviceId,
    /// Model weights.
    pub weights: u64,
    /// Keys and values of the context.
    pub kv_cache: u64,
    /// Buffers of the computation graph.
    pub compute: u64,
    /// The rest: the process itself, output buffers, prompt caches.
    pub other: u64,
    /// How many of all these bytes the kernel counts as available although the model needs them: weights
    /// that are a mapping of the model's file, and what is taken only while there is work, and given back.
    pub mapped: u64,
}

impl DeviceEstimate {
    /// Nothing yet on `device`.
    pub fn on(device: DeviceId) -> Self {
        Self { device, weights: 0, kv_cache: 0, compute: 0, other: 0, mapped: 0 }
    }

    /// All parts, in bytes; saturating.
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.kv_cache).saturating_add(self.compute).saturating_add(self.other)
    }
}

/// The JSON of a [`DeviceEstimate`]: `id` for the device, and the sum that readers want.
#[derive(Serialize, Deserialize)]
struct Wire {
    id: DeviceId,
    weights: u64,
    kv_cache: u64,
    compute: u64,
    other: u64,
    #[serde(default)]
    total: u64,
    #[serde(default)]
    mapped: u64,
}

impl From<DeviceEstimate> for Wire {
    fn from(estimate: DeviceEstimate) -> Self {
        let total = estimate.total();
        let DeviceEstimate { device: id, weights, kv_cache, compute, other, mapped } = estimate;
        Self { id, weights, kv_cache, compute, other, total, mapped }
    }
}

impl From<Wire> for DeviceEstimate {
    /// `total` is derived: what a file says of it is not believed.
    fn from(wire: Wire) -> Self {
        let Wire { id: device, weights, kv_cache, compute, other, total: _, mapped } = wire;
        Self { device, weights, kv_cache, compute, other, mapped }
    }
}

/// What a plan takes, per device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Where the figures come from.
    pub source: EstimateSource,
    /// How far above the figures the truth may lie, in percent; reservations add it.
    pub margin_percent: u8,
    /// One entry for each device that the plan touches.
    pub devices: Vec<DeviceEstimate>,
}

impl Estimate {
    /// Takes nothing anywhere.
    pub fn nothing() -> Self {
        Self { source: EstimateSource::Computed, margin_percent: 0, devices: Vec::new() }
    }

    /// Bytes to reserve on `device`: the total and the margin on top; zero where the plan takes none.
    pub fn reservation(&self, device: &DeviceId) -> u64 {
        let total: u64 = self.devices.iter().filter(|d| d.device == *device).map(DeviceEstimate::total).sum();
        total.saturating_add(total / 100 * u64::from(self.margin_percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate() -> Estimate {
        let host = DeviceEstimate {
            weights: 1000,
            kv_cache: 200,
            compute: 30,
            other: 4,
            ..DeviceEstimate::on(DeviceId::host())
        };
        Estimate { source: EstimateSource::Computed, margin_percent: 10, devices: vec![host] }
    }

    #[test]
    fn json_has_id_and_total() {
        let json = serde_json::to_value(estimate()).unwrap();
        assert_eq!(json["devices"][0]["id"], "host");
        assert_eq!(json["devices"][0]["total"], 1234);
        assert_eq!(serde_json::from_value::<Estimate>(json).unwrap(), estimate());
    }

    #[test]
    fn reservation_adds_the_margin() {
        assert_eq!(estimate().reservation(&DeviceId::host()), 1234 + 120);
        assert_eq!(estimate().reservation(&DeviceId::from("gpu0")), 0);
    }
}
