//! Machines with several GPUs, and readings of their memory.

use super::*;

/// A plan for 60 of the 100 bytes of that GPU, and what the machine said is free of both.
fn seen(model: &str, gpu: usize, free: [u64; 2]) -> Input {
    let Input::Prepared { model, outcome: Ok(mut prepared), edition } = prepared(model, 60) else {
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
    Input::Prepared { model, outcome: Ok(prepared), edition }
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
