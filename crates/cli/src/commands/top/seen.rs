//! What the API tells, as far as it is shown.

use loadmaster_core::DeviceKind;
use serde::Deserialize;
use serde_json::Value;

/// The program: `GET /api/v1/system`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Program {
    pub(crate) version: String,
    /// When it began: milliseconds since 1970.
    pub(crate) started_at_ms: u64,
    pub(crate) os: String,
}

/// The topic `memory`, in bytes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Memory {
    /// From 0 to 100; none where the system does not tell.
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) devices: Vec<Device>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: DeviceKind,
    /// The device whose memory it takes.
    pub(crate) pool: String,
    pub(crate) total: u64,
    pub(crate) free: Option<u64>,
    /// What Loadmaster may take; none where it may take all.
    pub(crate) budget: Option<u64>,
    pub(crate) ours: Vec<Ours>,
    /// What is held for other programs; what those took already is among `other`.
    pub(crate) held: u64,
    pub(crate) not_returned: u64,
    pub(crate) other: Option<u64>,
}

/// What one model takes of a device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Ours {
    pub(crate) model: String,
    pub(crate) reserved: u64,
    pub(crate) resident: Option<u64>,
}

impl Ours {
    /// What it takes now, as well as is known.
    pub(crate) fn taken(&self) -> u64 {
        self.resident.unwrap_or(self.reserved)
    }
}

impl Device {
    /// Whether it has memory of its own, or somebody cares for it.
    pub(crate) fn matters(&self) -> bool {
        self.total > 0
            && (self.pool == self.id
                || self.budget.is_some()
                || (!self.ours.is_empty() && self.kind != DeviceKind::Software))
    }
}

/// A job: `GET /api/v1/jobs/{id}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Job {
    pub(crate) model: String,
    /// `queued`, `running`, `completed`, `failed`, `cancelled`.
    pub(crate) state: String,
    pub(crate) stage: Option<String>,
    pub(crate) step: Option<u64>,
    pub(crate) steps: Option<u64>,
    /// From 0 to 1.
    pub(crate) fraction: Option<f64>,
    pub(crate) eta_ms: Option<u64>,
    pub(crate) place: Option<u64>,
    pub(crate) places: Option<u64>,
}

/// A download or a check: `GET /api/v1/downloads/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Download {
    pub(crate) model: Option<String>,
    pub(crate) source: String,
    /// `queued`, `running`, `paused`, `verifying`, `done`, `failed`, `cancelled`.
    pub(crate) state: String,
    pub(crate) step: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) total: Option<u64>,
    pub(crate) bytes_per_second: Option<u64>,
    pub(crate) eta_ms: Option<u64>,
    /// Why it failed: the object that errors of the API have.
    pub(crate) error: Option<Value>,
}

/// Whether nothing more comes of a job.
pub(crate) fn job_is_over(job: &Value) -> bool {
    matches!(job["state"].as_str(), Some("completed" | "failed" | "cancelled"))
}

/// Whether a download needs to be shown no more; one that failed waits for somebody.
pub(crate) fn download_is_over(download: &Value) -> bool {
    matches!(download["state"].as_str(), Some("done" | "cancelled"))
}
