//! The handle that everyone holds, and the lease that a request holds.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use loadmaster_core::{Event, Failure, HoldId, Instance, LoadRequest, Registry};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    AwaitedHold, Budgets, Configured, HoldRequest, MachineReader, ModelRules, Notice, OrchestratorError,
    Policy, QueuePlace, Resident, Status, Wish,
    actor::Actor,
    message::{Change, Message},
    steps::Ticket,
};

/// How many events a slow listener may fall behind before it misses some.
const EVENT_BACKLOG: usize = 256;

/// The handle of the one task that owns all state. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Orchestrator {
    messages: mpsc::UnboundedSender<Message>,
    events: broadcast::Sender<Notice>,
    /// Names requests, over all clones of the handle.
    tickets: Arc<AtomicU64>,
}

impl Orchestrator {
    /// Starts the task. Must be called within a tokio runtime.
    pub fn new(registry: Registry, machine: Arc<dyn MachineReader>, policy: Policy) -> Self {
        let (messages, inbox) = mpsc::unbounded_channel();
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let actor = Actor::new(registry, machine, policy, messages.downgrade(), events.clone());
        tokio::spawn(actor.run(inbox));
        Self { messages, events, tickets: Arc::default() }
    }

    /// Adds a model that may be asked for. Loads nothing.
    ///
    /// # Errors
    /// There is a model of that name, or no backend serves it.
    pub async fn add(&self, request: LoadRequest) -> Result<(), OrchestratorError> {
        self.add_with(request, ModelRules::default()).await
    }

    /// Adds a model with rules of its own. One that is to be preloaded is loaded as soon as there is room.
    ///
    /// # Errors
    /// There is a model of that name, or no backend serves it.
    pub async fn add_with(&self, request: LoadRequest, rules: ModelRules) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Add { request, rules, reply }).await?
    }

    /// Refuses a model that could not be loaded on any machine: a wrong setting, a broken file, a
    /// server that is not installed. Does not ask the machine, and loads nothing.
    ///
    /// # Errors
    /// The model is unknown, or cannot be planned.
    pub async fn check(&self, model: &str) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Change(Change::Check { model: model.to_owned(), reply })).await?
    }

    /// A lease on `model`; starts it first if it does not run. Dropping the future gives the place up.
    ///
    /// # Errors
    /// The model is unknown, does not fit, or its server did not start.
    pub async fn lease(&self, model: &str) -> Result<Lease, OrchestratorError> {
        self.lease_with(model, Wish::default()).await
    }

    /// A lease on `model`, with a place in the queue as `wish` says. Dropping the future gives the place up:
    /// nothing is loaded any more for a request that went away.
    ///
    /// # Errors
    /// The model is unknown, does not fit, its server did not start, too many wait for it, or the wait was
    /// too long.
    pub async fn lease_with(&self, model: &str, wish: Wish) -> Result<Lease, OrchestratorError> {
        self.queue(model, wish).await
    }

    /// The same as [`Orchestrator::lease_with`], for who wants to know meanwhile how long the queue is. The
    /// request has its place when this returns.
    pub fn queue(&self, model: &str, wish: Wish) -> Waiting {
        let model = model.to_owned();
        self.place_of(|ticket, reply| Message::Lease { ticket, model, wish, reply })
    }

    /// A place for a request whose server ended before it answered anything. It is refused with
    /// [`OrchestratorError::CalledOff`] where somebody had that server stopped: the model is not started
    /// again against his will.
    pub fn queue_again(&self, lost: &Lease, wish: Wish) -> Waiting {
        let (lost, model) = (lost.instance.id.clone(), lost.instance.plan.model.id.clone());
        self.place_of(|ticket, reply| Message::LeaseAgain { ticket, lost, model, wish, reply })
    }

    fn place_of(
        &self,
        message: impl FnOnce(Ticket, oneshot::Sender<Result<Lease, OrchestratorError>>) -> Message,
    ) -> Waiting {
        let ticket = self.ticket();
        let (reply, answer) = oneshot::channel();
        // The actor has ended when this fails, and the answer is that.
        let _ = self.messages.send(message(ticket, reply));
        Waiting { ticket: Some(ticket), answer, messages: self.messages.clone() }
    }

    /// Loads `model` when nothing waits for memory and there is room for it; without a request, and
    /// without waiting.
    ///
    /// # Errors
    /// The model is unknown.
    pub async fn load(&self, model: &str) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Load { model: model.to_owned(), reply }).await?
    }

    /// Stops `model`: the requests that it serves may finish, new ones wait and start it again.
    /// Returns when its process is gone.
    ///
    /// # Errors
    /// The model is unknown, or its process could not be ended.
    pub async fn stop(&self, model: &str) -> Result<(), OrchestratorError> {
        let ticket = self.ticket();
        self.ask(|reply| Message::Stop { ticket, model: model.to_owned(), reply }).await?
    }

    /// Replaces all budgets. Where they are less than what runs takes, the cheapest of it that is not pinned
    /// is moved away: what is idle at once, what is busy when it has finished what it has. It comes back when
    /// there is room again. Where they are more, what waits goes on. A budget for a device that is not there
    /// limits nothing, and is warned of.
    ///
    /// Returns when the new budgets hold for whatever begins from now on.
    ///
    /// # Errors
    /// The machine could not be read; nothing is changed then.
    pub async fn set_budgets(&self, budgets: Budgets) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::SetBudgets { budgets, reply }).await?
    }

    /// Refuses budgets for devices that are not there, unless they have one already: a card may be unplugged.
    ///
    /// # Errors
    /// [`OrchestratorError::UnknownDevice`]; or the machine could not be read.
    pub async fn check_budgets(&self, budgets: Budgets) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::CheckBudgets { budgets, reply }).await?
    }

    /// Holds memory for a program that is not ours, and waits until there is room for it: models are moved out
    /// of the way, and come back as their rules say when the hold is over. Dropping the future gives it up.
    ///
    /// The future ends with an error when it can never fit, however much makes room, or waited too long.
    pub fn hold(&self, request: HoldRequest) -> AwaitedHold {
        let id = HoldId::new(self.ticket() + 1);
        let (reply, answer) = oneshot::channel();
        // The actor has ended when this fails, and the answer is that.
        let _ = self.messages.send(Message::Hold { hold: id, request, reply });
        AwaitedHold::new(id, answer, self.messages.clone())
    }

    /// Ends a hold, whoever has it.
    ///
    /// # Errors
    /// [`OrchestratorError::UnknownHold`].
    pub async fn release(&self, hold: HoldId) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Release { hold, reply }).await?
    }

    /// All models and their instances.
    ///
    /// # Errors
    /// [`OrchestratorError::Closing`] after [`Orchestrator::close`].
    pub async fn status(&self) -> Result<Status, OrchestratorError> {
        self.ask(|reply| Message::Status { reply }).await
    }

    /// The same as [`Orchestrator::check`] for a model that need not have been added.
    ///
    /// # Errors
    /// No backend serves it, or it cannot be planned.
    pub async fn check_of(&self, request: LoadRequest) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Change(Change::CheckOf { request, reply })).await?
    }

    /// Takes `model` away. Who waits for it is turned away, what it serves may finish within the drain
    /// deadline, and then its server ends; this does not wait for that.
    ///
    /// # Errors
    /// The model is unknown.
    pub async fn remove(&self, model: &str) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Change(Change::Remove { model: model.to_owned(), reply })).await?
    }

    /// Loads and treats the model of that name in this way from now on. Rules hold at once. Where `request`
    /// is another one, and the plan that comes of it is not the one that runs, the model's server finishes
    /// what it has and the model is loaded anew; those who wait for it wait on. Does not wait for that.
    ///
    /// # Errors
    /// The model is unknown, or no backend serves it.
    pub async fn update(&self, request: LoadRequest, rules: ModelRules) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Change(Change::Update { request, rules, reply })).await?
    }

    /// How `model` is loaded and treated, and what it runs by now: for who changes a part of that with
    /// [`Orchestrator::update`].
    ///
    /// # Errors
    /// The model is unknown.
    pub async fn configured(&self, model: &str) -> Result<Configured, OrchestratorError> {
        self.ask(|reply| Message::Change(Change::Configured { model: model.to_owned(), reply })).await?
    }

    /// Keeps to `policy` from now on, but for its budgets: [`Orchestrator::set_budgets`] changes them. Those who wait already wait as long as they were told, drains end when
    /// they were to end, and measurements stay in the file they are in.
    ///
    /// # Errors
    /// [`OrchestratorError::Closing`] after [`Orchestrator::close`].
    pub async fn set_policy(&self, policy: Policy) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Change(Change::SetPolicy { policy: Box::new(policy), reply })).await
    }

    /// What is loaded, or was unloaded to make room and comes back; the latest used first. To be written
    /// down, and given to [`Orchestrator::resume`] after a restart.
    ///
    /// # Errors
    /// [`OrchestratorError::Closing`] after [`Orchestrator::close`].
    pub async fn residents(&self) -> Result<Vec<Resident>, OrchestratorError> {
        self.ask(|reply| Message::Change(Change::Residents { reply })).await
    }

    /// Loads what was there before a restart, in this order, as soon as nothing waits for memory; by the
    /// plan that it had, if that can still be and the model is still asked for in the same way. Those that
    /// were not added are passed over.
    ///
    /// # Errors
    /// [`OrchestratorError::Closing`] after [`Orchestrator::close`].
    pub async fn resume(&self, residents: Vec<Resident>) -> Result<(), OrchestratorError> {
        self.ask(|reply| Message::Change(Change::Resume { residents, reply })).await
    }

    /// Tells all listeners of something that happened around the orchestrator.
    pub fn tell(&self, event: Event) {
        // The actor has ended when this fails, and nobody listens.
        let _ = self.messages.send(Message::Happened { event });
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Notice> {
        self.events.subscribe()
    }

    /// Waits until everything has ended after [`Orchestrator::close`].
    pub async fn closed(&self) {
        self.messages.closed().await;
    }

    /// Turns away who waits, lets requests that are served finish within the drain deadline, stops
    /// everything, and returns when nothing runs.
    pub async fn close(&self) {
        // The actor ends after this message, so an error says that it had ended before.
        let _ = self.ask(|reply| Message::Close { reply }).await;
    }

    fn ticket(&self) -> Ticket {
        self.tickets.fetch_add(1, Relaxed)
    }

    pub(crate) async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, OrchestratorError> {
        let (reply, answer) = oneshot::channel();
        self.messages.send(message(reply)).map_err(|_| OrchestratorError::Closing)?;
        answer.await.map_err(|_| OrchestratorError::Closing)
    }
}

/// A request that waits; a future of its lease. Dropping it gives the place up.
#[derive(Debug)]
pub struct Waiting {
    /// `None` once it was answered.
    ticket: Option<Ticket>,
    answer: oneshot::Receiver<Result<Lease, OrchestratorError>>,
    messages: mpsc::UnboundedSender<Message>,
}

impl Waiting {
    /// Whether it has had its answer: it is not to be awaited again.
    pub fn is_answered(&self) -> bool {
        self.ticket.is_none()
    }

    /// Where it stands among those who wait for the same model, and why; `None` when it has its answer.
    pub async fn place(&self) -> Option<QueuePlace> {
        let (reply, place) = oneshot::channel();
        self.messages.send(Message::Place { ticket: self.ticket?, reply }).ok()?;
        place.await.ok()?
    }
}

impl Future for Waiting {
    type Output = Result<Lease, OrchestratorError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        self.ticket = None;
        Poll::Ready(answer.unwrap_or(Err(OrchestratorError::Closing)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // The actor has ended when this fails, and everybody's place with it.
            let _ = self.messages.send(Message::GaveUp { ticket });
        }
    }
}

/// The right to use an instance. Dropping it is the end of the request.
#[derive(Debug)]
pub struct Lease {
    instance: Instance,
    keep: bool,
    messages: mpsc::WeakUnboundedSender<Message>,
}

impl Lease {
    pub(crate) fn new(instance: Instance, keep: bool, messages: mpsc::WeakUnboundedSender<Message>) -> Self {
        Self { instance, keep, messages }
    }

    /// The instance: where it listens, what it runs.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Waits for the instance's death, and tells why it died.
    pub async fn crashed(&self) -> Failure {
        self.instance.exit.wait().await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(messages) = self.messages.upgrade() {
            // The actor has ended when this fails, and with it the count of leases.
            let _ =
                messages.send(Message::LeaseReturned { instance: self.instance.id.clone(), keep: self.keep });
        }
    }
}
