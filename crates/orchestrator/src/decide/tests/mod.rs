//! Histories, played step by step.

mod budgets;
mod changes;
mod endings;
mod gpus;
mod holds;
mod images;
mod random;
mod requests;
mod resume;
mod returns;
mod swaps;
mod told;
mod watch;
mod wishes;

use loadmaster_core::{
    BackendError, Device, DeviceEstimate, DeviceId, DeviceKind, EstimateSource, Event, Failure,
    FailureReason, Machine, Model, ModelKind,
};

use super::*;
use crate::{
    Budget, Budgets, Restore, Wish,
    steps::{Action, Input, Reading},
};

const MIB: u64 = 1 << 20;

/// In the place of a preparation's number: the one that was asked for last.
const LATEST: u64 = u64::MAX;

fn request(model: &str) -> LoadRequest {
    LoadRequest::new(Model::from_file(ModelKind::Text, format!("{model}.gguf")))
}

fn policy(budget: u64) -> Policy {
    let budgets = Budgets([("host".to_owned(), Budget::Bytes(budget))].into());
    Policy { budgets, hang: None, ..Policy::default() }
}

fn state(models: &[&str], budget: u64) -> State {
    let mut state = State::new(policy(budget));
    for model in models {
        state.add(request(model), ModelRules::default()).unwrap();
    }
    state
}

/// A machine with so much memory, of which nobody knows what is free.
fn machine_of(total: u64) -> Machine {
    let device = Device {
        id: DeviceId::host(),
        name: "RAM".into(),
        kind: DeviceKind::Host,
        aliases: vec!["ram".into()],
        total,
        free: None,
    };
    Machine { physical_cores: 1, usable_threads: 1, devices: vec![device], hypothetical: false }
}

fn prepared(model: &str, bytes: u64) -> Input {
    prepared_on(machine_of(1 << 40), model, bytes)
}

fn prepared_on(machine: Machine, model: &str, bytes: u64) -> Input {
    let part = DeviceEstimate { weights: bytes, ..DeviceEstimate::on(DeviceId::host()) };
    let mut plan = LaunchPlan::new("test", request(model).model);
    plan.settings.insert("bytes".to_owned(), bytes.into());
    let prepared = Prepared {
        plan: Arc::new(plan),
        estimate: Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![part] },
        machine,
    };
    // The edition of a model that was never changed.
    Input::Prepared { model: model.to_owned(), edition: 0, number: LATEST, outcome: Ok(prepared) }
}

fn ask(ticket: Ticket, model: &str) -> Input {
    ask_with(ticket, model, Wish::default())
}

fn ask_with(ticket: Ticket, model: &str, wish: Wish) -> Input {
    Input::LeaseAsked { ticket, model: model.to_owned(), wish }
}

fn stop(ticket: Ticket, model: &str) -> Input {
    Input::StopAsked { ticket, model: model.to_owned() }
}

fn id(name: &str) -> InstanceId {
    let (model, count) = name.split_once('#').expect("model#count");
    InstanceId::new(model, count.parse().expect("a number"))
}

/// The instance is ready; works on any number of requests at once.
fn started(instance: &str) -> Input {
    ready(&id(instance), None)
}

fn ready(instance: &InstanceId, slots: Option<u32>) -> Input {
    let facts = Facts { pid: Some(7), endpoint: "unix:/x".to_owned(), measured: None, slots };
    Input::Started { instance: instance.clone(), outcome: Ok(facts) }
}

fn failed(instance: &str, reason: FailureReason) -> Input {
    let failure = Box::new(Failure::new(reason));
    let error = BackendError::StartFailed { model: instance[..1].to_owned(), failure };
    Input::Started { instance: id(instance), outcome: Err(error) }
}

fn returned(instance: &str) -> Input {
    Input::LeaseReturned { instance: id(instance), keep: false }
}

fn stopped(instance: &str) -> Input {
    Input::StopDone { instance: id(instance), outcome: Ok(()) }
}

fn exited(instance: &str, failure: &Failure) -> Input {
    Input::Exited { instance: id(instance), failure: failure.clone() }
}

/// The actions in short, without what is only told.
fn short(actions: &[Action]) -> Vec<String> {
    let line = |action: &Action| match action {
        Action::Prepare(preparation) => {
            let again = if preparation.again.is_some() { " again" } else { "" };
            format!("prepare {}{again}", preparation.request.model.id)
        }
        Action::Start { instance, .. } => format!("start {instance}"),
        Action::Grant { ticket, instance, .. } => format!("grant {ticket} {instance}"),
        Action::Refuse { ticket, error } => format!("refuse {ticket}: {error}"),
        Action::Stop { instance, save } => {
            let save = if *save { " saved" } else { "" };
            format!("stop {instance}{save}")
        }
        Action::AnswerStop { ticket, outcome } => format!("stopped {ticket} {}", outcome.is_ok()),
        Action::Tell(_) => String::new(),
        Action::Closed => "closed".to_owned(),
        Action::Look { instance } => format!("look {instance}"),
        Action::End { instance, failure } => format!("end {instance}: {failure}"),
        Action::Read(reading) if reading.settle => format!("read for {} settled", reading.hold),
        Action::Read(reading) => format!("read for {}", reading.hold),
        Action::GrantHold { hold } => format!("grant {hold}"),
        Action::Recheck { .. } => "recheck".to_owned(),
        Action::RefuseHold { hold, error } => format!("refuse {hold}: {error}"),
    };
    actions.iter().map(line).filter(|line| !line.is_empty()).collect()
}

/// Plays inputs, each at its time in milliseconds, and compares what each leads to.
fn play(state: &mut State, steps: Vec<(u64, Input, &[&str])>) {
    for (at, input, expected) in steps {
        let said = format!("{at} ms, {input:?}");
        let actions = state.take_in(Duration::from_millis(at), input);
        assert_eq!(short(&actions), expected, "after {said}");
    }
}

impl State {
    /// As [`State::apply`], with the number of the preparation that was asked for last, where an outcome does not
    /// say of which it is.
    fn take_in(&mut self, now: Duration, mut input: Input) -> Vec<Action> {
        if let Input::Prepared { model, number, .. } = &mut input
            && *number == LATEST
        {
            *number = self.models.get(model).map_or(0, |entry| entry.asked);
        }
        self.apply(now, input)
    }
}

/// When the state wants to be woken, in milliseconds.
fn wakes(state: &State) -> Option<u128> {
    state.next_wake().map(|time| time.as_millis())
}
