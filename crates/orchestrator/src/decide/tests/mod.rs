//! Histories, played step by step.

mod budgets;
mod changes;
mod gpus;
mod holds;
mod images;
mod random;
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
use crate::{Budget, Budgets, Restore, Wish, steps::Reading};

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

#[test]
fn requests_for_a_model_share_one_start() {
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, ask(2, "a"), &[]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, ask(3, "a"), &[]),
            (9, started("a#1"), &["grant 1 a#1", "grant 2 a#1", "grant 3 a#1"]),
            (9, ask(4, "a"), &["grant 4 a#1"]),
        ],
    );
}

#[test]
fn what_can_never_fit_is_refused_with_the_numbers() {
    play(
        &mut state(&["a", "b"], 100 * MIB),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60 * MIB), &["start a#1"]),
            (0, ask(2, "b"), &["prepare b"]),
            (
                0,
                prepared("b", 101 * MIB),
                &[
                    "refuse 2: 'b' does not fit: host needs 101.0 MiB and has 100.0 MiB left of a budget of 100.0 MiB",
                ],
            ),
            (0, started("a#1"), &["grant 1 a#1"]),
        ],
    );
}

#[test]
fn an_unknown_model_is_refused_with_the_known_ones() {
    play(
        &mut state(&["a", "b"], 100),
        vec![(0, ask(1, "c"), &["refuse 1: There is no model 'c'; there is a, b"])],
    );
}

#[test]
fn a_server_gets_as_many_requests_as_it_works_on() {
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, ask_with(2, "a", Wish { priority: Priority::Batch, ..Wish::default() }), &[]),
            (0, ask(3, "a"), &[]),
            (0, ask(4, "a"), &[]),
            (0, prepared("a", 60), &["start a#1"]),
            (5, ready(&id("a#1"), Some(2)), &["grant 1 a#1", "grant 3 a#1"]),
            // Who left is passed over; the batch goes last.
            (5, ask(5, "a"), &[]),
            (5, Input::GaveUp { ticket: 4 }, &[]),
            // Who only keeps it loaded needs no place.
            (5, ask_with(6, "a", Wish { keep: true, ..Wish::default() }), &["grant 6 a#1"]),
            (6, returned("a#1"), &["grant 5 a#1"]),
            (7, returned("a#1"), &["grant 2 a#1"]),
        ],
    );
}

#[test]
fn nobody_waits_longer_than_he_wants_to_nor_in_a_full_queue() {
    let mut state = State::new(Policy { queue: 2, ..policy(100) });
    state.add(request("a"), ModelRules::default()).unwrap();
    let short = |milliseconds| Wish { wait: Some(Duration::from_millis(milliseconds)), ..Wish::default() };
    play(
        &mut state,
        vec![
            (0, ask_with(1, "a", short(1500)), &["prepare a"]),
            (0, ask_with(2, "a", short(3000)), &[]),
            (0, ask(3, "a"), &["refuse 3: 2 requests wait for 'a' already"]),
            (0, prepared("a", 60), &["start a#1"]),
        ],
    );
    assert_eq!(wakes(&state), Some(1500));
    play(
        &mut state,
        vec![
            (1500, Input::Tick, &["refuse 1: 'a' could not be used within 1 s"]),
            (2000, started("a#1"), &["grant 2 a#1"]),
        ],
    );
}

#[test]
fn a_stop_drains_and_those_who_come_meanwhile_start_it_again() {
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, stop(2, "a"), &[]),
            (0, ask(3, "a"), &[]),
            (9, returned("a#1"), &["stop a#1"]),
            (9, stopped("a#1"), &["stopped 2 true", "prepare a"]),
            (9, prepared("a", 60), &["start a#2"]),
        ],
    );
}

#[test]
fn a_drain_that_takes_too_long_is_ended() {
    let mut state = state(&["a"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (7, stop(2, "a"), &[]),
        ],
    );
    assert_eq!(wakes(&state), Some(30_007));
    play(
        &mut state,
        vec![
            (30_007, Input::Tick, &["stop a#1"]),
            (30_007, returned("a#1"), &[]),
            (30_009, stopped("a#1"), &["stopped 2 true"]),
        ],
    );
    assert_eq!(wakes(&state), None);
}

#[test]
fn a_crash_is_kept_and_the_next_request_starts_again() {
    let mut state = state(&["a"], 100);
    let failure = Failure::new(FailureReason::Signal { name: "SIGKILL".into() });
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, exited("a#1", &failure), &[]),
        ],
    );
    let told = state.status().models.remove(0).instance.unwrap();
    assert_eq!(told.state, InstanceState::Crashed { failure });
    play(&mut state, vec![(0, ask(2, "a"), &["prepare a"]), (0, prepared("a", 60), &["start a#2"])]);
}

#[test]
fn a_failed_start_tells_all_who_waited() {
    let refusal = "The server of a did not start: it could not read the model";
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, ask(2, "a"), &[]),
            (0, prepared("a", 60), &["start a#1"]),
            (
                0,
                failed("a#1", FailureReason::BadModel),
                &[&format!("refuse 1: {refusal}"), &format!("refuse 2: {refusal}")],
            ),
            (0, ask(3, "a"), &["prepare a"]),
        ],
    );
}

#[test]
fn a_server_that_dies_again_and_again_is_given_pauses_and_then_up() {
    let mut state = state(&["a"], 100);
    let failure = Failure::new(FailureReason::Signal { name: "SIGSEGV".into() });
    let mut now = 0;
    let mut ticket = 0;
    // How long each start waits for, in seconds.
    for (count, pause) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        ticket += 1;
        let (instance, grant) = (format!("a#{count}"), format!("grant {ticket} a#{count}"));
        let starts = format!("start {instance}");
        if pause == 0 {
            play(&mut state, vec![(now, ask(ticket, "a"), &["prepare a"])]);
        } else {
            play(&mut state, vec![(now, ask(ticket, "a"), &[])]);
            now += pause * 1000;
            assert_eq!(wakes(&state), Some(u128::from(now)), "before the {count}th start");
            play(&mut state, vec![(now, Input::Tick, &["prepare a"])]);
        }
        play(
            &mut state,
            vec![
                (now, prepared("a", 60), &[&starts]),
                (now, started(&instance), &[&grant]),
                // The request that it dies of ends just before it is seen to be dead.
                (now, returned(&instance), &[]),
                (now, exited(&instance, &failure), &[]),
            ],
        );
    }
    let told = "refuse 9: The server of 'a' died 4 times in a row: SIGSEGV ended it";
    play(
        &mut state,
        vec![
            (now + 3999, ask(9, "a"), &[told]),
            // One more is tried, and one that does its work ends the trouble.
            (now + 4000, ask(10, "a"), &["prepare a"]),
            (now + 4000, prepared("a", 60), &["start a#5"]),
            (now + 4000, started("a#5"), &["grant 10 a#5"]),
            (now + 5000, returned("a#5"), &[]),
            (now + 5600, exited("a#5", &failure), &[]),
            (now + 5600, ask(11, "a"), &["prepare a"]),
        ],
    );
}

#[test]
fn out_of_memory_is_tried_once_more_with_less() {
    let out_of_memory = || FailureReason::OutOfMemory { device: None };
    let refusal = "The server of a did not start: it ran out of memory";
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, failed("a#1", out_of_memory()), &["prepare a"]),
            (0, prepared("a", 50), &["start a#2"]),
            (0, failed("a#2", out_of_memory()), &[&format!("refuse 1: {refusal}")]),
            // The next one begins anew; where the plan can not be smaller, it is not tried again.
            (0, ask(2, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#3"]),
            (0, failed("a#3", out_of_memory()), &["prepare a"]),
            (0, prepared("a", 60), &[&format!("refuse 2: {refusal}")]),
        ],
    );
}

#[test]
fn closing_refuses_and_stops_everything() {
    play(
        &mut state(&["a", "b"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, ask(2, "b"), &["prepare b"]),
            (
                0,
                Input::CloseAsked,
                &[
                    "refuse 1: Loadmaster is shutting down",
                    "refuse 2: Loadmaster is shutting down",
                    "stop a#1",
                ],
            ),
            (0, ask(3, "a"), &["refuse 3: Loadmaster is shutting down"]),
            (0, prepared("b", 60), &[]),
            (0, stopped("a#1"), &["closed"]),
        ],
    );
}

#[test]
fn closing_with_nothing_running_is_done_at_once() {
    play(&mut state(&["a"], 100), vec![(0, Input::CloseAsked, &["closed"])]);
}
