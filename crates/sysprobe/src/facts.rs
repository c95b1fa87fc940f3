//! What does not change while the machine is on.

use serde::{Deserialize, Serialize};

use crate::{Cpu, Gpu, MemoryFacts};

/// What this machine has. Ask once; [`Snapshot`](crate::Snapshot) is for what changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The processor, and how much of it this process may use.
    pub cpu: Cpu,
    /// Main memory, and the limit this process is under.
    pub memory: MemoryFacts,
    /// Graphics cards: discrete ones, then integrated ones, then software renderers, each group
    /// in the order of the PCI bus.
    pub gpus: Vec<Gpu>,
    /// What could not be found out, or is broken, and what the user can do about it.
    pub notes: Vec<Note>,
}

/// Something the user should know: what is wrong, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
    /// What the user can do about it.
    pub remedy: String,
}

impl Note {
    /// A note that says `what` is wrong and which `remedy` helps.
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}
