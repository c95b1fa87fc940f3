use std::collections::BTreeSet;

use loadmaster_core::{
    Device, DeviceEstimate, DeviceId, DeviceKind, EstimateSource, FailureReason, Model, ModelKind,
};
use proptest::prelude::*;

use super::*;
use crate::Budget;

const MIB: u64 = 1 << 20;

fn state(models: &[&str], budget: u64) -> State {
    let mut state = State::new(Budgets([("host".to_owned(), Budget::Bytes(budget))].into()));
    for model in models {
        state.add(LoadRequest::new(Model::from_file(ModelKind::Text, format!("{model}.gguf")))).unwrap();
    }
    state
}

fn prepared(model: &str, bytes: u64) -> Input {
    let host = DeviceId::host();
    let part = DeviceEstimate { weights: bytes, ..DeviceEstimate::on(host.clone()) };
    let device = Device {
        id: host,
        name: "RAM".into(),
        kind: DeviceKind::Host,
        aliases: vec![],
        total: 1 << 40,
        free: None,
    };
    let prepared = Prepared {
        plan: Arc::new(LaunchPlan::new("test", Model::from_file(ModelKind::Text, format!("{model}.gguf")))),
        estimate: Estimate { source: EstimateSource::Computed, margin_percent: 0, devices: vec![part] },
        machine: Machine { physical_cores: 1, usable_threads: 1, devices: vec![device], hypothetical: false },
    };
    Input::Prepared { model: model.to_owned(), outcome: Ok(prepared) }
}

fn ask(ticket: Ticket, model: &str) -> Input {
    Input::LeaseAsked { ticket, model: model.to_owned() }
}

fn started(id: &InstanceId) -> Input {
    let facts = Facts { pid: Some(7), endpoint: "unix:/x".to_owned(), measured: None };
    Input::Started { instance: id.clone(), outcome: Ok(facts) }
}

/// The actions in short, without what is only told.
fn short(actions: &[Action]) -> Vec<String> {
    let line = |action: &Action| match action {
        Action::Prepare { request } => format!("prepare {}", request.model.id),
        Action::Start { instance, .. } => format!("start {instance}"),
        Action::Grant { ticket, instance } => format!("grant {ticket} {instance}"),
        Action::Refuse { ticket, error } => format!("refuse {ticket}: {error}"),
        Action::LimitDrain { instance } => format!("limit {instance}"),
        Action::Stop { instance } => format!("stop {instance}"),
        Action::AnswerStop { ticket, outcome } => format!("stopped {ticket} {}", outcome.is_ok()),
        Action::Tell(_) => String::new(),
        Action::Closed => "closed".to_owned(),
    };
    actions.iter().map(line).filter(|line| !line.is_empty()).collect()
}

/// Plays inputs and compares what each leads to.
fn play(state: &mut State, steps: Vec<(Input, &[&str])>) {
    for (input, expected) in steps {
        let said = format!("{input:?}");
        assert_eq!(short(&state.apply(input)), expected, "after {said}");
    }
}

fn a(count: u64) -> InstanceId {
    InstanceId::new("a", count)
}

#[test]
fn requests_for_a_model_share_one_start() {
    play(
        &mut state(&["a"], 100),
        vec![
            (ask(1, "a"), &["prepare a"]),
            (ask(2, "a"), &[]),
            (prepared("a", 60), &["start a#1"]),
            (ask(3, "a"), &[]),
            (started(&a(1)), &["grant 1 a#1", "grant 2 a#1", "grant 3 a#1"]),
            (ask(4, "a"), &["grant 4 a#1"]),
        ],
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers() {
    play(
        &mut state(&["a", "b"], 100 * MIB),
        vec![
            (ask(1, "a"), &["prepare a"]),
            (prepared("a", 60 * MIB), &["start a#1"]),
            (ask(2, "b"), &["prepare b"]),
            (
                prepared("b", 60 * MIB),
                &[
                    "refuse 2: 'b' does not fit: host needs 60.0 MiB and has 40.0 MiB left of a budget of 100.0 MiB",
                ],
            ),
            (started(&a(1)), &["grant 1 a#1"]),
        ],
    );
}

#[test]
fn an_unknown_model_is_refused_with_the_known_ones() {
    play(
        &mut state(&["a", "b"], 100),
        vec![(ask(1, "c"), &["refuse 1: There is no model 'c'; there is a, b"])],
    );
}

#[test]
fn a_stop_drains_and_those_who_come_meanwhile_start_it_again() {
    play(
        &mut state(&["a"], 100),
        vec![
            (ask(1, "a"), &["prepare a"]),
            (prepared("a", 60), &["start a#1"]),
            (started(&a(1)), &["grant 1 a#1"]),
            (Input::StopAsked { ticket: 2, model: "a".into() }, &["limit a#1"]),
            (ask(3, "a"), &[]),
            (Input::LeaseReturned { instance: a(1) }, &["stop a#1"]),
            (Input::DrainExpired { instance: a(1) }, &[]),
            (Input::StopDone { instance: a(1), outcome: Ok(()) }, &["stopped 2 true", "prepare a"]),
            (prepared("a", 60), &["start a#2"]),
        ],
    );
}

#[test]
fn a_drain_that_takes_too_long_is_ended() {
    play(
        &mut state(&["a"], 100),
        vec![
            (ask(1, "a"), &["prepare a"]),
            (prepared("a", 60), &["start a#1"]),
            (started(&a(1)), &["grant 1 a#1"]),
            (Input::StopAsked { ticket: 2, model: "a".into() }, &["limit a#1"]),
            (Input::DrainExpired { instance: a(1) }, &["stop a#1"]),
            (Input::LeaseReturned { instance: a(1) }, &[]),
            (Input::StopDone { instance: a(1), outcome: Ok(()) }, &["stopped 2 true"]),
        ],
    );
}

#[test]
fn a_crash_is_kept_and_the_next_request_starts_again() {
    let mut state = state(&["a"], 100);
    let failure = Failure::new(FailureReason::Signal { name: "SIGKILL".into() });
    play(
        &mut state,
        vec![
            (ask(1, "a"), &["prepare a"]),
            (prepared("a", 60), &["start a#1"]),
            (started(&a(1)), &["grant 1 a#1"]),
            (Input::Exited { instance: a(1), failure: failure.clone() }, &[]),
        ],
    );
    let told = state.status().models.remove(0).instance.unwrap();
    assert_eq!(told.state, InstanceState::Crashed { failure });
    play(&mut state, vec![(ask(2, "a"), &["prepare a"]), (prepared("a", 60), &["start a#2"])]);
}

#[test]
fn a_failed_start_tells_all_who_waited() {
    let failure = Box::new(Failure::new(FailureReason::BadModel));
    let error = BackendError::StartFailed { model: "a".into(), failure };
    let refusal = "The server of a did not start: it could not read the model";
    play(
        &mut state(&["a"], 100),
        vec![
            (ask(1, "a"), &["prepare a"]),
            (ask(2, "a"), &[]),
            (prepared("a", 60), &["start a#1"]),
            (
                Input::Started { instance: a(1), outcome: Err(error) },
                &[&format!("refuse 1: {refusal}"), &format!("refuse 2: {refusal}")],
            ),
            (ask(3, "a"), &["prepare a"]),
        ],
    );
}

#[test]
fn closing_refuses_and_stops_everything() {
    play(
        &mut state(&["a", "b"], 100),
        vec![
            (ask(1, "a"), &["prepare a"]),
            (prepared("a", 60), &["start a#1"]),
            (ask(2, "b"), &["prepare b"]),
            (
                Input::CloseAsked,
                &[
                    "refuse 1: Loadmaster is shutting down",
                    "refuse 2: Loadmaster is shutting down",
                    "stop a#1",
                ],
            ),
            (ask(3, "a"), &["refuse 3: Loadmaster is shutting down"]),
            (Input::StopDone { instance: a(1), outcome: Ok(()) }, &["closed"]),
        ],
    );
}

#[test]
fn closing_with_nothing_running_is_done_at_once() {
    play(&mut state(&["a"], 100), vec![(Input::CloseAsked, &["closed"])]);
}

/// A world that answers the actions, in random order and with random luck.
#[derive(Debug, Default)]
struct World {
    pending: Vec<Input>,
    /// Leases that requests hold, by instance.
    held: Vec<InstanceId>,
    open: BTreeSet<Ticket>,
    alive: BTreeSet<InstanceId>,
}

impl World {
    /// Notes what the actions lead to, and checks that each is allowed.
    fn take(&mut self, actions: Vec<Action>, luck: u8) {
        for action in actions {
            match action {
                Action::Prepare { request } => self.pending.push(prepared(&request.model.id, 40)),
                Action::Start { instance, .. } => {
                    assert!(self.alive.insert(instance.clone()), "{instance} was started twice");
                    assert!(self.alive.len() <= 2, "three models of 40 bytes in a budget of 100");
                    let failure = Box::new(Failure::new(FailureReason::Unknown));
                    let error = BackendError::StartFailed { model: "m".into(), failure };
                    self.pending.push(match luck % 4 {
                        0 => Input::Started { instance, outcome: Err(error) },
                        _ => started(&instance),
                    });
                }
                Action::Grant { ticket, instance } => {
                    assert!(self.open.remove(&ticket), "{ticket} was answered twice");
                    assert!(self.alive.contains(&instance), "{instance} was granted and is dead");
                    self.held.push(instance);
                }
                Action::Refuse { ticket, .. } | Action::AnswerStop { ticket, .. } => {
                    assert!(self.open.remove(&ticket), "{ticket} was answered twice");
                }
                Action::LimitDrain { instance } => self.pending.push(Input::DrainExpired { instance }),
                Action::Stop { instance } => {
                    assert!(self.alive.contains(&instance), "{instance} was stopped and is dead");
                    // A start that is called off reports nothing more.
                    self.pending.retain(
                        |input| !matches!(input, Input::Started { instance: id, .. } if *id == instance),
                    );
                    self.pending.push(Input::StopDone { instance, outcome: Ok(()) });
                }
                Action::Tell(_) | Action::Closed => {}
            }
        }
    }

    /// What the world itself knows to be dead after `input`.
    fn bury(&mut self, input: &Input) {
        match input {
            Input::Started { instance, outcome: Err(_) }
            | Input::StopDone { instance, .. }
            | Input::Exited { instance, .. } => {
                self.alive.remove(instance);
            }
            _ => {}
        }
    }
}

proptest! {
    /// Whatever happens in whatever order: every request is answered once, the budget holds, and
    /// when all is over nothing is reserved.
    #[test]
    fn random_histories_keep_the_promises(steps in prop::collection::vec((0..6u8, any::<u8>()), 1..200)) {
        let models = ["a", "b", "c"];
        let mut state = state(&models, 100);
        let mut world = World::default();
        for (number, (kind, pick)) in steps.into_iter().enumerate() {
            let ticket = number as Ticket;
            let model = models[usize::from(pick) % 3].to_owned();
            let input = match kind {
                0 | 1 => { world.open.insert(ticket); Input::LeaseAsked { ticket, model } }
                2 if !world.held.is_empty() => {
                    let index = usize::from(pick) % world.held.len();
                    Input::LeaseReturned { instance: world.held.swap_remove(index) }
                }
                3 if pick < 100 => { world.open.insert(ticket); Input::StopAsked { ticket, model } }
                4 if pick < 60 => {
                    let ready = state.instances.iter().find(|(_, entry)| entry.state == InstanceState::Ready);
                    let Some((instance, _)) = ready else { continue };
                    Input::Exited { instance: instance.clone(), failure: Failure::new(FailureReason::Unknown) }
                }
                _ if !world.pending.is_empty() => {
                    let index = usize::from(pick) % world.pending.len();
                    world.pending.swap_remove(index)
                }
                _ => continue,
            };
            world.bury(&input);
            let actions = state.apply(input);
            world.take(actions, pick);
        }
        let actions = state.apply(Input::CloseAsked);
        world.take(actions, 1);
        while let Some(input) = world.pending.pop() {
            world.bury(&input);
            let actions = state.apply(input);
            world.take(actions, 1);
        }
        prop_assert!(world.open.is_empty(), "never answered: {:?}", world.open);
        prop_assert!(state.ledger.is_empty());
        prop_assert!(world.alive.is_empty(), "still alive: {:?}", world.alive);
    }
}
