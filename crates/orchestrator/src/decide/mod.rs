//! The decisions: a pure function from a state, a time and an input to actions.
//!
//! Reads no clock, no memory, no process: what it needs of the world comes with the input. So any
//! history can be replayed, and millions of random ones can be tried.
//!
//! - `queue`: requests that wait, and leases.
//! - `inputs`: what happens with an input, and what follows from it.
//! - `room`: plans, looked at until they fit.
//! - `verdict`: whether a plan fits, and who goes for it.
//! - `gpus`: where a plan for another GPU would do.
//! - `claims`: room that is kept for whoever has waited longest.
//! - `glance`: who need not be looked at closely.
//! - `victims`: which set of instances that is.
//! - `lifecycle`: instances from their start to their end.
//! - `trouble`: models whose servers die.
//! - `watch`: whether what runs gets anything done.
//! - `tracked`: maps that know which entries may have something to do.
//! - `background`: what happens without a request: preloading, restoring, unloading the idle.
//! - `budgets`: what may be taken of each device, changed at run time.
//! - `changes`: models and rules that change while all goes on, and what comes back after a restart.
//! - `holds`: memory that is held for other programs.
//! - `returns`: memory that should have come back, and did not.
//! - `why`: why who waits has to wait.
//! - `shown`: all of it, for those who ask.

mod background;
mod budgets;
mod changes;
mod claims;
mod glance;
mod gpus;
mod hold_entries;
mod holds;
mod inputs;
mod lifecycle;
mod queue;
mod returns;
mod room;
mod shown;
mod tracked;
mod trouble;
mod verdict;
mod victims;
mod watch;
mod why;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use loadmaster_core::{Estimate, HoldId, InstanceId, InstanceState, LaunchPlan, LoadRequest};

use crate::{
    KeepAlive, ModelRules, OrchestratorError, Policy, Priority,
    ledger::Ledger,
    outlook::Outlook,
    returns::Returns,
    steps::{Facts, Prepared, Ticket},
};

use self::tracked::Tracked;

/// How many times as long as its start took must an instance have run before it goes because it has run dry.
const PAYS_OFF: u32 = 8;

/// A request that waits.
#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    priority: Priority,
    keep: bool,
    keep_alive: Option<KeepAlive>,
    since: Duration,
    /// When it is turned away.
    until: Duration,
}

/// How far a model without a living instance has come towards one.
#[derive(Debug)]
enum Progress {
    /// Nobody needs it.
    None,
    /// A plan is being made.
    Planning {
        /// What is reserved for it since others were told to go.
        promised: Option<InstanceId>,
        /// The ledger's count of changes when the machine was to be read.
        changes: u64,
        /// Whether memory had just been given back.
        settle: bool,
        /// Whether what it is planned for has changed meanwhile: it is planned again.
        outdated: bool,
    },
    /// It has a plan, and does not fit now.
    Blocked {
        prepared: Box<Prepared>,
        /// When the plan was made, and the machine read.
        read: Duration,
        /// The ledger's count of changes when the machine was to be read.
        changes: u64,
        /// The ledger's count of changes when it was last known not to be impossible.
        possible: Option<u64>,
        /// Whether it could run on another device than the one that it is planned for.
        elsewhere: bool,
        /// What is reserved for it since it has waited for two turns.
        claim: Option<InstanceId>,
    },
    /// Others leave to make room for it.
    MakingRoom {
        /// Has its reservation, so that nobody else takes the room.
        promised: InstanceId,
        leaving: BTreeSet<InstanceId>,
    },
    /// It runs and was changed: a plan is being made, to see whether it would run in another way now.
    Comparing,
}

impl Progress {
    /// What is reserved for it.
    fn promised(self) -> Option<InstanceId> {
        match self {
            Self::Planning { promised, .. } => promised,
            Self::Blocked { claim, .. } => claim,
            Self::MakingRoom { promised, .. } => Some(promised),
            Self::None | Self::Comparing => None,
        }
    }
}

/// Whether a model shall be loaded although nobody asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    No,
    /// As soon as nothing waits for memory.
    Yes,
    /// There was no room; tried again when something ended.
    NoRoom {
        tried: Duration,
    },
}

#[derive(Debug)]
struct ModelEntry {
    request: LoadRequest,
    rules: ModelRules,
    /// In the order in which they came.
    waiting: Vec<Waiter>,
    progress: Progress,
    wanted: Wanted,
    /// The plan of the instance that was unloaded for others: just this one is restored.
    offloaded: Option<Arc<LaunchPlan>>,
    /// Ran out of memory at its last start, and is tried once more with a smaller plan than this one.
    too_large: Option<(Arc<LaunchPlan>, OrchestratorError)>,
    /// The deaths of its servers.
    trouble: trouble::Trouble,
    /// The latest instance, dead ones too.
    instance: Option<InstanceId>,
    /// Which version of `request` this is: plans for an earlier one are of no use.
    edition: u64,
    /// The number of the latest preparation for it: outcomes of earlier ones are of no use, for they read the
    /// machine before something happened.
    asked: u64,
    /// Whether it may not be asked for any more, and goes as soon as nothing of it runs.
    removed: bool,
    /// Its place among those that come back after a restart; the first one comes first.
    resumed: Option<usize>,
    /// Whether others went for it, and it was not started since.
    made_room: bool,
}

#[derive(Debug)]
struct InstanceEntry {
    model: String,
    state: InstanceState,
    plan: Arc<LaunchPlan>,
    predicted: Estimate,
    facts: Option<Facts>,
    /// Requests that it works on.
    leases: usize,
    /// Leases that keep it loaded and ask nothing of it.
    keeps: usize,
    /// When its start began.
    begun: Duration,
    /// When it became ready.
    ready: Duration,
    /// When it last took up a request or ended one.
    used: Duration,
    /// When its first request ended.
    served: Option<Duration>,
    /// When it is ended although it still serves requests.
    drained_by: Option<Duration>,
    /// Whether it may come back, and its conversations with it.
    comes_back: bool,
    /// Who waits for its end.
    stop_tickets: Vec<Ticket>,
    /// Whether it gets anything done.
    watch: watch::Watch,
    /// How long it may be idle, as the latest request that said so wants it; else its rules say.
    keep_alive: Option<KeepAlive>,
    /// The edition of its model that its plan is for.
    edition: u64,
}

impl InstanceEntry {
    /// When it has run for so long that its start was worth it.
    fn pays_off(&self) -> Duration {
        let start = self.ready.saturating_sub(self.begun);
        self.ready.saturating_add(start.saturating_mul(PAYS_OFF))
    }

    /// Whether nobody has a lease on it.
    fn is_free(&self) -> bool {
        self.leases == 0 && self.keeps == 0
    }
}

/// All that the orchestrator knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    policy: Policy,
    now: Duration,
    models: Tracked<String, ModelEntry>,
    instances: Tracked<InstanceId, InstanceEntry>,
    ledger: Ledger,
    /// Counts starts, so that no instance's name is used twice.
    starts: u64,
    closing: bool,
    /// Counts inputs.
    inputs: u64,
    /// Whether something happened since the blocked were looked at that may let one of them in.
    look_again: bool,
    /// When the time alone may let one of them in.
    look_at: Option<Duration>,
    /// Counts changes of models, so that no edition's number is used twice.
    editions: u64,
    /// Counts preparations.
    preparations: u64,
    /// Memory that is held for other programs, or shall be.
    holds: BTreeMap<HoldId, hold_entries::HoldEntry>,
    /// When the last server ended.
    ended: Option<Duration>,
    /// Memory that did not come back.
    returns: Returns,
    rechecks: returns::Rechecks,
}

impl State {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Adds a model that may be asked for.
    pub(crate) fn add(&mut self, request: LoadRequest, rules: ModelRules) -> Result<(), OrchestratorError> {
        let id = request.model.id.clone();
        if let Some(entry) = self.models.get(&id) {
            if !entry.removed {
                return Err(OrchestratorError::DuplicateModel(id));
            }
            self.bring_back(request, rules);
            return Ok(());
        }
        let entry = ModelEntry {
            request,
            rules,
            waiting: Vec::new(),
            progress: Progress::None,
            wanted: if rules.preload { Wanted::Yes } else { Wanted::No },
            offloaded: None,
            too_large: None,
            trouble: trouble::Trouble::default(),
            instance: None,
            edition: self.editions,
            asked: 0,
            removed: false,
            resumed: None,
            made_room: false,
        };
        self.models.insert(id, entry);
        Ok(())
    }

    /// The request that a model was added with.
    pub(crate) fn request(&self, model: &str) -> Result<&LoadRequest, OrchestratorError> {
        self.known(model).map(|entry| &entry.request).ok_or_else(|| self.unknown(model))
    }

    /// What a plan for `model` may count on.
    pub(crate) fn outlook(&self, model: &str) -> Outlook {
        Outlook {
            ledger: self.ledger.clone(),
            own: BTreeSet::new(),
            may_go: self.may_go_for(model),
            order: self.leaving_order(model),
            holds: self.holds_behind(model),
            budgets: self.policy.budgets.clone(),
            spare_percent: 0,
        }
    }

    /// The same where `model` may run already, and would run anew in its own place.
    pub(crate) fn outlook_instead_of(&self, model: &str) -> Outlook {
        let mut outlook = self.outlook(model);
        outlook.own.extend(self.held_by(model));
        outlook
    }

    /// All reservations that `model` might get the place of some time: those of other models that are
    /// not pinned, whether they run or room is being made for them.
    fn may_go_for(&self, model: &str) -> BTreeSet<InstanceId> {
        let others = self.models.busy().filter(|(name, entry)| *name != model && !entry.rules.pinned);
        others.flat_map(|(name, _)| self.held_by(name)).collect()
    }

    /// The reservations that `model` has: of what runs, and of the room that is being made for it.
    fn held_by(&self, model: &str) -> impl Iterator<Item = InstanceId> {
        let entry = self.models.get(model);
        let promised = entry.and_then(|entry| match &entry.progress {
            Progress::MakingRoom { promised, .. } => Some(promised),
            Progress::Planning { promised, .. } => promised.as_ref(),
            Progress::Blocked { claim, .. } => claim.as_ref(),
            Progress::None | Progress::Comparing => None,
        });
        let held = entry.and_then(|entry| entry.instance.as_ref()).into_iter().chain(promised);
        held.filter(|id| self.ledger.reservation(id).is_some()).cloned()
    }

    fn unknown(&self, model: &str) -> OrchestratorError {
        OrchestratorError::UnknownModel {
            model: model.to_owned(),
            known: self.models.iter().filter(|(_, entry)| !entry.removed).map(|(id, _)| id.clone()).collect(),
        }
    }

    /// The model of that name, if it may be asked for.
    fn known(&self, model: &str) -> Option<&ModelEntry> {
        self.models.get(model).filter(|entry| !entry.removed)
    }

    fn is_pinned(&self, model: &str) -> bool {
        self.models.get(model).is_some_and(|entry| entry.rules.pinned)
    }

    /// The living instance of `model`.
    fn living(&self, model: &str) -> Option<(&InstanceId, &InstanceEntry)> {
        let id = self.models.get(model)?.instance.as_ref()?;
        let instance = self.instances.get(id)?;
        instance.state.is_alive().then_some((id, instance))
    }

    /// Whether anybody waits for memory or for a plan.
    fn somebody_waits(&self) -> bool {
        let waits =
            |(_, entry): (&String, &ModelEntry)| !entry.waiting.is_empty() && self.living_of(entry).is_none();
        self.some_hold_waits() || self.models.busy().any(waits)
    }

    fn living_of(&self, entry: &ModelEntry) -> Option<&InstanceEntry> {
        let instance = self.instances.get(entry.instance.as_ref()?)?;
        instance.state.is_alive().then_some(instance)
    }
}

#[cfg(test)]
mod tests;
