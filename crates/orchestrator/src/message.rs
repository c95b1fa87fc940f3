//! What is sent to the actor.

use loadmaster_core::{BackendError, Event, Failure, HoldId, InstanceId, LoadRequest, Machine};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Budgets, Configured, Hold, HoldRequest, Lease, ModelRules, OrchestratorError, Policy, Preview,
    ProcessMemory, QueuePlace, Resident, Status, Wish,
    actor::Running,
    steps::{Look, Prepared, Ticket},
};

pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What the handle, leases and the actor's own tasks send.
#[derive(Debug)]
pub(crate) enum Message {
    Add {
        request: LoadRequest,
        rules: ModelRules,
        reply: Reply<Result<(), OrchestratorError>>,
    },
    Lease {
        ticket: Ticket,
        model: String,
        wish: Wish,
        reply: Reply<Result<Lease, OrchestratorError>>,
    },
    GaveUp {
        ticket: Ticket,
    },
    Place {
        ticket: Ticket,
        reply: Reply<Option<QueuePlace>>,
    },
    LeaseReturned {
        instance: InstanceId,
        keep: bool,
    },
    Load {
        model: String,
        reply: Reply<Result<(), OrchestratorError>>,
    },
    Preview {
        model: String,
        reply: Reply<Result<Preview, OrchestratorError>>,
    },
    PreviewOf {
        request: LoadRequest,
        /// The machine to plan for; without, it is read.
        machine: Option<Box<Machine>>,
        reply: Reply<Result<Preview, OrchestratorError>>,
    },
    Previewed {
        prepared: Prepared,
        reply: Reply<Result<Preview, OrchestratorError>>,
    },
    Stop {
        ticket: Ticket,
        model: String,
        reply: Reply<Result<(), OrchestratorError>>,
    },
    Status {
        reply: Reply<Status>,
    },
    Close {
        reply: Reply<()>,
    },
    Prepared {
        model: String,
        edition: u64,
        number: u64,
        outcome: Result<Prepared, OrchestratorError>,
    },
    Started {
        instance: InstanceId,
        outcome: Result<Running, BackendError>,
    },
    Exited {
        instance: InstanceId,
        failure: Failure,
    },
    StopDone {
        instance: InstanceId,
        outcome: Result<(), BackendError>,
    },
    /// Something that no decision depends on.
    Happened {
        event: Event,
    },
    Looked {
        instance: InstanceId,
        look: Look,
    },
    LeaseAgain {
        ticket: Ticket,
        lost: InstanceId,
        model: String,
        wish: Wish,
        reply: Reply<Result<Lease, OrchestratorError>>,
    },
    Change(Change),
    /// The machine is read first: what a budget is depends on its devices.
    SetBudgets {
        budgets: Budgets,
        reply: Reply<Result<(), OrchestratorError>>,
    },
    /// The machine was read.
    BudgetsRead {
        budgets: Budgets,
        machine: Machine,
        reply: Reply<Result<(), OrchestratorError>>,
    },
    Hold {
        hold: HoldId,
        request: HoldRequest,
        reply: Reply<Result<Hold, OrchestratorError>>,
    },
    HoldRead {
        hold: HoldId,
        outcome: Result<Machine, OrchestratorError>,
    },
    /// Who had a hold, or waited for one, has gone.
    HoldDropped {
        hold: HoldId,
    },
    Release {
        hold: HoldId,
        reply: Reply<Result<(), OrchestratorError>>,
    },
    /// A server is about to be stopped.
    Leaving {
        instance: InstanceId,
        machine: Machine,
        process: ProcessMemory,
    },
    Rechecked {
        machine: Option<Machine>,
        changes: u64,
    },
    CheckBudgets {
        budgets: Budgets,
        reply: Reply<Result<(), OrchestratorError>>,
    },
}

/// What changes models and rules while all goes on, and what is kept of them over a restart.
#[derive(Debug)]
pub(crate) enum Change {
    Check { model: String, reply: Reply<Result<(), OrchestratorError>> },
    CheckOf { request: LoadRequest, reply: Reply<Result<(), OrchestratorError>> },
    Remove { model: String, reply: Reply<Result<(), OrchestratorError>> },
    Update { request: LoadRequest, rules: ModelRules, reply: Reply<Result<(), OrchestratorError>> },
    SetPolicy { policy: Box<Policy>, reply: Reply<()> },
    Residents { reply: Reply<Vec<Resident>> },
    Configured { model: String, reply: Reply<Result<Configured, OrchestratorError>> },
    Resume { residents: Vec<Resident>, reply: Reply<()> },
}

/// Sends to an actor that may have ended.
pub(crate) fn send(messages: &mpsc::WeakUnboundedSender<Message>, message: Message) {
    if let Some(messages) = messages.upgrade() {
        // The actor has ended when this fails: nobody is left to tell.
        let _ = messages.send(message);
    }
}
