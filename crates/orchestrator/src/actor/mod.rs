//! The task that owns all state: it feeds inputs to the decisions and carries their actions out.

mod budgets;
mod changes;
mod holds;
mod instances;
mod watch;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use loadmaster_core::{Backend, Event, HoldId, Instance, InstanceId, LoadRequest, Machine, Registry};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::Instant,
};

use crate::{
    Hold, Lease, MachineReader, ModelRules, Notice, OrchestratorError, Policy, Preview, Status, Wish,
    decide::State,
    message::{Message, Reply, send},
    steps::{Action, Input, Preparation, Prepared, Ticket},
    weigher::Weigher,
};

/// An instance, and what it was started by.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    instance: Instance,
    prepared: Prepared,
}

#[derive(Debug)]
pub(crate) struct Actor {
    state: State,
    registry: Registry,
    weigher: Arc<Weigher>,
    policy: Arc<Policy>,
    /// Weak, so that the actor ends when the last handle is dropped.
    messages: mpsc::WeakUnboundedSender<Message>,
    events: broadcast::Sender<Notice>,
    /// The number of the latest event.
    last_event: u64,
    leases: HashMap<Ticket, Reply<Result<Lease, OrchestratorError>>>,
    stops: HashMap<Ticket, Reply<Result<(), OrchestratorError>>>,
    closes: Vec<Reply<()>>,
    /// Starts that are under way; sending calls one off.
    starts: HashMap<InstanceId, oneshot::Sender<()>>,
    instances: HashMap<InstanceId, Running>,
    begun: Instant,
    closed: bool,
    /// The budgets for devices that are not there, of which was warned.
    warned: BTreeSet<String>,
    /// Who waits for a hold.
    holds: HashMap<HoldId, Reply<Result<Hold, OrchestratorError>>>,
}

impl Actor {
    pub(crate) fn new(
        registry: Registry,
        machine: Arc<dyn MachineReader>,
        policy: Policy,
        messages: mpsc::WeakUnboundedSender<Message>,
        events: broadcast::Sender<Notice>,
    ) -> Self {
        Self {
            state: State::new(policy.clone()),
            registry,
            weigher: Arc::new(Weigher::new(machine, &policy)),
            policy: Arc::new(policy),
            messages,
            events,
            last_event: 0,
            leases: HashMap::new(),
            stops: HashMap::new(),
            closes: Vec::new(),
            starts: HashMap::new(),
            instances: HashMap::new(),
            begun: Instant::now(),
            closed: false,
            warned: BTreeSet::new(),
            holds: HashMap::new(),
        }
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        while !self.closed {
            let Ok(message) = self.awaited(&mut inbox).await else {
                self.decide(Input::Tick);
                continue;
            };
            let Some(message) = message else { break };
            if let Some(input) = self.input_of(message) {
                self.decide(input);
            }
        }
        for reply in self.closes.drain(..) {
            // Who asked may have gone.
            let _ = reply.send(());
        }
    }

    /// The next message; an error when the time comes first that the state wants to be woken at.
    async fn awaited(
        &self,
        inbox: &mut mpsc::UnboundedReceiver<Message>,
    ) -> Result<Option<Message>, tokio::time::error::Elapsed> {
        match self.state.next_wake() {
            Some(wake) => tokio::time::timeout_at(self.begun + wake, inbox.recv()).await,
            None => Ok(inbox.recv().await),
        }
    }

    /// Answers what needs no decision; turns the rest into inputs.
    fn input_of(&mut self, message: Message) -> Option<Input> {
        Some(match message {
            Message::Add { request, rules, reply } => {
                let _ = reply.send(self.add(request, rules));
                // It may be one to load at once.
                Input::Tick
            }
            Message::Status { reply } => {
                let _ = reply.send(Status { last_event: self.last_event, ..self.state.status() });
                return None;
            }
            Message::Preview { model, reply } => {
                self.preview(&model, reply);
                return None;
            }
            Message::PreviewOf { request, machine, reply } => {
                self.preview_of(request, machine.map(|machine| *machine), reply);
                return None;
            }
            Message::Previewed { prepared, reply } => {
                let _ = reply.send(Ok(self.state.preview(prepared)));
                return None;
            }
            Message::Place { ticket, reply } => {
                let _ = reply.send(self.state.place(ticket));
                return None;
            }
            Message::Lease { ticket, model, wish, reply } => {
                return self.lease_asked(ticket, model, wish, reply);
            }
            Message::GaveUp { ticket } => {
                self.leases.remove(&ticket);
                Input::GaveUp { ticket }
            }
            Message::Load { model, reply } => {
                let _ = reply.send(self.state.request(&model).map(drop));
                Input::LoadAsked { model }
            }
            Message::LeaseReturned { instance, keep } => Input::LeaseReturned { instance, keep },
            Message::Stop { ticket, model, reply } => {
                self.stops.insert(ticket, reply);
                Input::StopAsked { ticket, model }
            }
            Message::Close { reply } => {
                self.closes.push(reply);
                Input::CloseAsked
            }
            Message::Happened { event } => {
                self.tell(event);
                return None;
            }
            Message::LeaseAgain { ticket, lost, model, wish, reply } => {
                self.waits(ticket, reply);
                Input::LeaseAskedAgain { ticket, lost, model, wish }
            }
            Message::Prepared { model, edition, number, outcome } => {
                if let Ok(prepared) = &outcome {
                    self.warn_of_strangers(&prepared.machine);
                }
                Input::Prepared { model, edition, number, outcome }
            }
            Message::Started { instance, outcome } => return self.started(instance, outcome),
            Message::Exited { instance, failure } => {
                self.instances.remove(&instance);
                Input::Exited { instance, failure }
            }
            Message::StopDone { instance, outcome } => {
                self.instances.remove(&instance);
                Input::StopDone { instance, outcome }
            }
            Message::Looked { instance, look } => Input::Looked { instance, look },
            Message::Change(change) => return self.change(change),
            Message::SetBudgets { budgets, reply } => {
                self.read_for_budgets(budgets, reply);
                return None;
            }
            Message::BudgetsRead { budgets, machine, reply } => {
                self.budgets_read(budgets, &machine, reply);
                return None;
            }
            Message::Hold { hold, request, reply } => {
                self.holds.insert(hold, reply);
                Input::HoldAsked { hold, request }
            }
            Message::HoldRead { hold, outcome } => Input::HoldRead { hold, outcome },
            Message::HoldDropped { hold } => {
                self.holds.remove(&hold);
                Input::HoldDropped { hold }
            }
            Message::Release { hold, reply } => {
                let _ = reply.send(self.known_hold(hold));
                Input::HoldReleased { hold }
            }
            Message::Leaving { instance, machine, process } => Input::Leaving { instance, machine, process },
            Message::Rechecked { machine, changes } => Input::Rechecked { machine, changes },
            Message::CheckBudgets { budgets, reply } => {
                self.check_budgets(budgets, reply);
                return None;
            }
        })
    }

    /// A request takes its place, unless the model cannot be one for it.
    fn lease_asked(
        &mut self,
        ticket: Ticket,
        model: String,
        wish: Wish,
        reply: Reply<Result<Lease, OrchestratorError>>,
    ) -> Option<Input> {
        if let Some(error) = self.wrong_kind(&model, wish) {
            // Who asked may have gone.
            let _ = reply.send(Err(error));
            return None;
        }
        self.waits(ticket, reply);
        Some(Input::LeaseAsked { ticket, model, wish })
    }

    /// Why `model` is not one for this request, if it is not.
    fn wrong_kind(&self, model: &str, wish: Wish) -> Option<OrchestratorError> {
        // Who knows no such model is told so later, with the names of all others.
        let kind = self.state.request(model).ok()?.model.kind;
        (wish.not_for == Some(kind)).then(|| OrchestratorError::WrongKind { model: model.to_owned(), kind })
    }

    /// A request waits for its lease from now on.
    fn waits(&mut self, ticket: Ticket, reply: Reply<Result<Lease, OrchestratorError>>) {
        self.take_in_deaths();
        self.leases.insert(ticket, reply);
    }

    /// Takes in the deaths whose message is still on its way: who was told of one by the instance itself may
    /// ask again before that message is here, and must not be given the dead.
    fn take_in_deaths(&mut self) {
        let died = |(id, running): (&InstanceId, &Running)| Some((id.clone(), running.instance.exit.now()?));
        let dead: Vec<_> = self.instances.iter().filter_map(died).collect();
        for (instance, failure) in dead {
            self.instances.remove(&instance);
            self.decide(Input::Exited { instance, failure });
        }
    }

    fn decide(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            tracing::debug!(?input, "input");
            for action in self.state.apply(self.begun.elapsed(), input) {
                inputs.extend(self.carry_out(action));
            }
        }
    }

    /// Does what was decided; returns what that led to at once.
    fn carry_out(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Prepare(preparation) => self.prepare(*preparation),
            Action::Start { instance, prepared } => return self.start(instance, prepared),
            Action::Grant { ticket, instance, keep } => return self.grant(ticket, instance, keep),
            Action::Refuse { ticket, error } => {
                if let Some(reply) = self.leases.remove(&ticket) {
                    let _ = reply.send(Err(error));
                }
            }
            Action::Stop { instance, save } => self.stop(instance, save),
            Action::AnswerStop { ticket, outcome } => {
                if let Some(reply) = self.stops.remove(&ticket) {
                    let _ = reply.send(outcome);
                }
            }
            Action::Tell(event) => self.tell(event),
            Action::Closed => self.closed = true,
            Action::Look { instance } => self.look(instance),
            Action::End { instance, failure } => self.end(instance, failure),
            Action::Recheck { changes } => self.recheck(changes),
            Action::Read(reading) => self.read_for_hold(reading),
            Action::GrantHold { hold } => self.grant_hold(hold),
            Action::RefuseHold { hold, error } => {
                if let Some(reply) = self.holds.remove(&hold) {
                    let _ = reply.send(Err(error));
                }
            }
        }
        None
    }

    fn add(&mut self, request: LoadRequest, rules: ModelRules) -> Result<(), OrchestratorError> {
        self.backend_for(&request)?;
        self.state.add(request, rules)
    }

    fn backend_for(&self, request: &LoadRequest) -> Result<Arc<dyn Backend>, OrchestratorError> {
        self.registry.for_model(&request.model).cloned().ok_or_else(|| OrchestratorError::NoBackend {
            model: request.model.id.clone(),
            backends: self.registry.ids().map(str::to_owned).collect(),
        })
    }

    fn prepare(&self, preparation: Preparation) {
        let model = preparation.request.model.id.clone();
        let (edition, number) = (preparation.edition, preparation.number);
        let prepared = self.prepared(preparation, None);
        self.later(async move { Message::Prepared { model, edition, number, outcome: prepared.await } });
    }

    fn check_of(
        &self,
        known: Result<LoadRequest, OrchestratorError>,
        reply: Reply<Result<(), OrchestratorError>>,
    ) {
        let found = known.and_then(|request| Ok((self.backend_for(&request)?, request)));
        tokio::spawn(async move {
            let outcome = match found {
                Ok((backend, request)) => backend.check(&request).await.map_err(OrchestratorError::from),
                Err(error) => Err(error),
            };
            // Who asked may have gone.
            let _ = reply.send(outcome);
        });
    }

    fn preview(&self, model: &str, reply: Reply<Result<Preview, OrchestratorError>>) {
        match self.state.request(model) {
            Ok(request) => self.preview_of(request.clone(), None, reply),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn preview_of(
        &self,
        request: LoadRequest,
        machine: Option<Machine>,
        reply: Reply<Result<Preview, OrchestratorError>>,
    ) {
        let outlook = self.state.outlook_instead_of(&request.model.id);
        let preparation = Preparation { request, again: None, outlook, settle: false, edition: 0, number: 0 };
        let prepared = self.prepared(preparation, machine);
        let messages = self.messages.clone();
        tokio::spawn(async move {
            match prepared.await {
                Ok(prepared) => send(&messages, Message::Previewed { prepared, reply }),
                Err(error) => drop(reply.send(Err(error))),
            }
        });
    }

    /// The plan for `machine`, or for the one that is read.
    fn prepared(
        &self,
        preparation: Preparation,
        machine: Option<Machine>,
    ) -> impl Future<Output = Result<Prepared, OrchestratorError>> + Send + use<> {
        let backend = self.backend_for(&preparation.request);
        let (weigher, at_work) = (Arc::clone(&self.weigher), self.at_work());
        async move {
            match machine {
                Some(machine) => weigher.planned(&*backend?, &preparation, machine).await,
                None => weigher.before(&*backend?, &preparation, &at_work).await,
            }
        }
    }

    /// Numbers an event and tells all listeners.
    fn tell(&mut self, event: Event) {
        tracing::info!(?event, "event");
        self.last_event += 1;
        // Nobody listens when this fails.
        let _ = self.events.send(Notice::now(self.last_event, event));
    }

    /// Sends the message that a future ends with.
    fn later(&self, future: impl Future<Output = Message> + Send + 'static) {
        let messages = self.messages.clone();
        tokio::spawn(async move { send(&messages, future.await) });
    }
}
