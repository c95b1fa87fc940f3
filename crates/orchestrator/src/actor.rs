//! The task that owns all state: it feeds inputs to the decisions and carries their actions out.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use loadmaster_core::{
    Backend, BackendError, Event, Instance, InstanceId, LaunchPlan, LoadRequest, Registry,
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::Instant,
};

use crate::{
    Lease, MachineReader, ModelRules, OrchestratorError, Policy, Preview, Status, Wish,
    decide::State,
    steps::{Action, Facts, Input, Preparation, Prepared, Ticket},
    weigher::Weigher,
};

type Reply<T> = oneshot::Sender<T>;

/// What the handle, leases and the actor's own tasks send.
#[derive(Debug)]
pub(crate) enum Message {
    Add { request: LoadRequest, rules: ModelRules, reply: Reply<Result<(), OrchestratorError>> },
    Lease { ticket: Ticket, model: String, wish: Wish, reply: Reply<Result<Lease, OrchestratorError>> },
    GaveUp { ticket: Ticket },
    LeaseReturned { instance: InstanceId, keep: bool },
    Load { model: String, reply: Reply<Result<(), OrchestratorError>> },
    Check { model: String, reply: Reply<Result<(), OrchestratorError>> },
    Preview { model: String, reply: Reply<Result<Preview, OrchestratorError>> },
    PreviewOf { request: LoadRequest, reply: Reply<Result<Preview, OrchestratorError>> },
    Previewed { prepared: Prepared, reply: Reply<Result<Preview, OrchestratorError>> },
    Stop { ticket: Ticket, model: String, reply: Reply<Result<(), OrchestratorError>> },
    Status { reply: Reply<Status> },
    Close { reply: Reply<()> },
    Prepared { model: String, outcome: Result<Prepared, OrchestratorError> },
    Started { instance: InstanceId, outcome: Result<Running, BackendError> },
    Exited { instance: InstanceId, failure: loadmaster_core::Failure },
    StopDone { instance: InstanceId, outcome: Result<(), BackendError> },
}

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
    events: broadcast::Sender<Event>,
    leases: HashMap<Ticket, Reply<Result<Lease, OrchestratorError>>>,
    stops: HashMap<Ticket, Reply<Result<(), OrchestratorError>>>,
    closes: Vec<Reply<()>>,
    /// Starts that are under way; sending calls one off.
    starts: HashMap<InstanceId, oneshot::Sender<()>>,
    instances: HashMap<InstanceId, Running>,
    begun: Instant,
    closed: bool,
}

impl Actor {
    pub(crate) fn new(
        registry: Registry,
        machine: Arc<dyn MachineReader>,
        policy: Policy,
        messages: mpsc::WeakUnboundedSender<Message>,
        events: broadcast::Sender<Event>,
    ) -> Self {
        Self {
            state: State::new(policy.clone()),
            registry,
            weigher: Arc::new(Weigher::new(machine, &policy)),
            policy: Arc::new(policy),
            messages,
            events,
            leases: HashMap::new(),
            stops: HashMap::new(),
            closes: Vec::new(),
            starts: HashMap::new(),
            instances: HashMap::new(),
            begun: Instant::now(),
            closed: false,
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
                let _ = reply.send(self.state.status());
                return None;
            }
            Message::Check { model, reply } => {
                self.check(&model, reply);
                return None;
            }
            Message::Preview { model, reply } => {
                self.preview(&model, reply);
                return None;
            }
            Message::PreviewOf { request, reply } => {
                self.preview_of(request, reply);
                return None;
            }
            Message::Previewed { prepared, reply } => {
                let Prepared { plan, estimate, machine } = prepared;
                let shortages = self.state.shortages(&estimate, &machine);
                let _ = reply.send(Ok(Preview { plan: (*plan).clone(), estimate, shortages, machine }));
                return None;
            }
            Message::Lease { ticket, model, wish, reply } => {
                self.take_in_deaths();
                self.leases.insert(ticket, reply);
                Input::LeaseAsked { ticket, model, wish }
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
            Message::Prepared { model, outcome } => Input::Prepared { model, outcome },
            Message::Started { instance, outcome } => return self.started(instance, outcome),
            Message::Exited { instance, failure } => {
                self.instances.remove(&instance);
                Input::Exited { instance, failure }
            }
            Message::StopDone { instance, outcome } => {
                self.instances.remove(&instance);
                Input::StopDone { instance, outcome }
            }
        })
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
            Action::Tell(event) => {
                tracing::info!(?event, "event");
                // Nobody listens when this fails.
                let _ = self.events.send(event);
            }
            Action::Closed => self.closed = true,
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
        let prepared = self.prepared(preparation);
        self.later(async move { Message::Prepared { model, outcome: prepared.await } });
    }

    fn check(&self, model: &str, reply: Reply<Result<(), OrchestratorError>>) {
        let known = self.state.request(model).cloned();
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
            Ok(request) => self.preview_of(request.clone(), reply),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn preview_of(&self, request: LoadRequest, reply: Reply<Result<Preview, OrchestratorError>>) {
        let outlook = self.state.outlook(&request.model.id);
        let prepared = self.prepared(Preparation { request, again: None, outlook, settle: false });
        let messages = self.messages.clone();
        tokio::spawn(async move {
            match prepared.await {
                Ok(prepared) => send(&messages, Message::Previewed { prepared, reply }),
                Err(error) => drop(reply.send(Err(error))),
            }
        });
    }

    fn prepared(
        &self,
        preparation: Preparation,
    ) -> impl Future<Output = Result<Prepared, OrchestratorError>> + Send + use<> {
        let backend = self.backend_for(&preparation.request);
        let (weigher, policy) = (Arc::clone(&self.weigher), Arc::clone(&self.policy));
        async move { weigher.before(&*backend?, &preparation, &policy).await }
    }

    fn backend_of(&self, plan: &LaunchPlan) -> Result<Arc<dyn Backend>, BackendError> {
        self.registry.get(&plan.backend).cloned().ok_or_else(|| {
            BackendError::system("finding the plan's backend", format!("there is no '{}'", plan.backend))
        })
    }

    fn start(&mut self, id: InstanceId, prepared: Prepared) -> Option<Input> {
        let backend = match self.backend_of(&prepared.plan) {
            Ok(backend) => backend,
            Err(error) => {
                return Some(Input::Started { instance: id, outcome: Err(error) });
            }
        };
        let (call_off, called_off) = oneshot::channel();
        self.starts.insert(id.clone(), call_off);
        let weigher = Arc::clone(&self.weigher);
        self.later(async move {
            let start = async {
                let mut instance = backend.start(id.clone(), Arc::clone(&prepared.plan)).await?;
                instance.measured = weigher.after(&instance, &prepared).await;
                Ok(Running { instance, prepared })
            };
            tokio::select! {
                outcome = start => Message::Started { instance: id, outcome },
                // The start's future is dropped, and its process ends with it.
                Ok(()) = called_off => Message::StopDone { instance: id.clone(), outcome: Ok(()) },
            }
        });
        None
    }

    /// Keeps the instance and watches for its death, before anyone hears that it runs.
    fn started(&mut self, id: InstanceId, outcome: Result<Running, BackendError>) -> Option<Input> {
        let called_off = self.starts.remove(&id).is_none();
        let outcome = outcome.map(|running| self.keep(running));
        if !called_off {
            return Some(Input::Started { instance: id, outcome });
        }
        // It was ready in the very moment in which it was called off.
        match outcome {
            Ok(_) => self.stop(id, false),
            Err(_) => {
                return Some(Input::StopDone { instance: id, outcome: Ok(()) });
            }
        }
        None
    }

    fn keep(&mut self, running: Running) -> Facts {
        let instance = &running.instance;
        if instance.restored.conversations > 0 {
            let event = Event::Restored { instance: instance.id.clone(), kept: instance.restored };
            // Nobody listens when this fails.
            let _ = self.events.send(event);
        }
        let facts = Facts {
            pid: instance.pid,
            endpoint: instance.endpoint.to_string(),
            measured: instance.measured.clone(),
            slots: instance.slots,
        };
        let (exit, id) = (instance.exit.clone(), instance.id.clone());
        self.later(async move { Message::Exited { instance: id, failure: exit.wait().await } });
        self.instances.insert(instance.id.clone(), running);
        facts
    }

    fn grant(&mut self, ticket: Ticket, id: InstanceId, keep: bool) -> Option<Input> {
        let lease = self
            .instances
            .get(&id)
            .map(|running| Lease::new(running.instance.clone(), keep, self.messages.clone()));
        let reply = self.leases.remove(&ticket);
        // Who asked may have gone meanwhile: the lease that comes back unused is dropped, and returns itself.
        match (lease, reply) {
            (Some(lease), Some(reply)) => drop(reply.send(Ok(lease))),
            (Some(lease), None) => drop(lease),
            (None, _) => return Some(Input::LeaseReturned { instance: id, keep }),
        }
        None
    }

    fn stop(&mut self, id: InstanceId, save: bool) {
        if let Some(call_off) = self.starts.remove(&id) {
            // When this fails, the start is done and its message is on the way: `started` sees to it.
            let _ = call_off.send(());
            return;
        }
        let Some(Running { instance, prepared }) = self.instances.get(&id).cloned() else {
            self.later(async move { Message::StopDone { instance: id, outcome: Ok(()) } });
            return;
        };
        let backend = self.backend_of(&instance.plan);
        let patience = self.policy.patience;
        let (weigher, events) = (Arc::clone(&self.weigher), self.events.clone());
        self.later(async move {
            // Weighed once more: some of what a server takes grows while it serves.
            weigher.after(&instance, &prepared).await;
            let outcome = match backend {
                Ok(backend) => {
                    if save {
                        keep_conversations(&*backend, &instance, &events).await;
                    }
                    backend.stop(&instance, patience).await
                }
                Err(error) => Err(error),
            };
            Message::StopDone { instance: id, outcome }
        });
    }

    /// Sends the message that a future ends with.
    fn later(&self, future: impl Future<Output = Message> + Send + 'static) {
        let messages = self.messages.clone();
        tokio::spawn(async move { send(&messages, future.await) });
    }
}

/// Writes the conversations down. When they cannot be kept they are read anew, so the stop goes on.
async fn keep_conversations(backend: &dyn Backend, instance: &Instance, events: &broadcast::Sender<Event>) {
    match backend.save(instance).await {
        Ok(kept) if kept.conversations > 0 => {
            // Nobody listens when this fails.
            let _ = events.send(Event::Saved { instance: instance.id.clone(), kept });
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, instance = %instance.id, "its conversations were not kept"),
    }
}

fn send(messages: &mpsc::WeakUnboundedSender<Message>, message: Message) {
    if let Some(messages) = messages.upgrade() {
        // The actor has ended when this fails: nobody is left to tell.
        let _ = messages.send(message);
    }
}
