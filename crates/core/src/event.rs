//! What happens, told to whoever listens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Estimate, HoldId, InstanceId, InstanceState, Kept};

/// Something that happened in the orchestrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// Memory was reserved and the instance is being started.
    Reserved {
        /// The instance.
        instance: InstanceId,
        /// What it is expected to take.
        estimate: Estimate,
    },
    /// The server said what it really took.
    Measured {
        /// The instance.
        instance: InstanceId,
        /// What was expected.
        predicted: Estimate,
        /// What it took.
        actual: Estimate,
    },
    /// An instance went from one state to another.
    State {
        /// The instance.
        instance: InstanceId,
        /// Its new state.
        #[serde(flatten)]
        state: InstanceState,
    },
    /// Instances make room for a model; its memory is reserved from now on.
    MakingRoom {
        /// The model that is loaded when they are gone.
        model: String,
        /// The instances that go, or were about to.
        leaving: Vec<InstanceId>,
    },
    /// The conversations of an instance were written down before it is stopped.
    Saved {
        /// The instance.
        instance: InstanceId,
        /// What was kept.
        kept: Kept,
    },
    /// An instance was given the conversations back that its predecessor had.
    Restored {
        /// The instance.
        instance: InstanceId,
        /// What it was given.
        kept: Kept,
    },
    /// A request was turned away.
    Refused {
        /// The model that it asked for.
        model: String,
        /// Why.
        cause: String,
    },
    /// An instance ends because its model was changed and would be run in another way now.
    Outdated {
        /// The instance.
        instance: InstanceId,
    },
    /// The configuration was read again, and what changed in it holds now.
    Reloaded {
        /// Models that can be asked for from now on.
        added: Vec<String>,
        /// Models that can not be asked for any more.
        removed: Vec<String>,
        /// Models that are loaded or treated in another way from now on.
        changed: Vec<String>,
        /// Models that stay as they were.
        kept: Vec<String>,
    },
    /// The configuration was read again and is wrong: all stays as it was.
    ReloadFailed {
        /// What is wrong with it.
        cause: String,
    },
    /// What may be taken of each device is another from now on.
    BudgetsChanged {
        /// The budgets by device, as people write them.
        budgets: BTreeMap<String, String>,
        /// The instances that are moved away because they take more than that.
        leaving: Vec<InstanceId>,
    },
    /// What runs takes more of a device than its budget, and does not leave: it is pinned, or held.
    OverBudget {
        /// The device.
        device: DeviceId,
        /// Bytes beyond the budget.
        beyond: u64,
        /// The pinned models that hold memory.
        pinned: Vec<String>,
    },
    /// Memory is to be held for another program; instances make room for it, and it is reserved from now on.
    HoldWaits {
        /// The hold.
        hold: HoldId,
        /// What it is for.
        note: String,
        /// The instances that go, or were about to.
        leaving: Vec<InstanceId>,
    },
    /// Memory is held for another program.
    HoldGranted {
        /// The hold.
        hold: HoldId,
        /// What it is for.
        note: String,
        /// Bytes of each device.
        devices: BTreeMap<DeviceId, u64>,
    },
    /// Memory cannot be held for another program.
    HoldRefused {
        /// The hold.
        hold: HoldId,
        /// Why.
        cause: String,
    },
    /// Memory is no longer held for another program, or is no longer wanted.
    HoldReleased {
        /// The hold.
        hold: HoldId,
    },
    /// A server ended, and its memory did not all come back; or more of it, or all, has come back now.
    NotReturned {
        /// The device.
        device: DeviceId,
        /// Bytes that are missing still.
        bytes: u64,
    },
}
