//! What the decisions take in, and what they say to do.

use std::{sync::Arc, time::Duration};

use loadmaster_core::{
    BackendError, Estimate, Event, Failure, Health, HoldId, InstanceId, LaunchPlan, LoadRequest, Machine,
};

use crate::{
    Budgets, HoldRequest, ModelRules, OrchestratorError, Policy, ProcessMemory, Wish, outlook::Outlook,
};

/// Names one request that waits for an answer of the orchestrator.
pub(crate) type Ticket = u64;

/// A plan with what it takes, and the memory that the machine had free when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) plan: Arc<LaunchPlan>,
    pub(crate) estimate: Estimate,
    pub(crate) machine: Machine,
}

/// What shall be planned, and under which circumstances.
#[derive(Debug, Clone)]
pub(crate) struct Preparation {
    pub(crate) request: LoadRequest,
    /// The plan that ran before, when just that one shall run again.
    pub(crate) again: Option<Arc<LaunchPlan>>,
    /// What the planner may count on beside what is free.
    pub(crate) outlook: Outlook,
    /// Whether memory was given back a moment ago, of which some may still be on its way.
    pub(crate) settle: bool,
    /// Which version of the model this is for; comes back with the outcome.
    pub(crate) edition: u64,
    /// Which of all preparations this is; comes back with the outcome.
    pub(crate) number: u64,
}

/// What a started instance says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) pid: Option<u32>,
    pub(crate) endpoint: String,
    pub(crate) measured: Option<Estimate>,
    /// How many requests it works on at once.
    pub(crate) slots: Option<u32>,
}

/// What was seen of an instance.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// What its backend says.
    pub(crate) health: Health,
    /// For how long the machine has worked for its process; `None` when nobody can tell.
    pub(crate) worked: Option<Duration>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// A request wants a model.
    LeaseAsked { ticket: Ticket, model: String, wish: Wish },
    /// A request does not wait any longer.
    GaveUp { ticket: Ticket },
    /// A request is over.
    LeaseReturned { instance: InstanceId, keep: bool },
    /// A plan was made for that edition of the model, or could not be.
    Prepared { model: String, edition: u64, number: u64, outcome: Result<Prepared, OrchestratorError> },
    /// A start succeeded, or did not.
    Started { instance: InstanceId, outcome: Result<Facts, BackendError> },
    /// A process ended that nobody had told to.
    Exited { instance: InstanceId, failure: Failure },
    /// Somebody wants a model loaded.
    LoadAsked { model: String },
    /// Somebody wants a model stopped.
    StopAsked { ticket: Ticket, model: String },
    /// A stop is done.
    StopDone { instance: InstanceId, outcome: Result<(), BackendError> },
    /// The time has come that [`State::next_wake`](crate::decide::State::next_wake) named.
    Tick,
    /// The program wants to end.
    CloseAsked,
    /// How an instance is that was looked at.
    Looked { instance: InstanceId, look: Look },
    /// A request wants a model again, because the instance that worked on it ended before it answered.
    LeaseAskedAgain { ticket: Ticket, lost: InstanceId, model: String, wish: Wish },
    /// A model may not be asked for any more.
    ModelRemoved { model: String },
    /// A model is to be loaded in another way, or treated in another way.
    ModelChanged { request: LoadRequest, rules: ModelRules },
    /// Other times and queues hold from now on.
    PolicyChanged { policy: Box<Policy> },
    /// What may be taken of each device is another now; the machine as it is.
    BudgetsChanged { budgets: Budgets, machine: Machine },
    /// Memory shall be held for another program.
    HoldAsked { hold: HoldId, request: HoldRequest },
    /// The machine was read for a hold.
    HoldRead { hold: HoldId, outcome: Result<Machine, OrchestratorError> },
    /// Who had a hold, or waited for it, has gone.
    HoldDropped { hold: HoldId },
    /// Somebody ends a hold; who waits for it is told.
    HoldReleased { hold: HoldId },
    /// A server is about to be stopped; the machine, and what its process has.
    Leaving { instance: InstanceId, machine: Machine, process: ProcessMemory },
    /// The machine was read, if it could be, for memory that should have come back.
    Rechecked { machine: Option<Machine>, changes: u64 },
}

/// Something to do.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Read the machine, make a plan and its estimate; answer with [`Input::Prepared`].
    Prepare(Box<Preparation>),
    /// Start the plan; answer with [`Input::Started`].
    Start { instance: InstanceId, prepared: Prepared },
    /// Give the waiting request its lease.
    Grant { ticket: Ticket, instance: InstanceId, keep: bool },
    /// Turn the waiting request away.
    Refuse { ticket: Ticket, error: OrchestratorError },
    /// End the instance, or its start; answer with [`Input::StopDone`]. `save`: keep its conversations.
    Stop { instance: InstanceId, save: bool },
    /// Tell who asked for a stop how it went.
    AnswerStop { ticket: Ticket, outcome: Result<(), OrchestratorError> },
    /// Tell all listeners.
    Tell(Event),
    /// Nothing runs any more: the actor may end.
    Closed,
    /// Ask an instance how it is; answer with [`Input::Looked`].
    Look { instance: InstanceId },
    /// End the instance by force, because of `failure`; answer with [`Input::StopDone`].
    End { instance: InstanceId, failure: Failure },
    /// Read the machine for a hold; answer with [`Input::HoldRead`].
    Read(Reading),
    /// Give who asked for it the hold.
    GrantHold { hold: HoldId },
    /// Turn away who asked for the hold.
    RefuseHold { hold: HoldId, error: OrchestratorError },
    /// Read the machine for memory that should have come back; answer with [`Input::Rechecked`].
    Recheck { changes: u64 },
}

/// The machine, read for a hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) hold: HoldId,
    /// Whether memory was given back a moment ago: two readings must agree then.
    pub(crate) settle: bool,
}
