//! What the orchestrator tells of itself.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use loadmaster_core::{
    DeviceId, Estimate, Event, HoldId, InstanceId, InstanceState, LaunchPlan, LoadRequest, Machine, ModelKind,
};
use serde::{Deserialize, Serialize};

use crate::{Budgets, HoldStatus, ModelRules, Shortage, Why};

/// An instance as others see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Its name.
    pub id: InstanceId,
    /// The model that it runs.
    pub model: String,
    /// Its state; `crashed` comes with its reason.
    #[serde(flatten)]
    pub state: InstanceState,
    /// Its process.
    pub pid: Option<u32>,
    /// Where it listens.
    pub endpoint: Option<String>,
    /// How many requests it serves now.
    pub leases: usize,
    /// What it runs, every value resolved.
    pub plan: LaunchPlan,
    /// What it was expected to take.
    pub predicted: Estimate,
    /// What it said it took.
    pub actual: Option<Estimate>,
}

impl InstanceStatus {
    /// What it takes, as well as is known.
    pub fn taken(&self) -> &Estimate {
        self.actual.as_ref().unwrap_or(&self.predicted)
    }
}

/// A model that can be asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelStatus {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub kind: ModelKind,
    /// How many requests wait for it.
    pub waiting: usize,
    /// What those who wait, or who want it loaded, wait for.
    pub waits_for: Option<WaitsFor>,
    /// Its latest instance, dead ones too.
    pub instance: Option<InstanceStatus>,
}

/// What a model waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WaitsFor {
    /// Its plan is being made.
    Plan,
    /// It does not fit beside the others, and none of them may go yet.
    Memory {
        /// Each device that has too little now.
        shortages: Vec<Shortage>,
    },
    /// Others leave to make room for it.
    Room {
        /// Those that leave, or were about to.
        leaving: Vec<InstanceId>,
    },
    /// It is being started.
    Start,
    /// It works on as many requests as it can.
    Place,
    /// It is about to end, and is started again then.
    End,
    /// Its servers died again and again: a pause before the next start.
    Pause,
    /// It does not fit beside what is held for other programs.
    Hold {
        /// All that is held, or waited for.
        holds: Vec<HoldId>,
        /// Each device that has too little now.
        shortages: Vec<Shortage>,
    },
}

/// Where a request stands among those who wait for the same model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// 1 is next.
    pub place: usize,
    /// How many wait.
    pub of: usize,
    /// Why they wait; `None` where it is about to be found out.
    #[serde(default)]
    pub why: Option<Why>,
}

/// An event with its number and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Counts the events of one orchestrator: 1, 2, 3 and so on.
    pub id: u64,
    /// When it happened, by the machine's clock: milliseconds since 1970. Clocks are set: ids have the order.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Notice {
    /// What happens now.
    pub(crate) fn now(id: u64, event: Event) -> Self {
        // A clock that was set before 1970 is shown as 1970.
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { id, at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX), event }
    }
}

/// Everything, at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    /// All models, by name.
    pub models: Vec<ModelStatus>,
    /// What is reserved of each device, in bytes, margins included.
    pub reserved: BTreeMap<DeviceId, u64>,
    /// Whether it is about to end, and takes no requests.
    pub closing: bool,
    /// The latest event of which this tells.
    pub last_event: u64,
    /// What may be taken of each device.
    #[serde(default)]
    pub budgets: Budgets,
    /// Memory that is held for other programs, or that they wait for.
    #[serde(default)]
    pub holds: Vec<HoldStatus>,
    /// What should have come back of each device when servers ended, and did not, in bytes.
    #[serde(default)]
    pub not_returned: BTreeMap<DeviceId, u64>,
}

/// What loading a model would take, whether it would fit now, and who would make room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preview {
    /// What would run.
    pub plan: LaunchPlan,
    /// What it would take.
    pub estimate: Estimate,
    /// What keeps it from fitting beside the others; empty when it fits.
    pub shortages: Vec<Shortage>,
    /// Who would make room if somebody asked for it now and waited: idle ones soon, busy ones after a turn.
    pub leaving: Vec<InstanceId>,
    /// What it would lack even when all had gone that may; not empty means that a request is refused.
    pub lacking: Vec<Shortage>,
    /// The machine that it was planned for.
    pub machine: Machine,
    /// The holds that it has to wait for; empty when it fits without their end.
    #[serde(default)]
    pub holds: Vec<HoldId>,
}

/// How a model is loaded and treated.
#[derive(Debug, Clone)]
pub struct Configured {
    /// What was asked for.
    pub request: LoadRequest,
    /// Its rules.
    pub rules: ModelRules,
    /// What runs, if it runs and is not about to end.
    pub plan: Option<Arc<LaunchPlan>>,
    /// Whether it was changed, and it is not known yet whether what runs has to end for that.
    pub comparing: bool,
}

/// A model that is loaded, or was unloaded to make room and comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resident {
    /// What was asked for.
    pub request: LoadRequest,
    /// What runs, or ran; where it is missing, a new plan is made.
    pub plan: Option<LaunchPlan>,
}
