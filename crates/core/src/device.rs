//! Where bytes can lie, and how many are free there now.

use std::{borrow::Borrow, fmt};

use serde::{Deserialize, Serialize};

/// Names a device of this machine: `host`, `gpu0`, `gpu1`, ...
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(String);

impl DeviceId {
    /// The machine's own memory.
    pub fn host() -> Self {
        Self("host".to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DeviceId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl From<String> for DeviceId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl Borrow<str> for DeviceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// What sort of memory a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// The machine's RAM.
    Host,
    /// A card with memory of its own.
    Discrete,
    /// A GPU that uses the machine's RAM.
    Integrated,
    /// A GPU that is a program on the CPU (llvmpipe): never chosen unless asked for by name.
    Software,
}

/// A place where a model's bytes can lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name on this machine.
    pub id: DeviceId,
    /// What people call it: `NVIDIA GeForce RTX 4090`.
    pub name: String,
    /// What sort of memory it has.
    pub kind: DeviceKind,
    /// Other names that budgets and settings may use for it: `vulkan:0`, `nvml:0`, its UUID, its PCI address.
    pub aliases: Vec<String>,
    /// All of its memory, in bytes.
    pub total: u64,
    /// What is free of it now, in bytes; `None` when no driver says.
    pub free: Option<u64>,
}

impl Device {
    /// The device whose memory this one really uses: the host for integrated and software devices.
    pub fn pool(&self) -> DeviceId {
        match self.kind {
            DeviceKind::Discrete => self.id.clone(),
            DeviceKind::Host | DeviceKind::Integrated | DeviceKind::Software => DeviceId::host(),
        }
    }

    /// Whether `name` is this device's id or one of its aliases.
    pub fn is_called(&self, name: &str) -> bool {
        self.id.as_str() == name || self.aliases.iter().any(|alias| alias == name)
    }
}

/// What a planner knows of the machine, with its live memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Physical CPU cores.
    pub physical_cores: usize,
    /// Threads this process may really run at once (affinity and container quota counted).
    pub usable_threads: usize,
    /// The host first, then GPUs.
    pub devices: Vec<Device>,
    /// Whether somebody made it up: then no server is needed to plan for it, every device can be used,
    /// and the plan can be estimated but not started.
    #[serde(default)]
    pub hypothetical: bool,
}

impl Machine {
    /// The device of that id or alias.
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.is_called(name))
    }
}
