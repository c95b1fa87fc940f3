//! Machines with several GPUs, and readings of their memory.

use super::*;

/// A plan for 60 of the 100 bytes of that GPU, and what the machine said is free of both.
fn seen(model: &str, gpu: usize, free: [u64; 2]) -> Input {
    let Input::Prepared { model, outcome: Ok(mut prepared), edition, number } = prepared(model, 60) else {
        unreachable!()
    };
    let id = |gpu: usize| DeviceId::from(format!("gpu{gpu}"));
    prepared.estimate.devices[0].device = id(gpu);
    let device = |(number, free): (usize, u64)| Device {
        id: id(number),
        name: "GPU".to_owned(),
        kind: DeviceKind::Discrete,
        aliases: vec![],
        total: 100,
        free: Some(free),
    };
    prepared.machine.devices = free.into_iter().enumerate().map(device).collect();
    Input::Prepared { model, outcome: Ok(prepared), edition, number }
}

fn without_budgets(models: &[&str]) -> State {
    let mut state = State::new(Policy::default());
    for model in models {
        state.add(request(model), ModelRules::default()).unwrap();
    }
    state
}

#[test]
fn a_reading_from_before_memory_came_back_refuses_nobody() {
    let failure = Failure::new(FailureReason::Unknown);
    play(
        &mut without_budgets(&["a", "b"]),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, seen("a", 0, [100, 100]), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (9, ask(2, "b"), &["prepare b"]),
            (9, exited("a#1", &failure), &[]),
            // What `a` gave back is neither reserved any more nor free yet.
            (9, seen("b", 0, [40, 100]), &["prepare b"]),
            (9, seen("b", 0, [100, 100]), &["start b#2"]),
        ],
    );
}

#[test]
fn a_reading_from_before_memory_was_taken_starts_nobody() {
    play(
        &mut without_budgets(&["a", "b"]),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, seen("a", 1, [100, 100]), &["start a#1"]),
            (0, ask(2, "b"), &["prepare b"]),
            (9, started("a#1"), &["grant 1 a#1"]),
            (9, seen("b", 0, [100, 100]), &["prepare b"]),
            (9, seen("b", 0, [100, 40]), &["start b#2"]),
        ],
    );
}

#[test]
fn who_waits_for_one_gpu_takes_another_that_falls_idle_first() {
    let mut state = without_budgets(&["a", "b", "c"]);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, seen("a", 0, [100, 100]), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, ask(2, "c"), &["prepare c"]),
            (0, seen("c", 1, [40, 100]), &["start c#2"]),
            (0, started("c#2"), &["grant 2 c#2"]),
            (1000, ask(3, "b"), &["prepare b"]),
            (1000, seen("b", 0, [40, 40]), &[]),
            (1200, returned("c#2"), &[]),
        ],
    );
    // `c` may go after it has lingered, but the plan is new; it is made again when it no longer is.
    assert_eq!(wakes(&state), Some(1220));
    play(&mut state, vec![(1220, Input::Tick, &[])]);
    assert_eq!(wakes(&state), Some(1501));
    play(
        &mut state,
        vec![
            (1501, Input::Tick, &["prepare b"]),
            (1510, seen("b", 1, [40, 40]), &["stop c#2 saved"]),
            (1520, stopped("c#2"), &["prepare b"]),
            (1530, seen("b", 1, [40, 100]), &["start b#3"]),
        ],
    );
}

/// The settling of each plan and reading that was asked for.
fn settles(actions: &[Action]) -> Vec<bool> {
    let settle = |action: &Action| match action {
        Action::Prepare(preparation) => Some(preparation.settle),
        Action::Read(reading) => Some(reading.settle),
        _ => None,
    };
    actions.iter().filter_map(settle).collect()
}

#[test]
fn what_a_server_had_may_still_be_on_its_way_back_a_moment_after_its_end() {
    let mut state = without_budgets(&["a"]);
    let settling = |state: &mut State, at, input| settles(&state.take_in(Duration::from_millis(at), input));
    assert_eq!(settling(&mut state, 0, ask(1, "a")), [false]);
    play(
        &mut state,
        vec![(0, seen("a", 0, [100, 100]), &["start a#1"]), (0, started("a#1"), &["grant 1 a#1"])],
    );
    play(&mut state, vec![(9, exited("a#1", &Failure::new(FailureReason::Unknown)), &[])]);
    assert_eq!(settling(&mut state, 10, ask(2, "a")), [true]);
    let devices: BTreeMap<String, u64> = [("gpu0".to_owned(), 1)].into();
    let request = crate::HoldRequest { devices, ..crate::HoldRequest::default() };
    let hold = |number| Input::HoldAsked { hold: HoldId::new(number), request: request.clone() };
    assert_eq!(settling(&mut state, 11, hold(1)), [true]);
    assert_eq!(settling(&mut state, 3000, hold(2)), [false]);
}

#[test]
fn nobody_is_turned_away_because_of_what_is_being_loaded() {
    let mut state = without_budgets(&["a", "b"]);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, seen("a", 0, [100, 100]), &["start a#1"]),
            (5, ask(2, "b"), &["prepare b"]),
            // Half of `a` is loaded: it is reserved, and it is not free either.
            (5, seen("b", 0, [50, 0]), &[]),
            (9, started("a#1"), &["grant 1 a#1"]),
            (10, returned("a#1"), &[]),
            (30, Input::Tick, &["stop a#1 saved"]),
        ],
    );
}

#[test]
fn no_hold_is_refused_because_of_what_is_being_loaded() {
    let mut state = without_budgets(&["a"]);
    let devices: BTreeMap<String, u64> = [("gpu0".to_owned(), 80)].into();
    let request = crate::HoldRequest { devices, ..crate::HoldRequest::default() };
    let read = |free| {
        let Input::Prepared { outcome: Ok(prepared), .. } = seen("a", 0, [free, 0]) else { unreachable!() };
        Input::HoldRead { hold: HoldId::new(7), outcome: Ok(prepared.machine) }
    };
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, seen("a", 0, [100, 100]), &["start a#1"]),
            (5, Input::HoldAsked { hold: HoldId::new(7), request }, &["read for hold-7"]),
            (5, read(50), &[]),
            (9, started("a#1"), &["grant 1 a#1", "read for hold-7 settled"]),
            (9, read(40), &[]),
        ],
    );
}
