//! Models that do not fit together.

use super::*;

/// `a` runs, takes 60 of 100, serves request 1, and `b` is asked for by request 2, and planned.
fn a_busy_b_blocked(mut state: State) -> State {
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1000, ask(2, "b"), &["prepare b"]),
            (1000, prepared("b", 60), &[]),
        ],
    );
    state
}

fn with_rules(a: ModelRules, b: ModelRules) -> State {
    let mut state = State::new(policy(100));
    state.add(request("a"), a).unwrap();
    state.add(request("b"), b).unwrap();
    state
}

#[test]
fn the_idle_make_room() {
    let mut state = a_busy_b_blocked(state(&["a", "b"], 100));
    play(&mut state, vec![(1100, returned("a#1"), &[])]);
    // It lingers, for a client that asks again at once.
    assert_eq!(wakes(&state), Some(1120));
    play(
        &mut state,
        vec![
            (1110, ask(3, "a"), &["grant 3 a#1"]),
            (1200, returned("a#1"), &[]),
            (1220, Input::Tick, &["stop a#1 saved"]),
            // Memory is read anew once it is gone.
            (1230, stopped("a#1"), &["prepare b"]),
            (1240, prepared("b", 60), &["start b#2"]),
            (1300, started("b#2"), &["grant 2 b#2"]),
        ],
    );
}

#[test]
fn the_busy_have_their_turn_and_then_give_way() {
    let mut state = a_busy_b_blocked(state(&["a", "b"], 100));
    // A turn from when the request came; the model had its own long before.
    assert_eq!(wakes(&state), Some(11_000));
    play(
        &mut state,
        vec![
            (2000, ask(3, "a"), &["grant 3 a#1"]),
            // The plan is old by now: the machine is read again.
            (11_000, Input::Tick, &["prepare b"]),
            (11_000, prepared("b", 60), &[]),
            // It drains: new requests wait, and those for `b` are served together.
            (11_001, ask(4, "a"), &[]),
            (11_001, ask(5, "b"), &[]),
            (11_500, returned("a#1"), &[]),
            (11_600, returned("a#1"), &["stop a#1 saved"]),
            (11_700, stopped("a#1"), &["prepare b", "prepare a"]),
            (11_700, prepared("a", 60), &[]),
            (11_710, prepared("b", 60), &["start b#2"]),
            (12_000, started("b#2"), &["grant 2 b#2", "grant 5 b#2"]),
        ],
    );
    // `a` waits since 11.0 s, and `b` may stay for a turn; but its start, which took 0.29 s, has paid off sooner.
    assert_eq!(wakes(&state), Some(14_320));
}

#[test]
fn nobody_takes_the_room_that_was_made_for_another() {
    let mut state = state(&["a", "b", "c"], 100);
    state.add(request("d"), ModelRules::default()).unwrap();
    let mut state = a_busy_b_blocked(state);
    play(
        &mut state,
        vec![
            (1100, returned("a#1"), &[]),
            (1120, Input::Tick, &["stop a#1 saved"]),
            (1121, ask(3, "c"), &["prepare c"]),
            (1122, prepared("c", 50), &[]),
            // What fits beside it waits for the same one to go.
            (1123, ask(4, "d"), &["prepare d"]),
            (1124, prepared("d", 40), &[]),
            (1130, stopped("a#1"), &["prepare b", "prepare d"]),
            (1140, prepared("d", 40), &["start d#2"]),
            (1140, prepared("b", 60), &["start b#3"]),
        ],
    );
}

#[test]
fn the_pinned_stay() {
    let pinned = ModelRules { pinned: true, ..ModelRules::default() };
    let mut state = with_rules(pinned, ModelRules::default());
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, returned("a#1"), &[]),
            (5000, ask(2, "b"), &["prepare b"]),
            (
                5000,
                prepared("b", 60),
                &["refuse 2: 'b' does not fit: host needs 60 B and has 40 B left of a budget of 100 B"],
            ),
        ],
    );
}

#[test]
fn nothing_goes_for_a_request_that_went_away() {
    let mut state = a_busy_b_blocked(state(&["a", "b"], 100));
    play(
        &mut state,
        vec![
            (1050, Input::GaveUp { ticket: 2 }, &[]),
            (1100, returned("a#1"), &[]),
            (1200, Input::Tick, &[]),
        ],
    );
    assert_eq!(wakes(&state), None);
    assert!(matches!(state.models.get("b").unwrap().progress, Progress::None));
}

#[test]
fn room_made_for_a_request_that_went_away_is_given_back() {
    let mut state = a_busy_b_blocked(state(&["a", "b"], 100));
    play(
        &mut state,
        vec![
            (1100, returned("a#1"), &[]),
            (1120, Input::Tick, &["stop a#1 saved"]),
            (1121, Input::GaveUp { ticket: 2 }, &[]),
            (1122, ask(3, "a"), &[]),
            (1130, stopped("a#1"), &["prepare a"]),
            (1130, prepared("a", 60), &["start a#2"]),
        ],
    );
}

/// After a swap from `a` to `b`, `b` is idle since 2000 ms.
fn swapped(a: ModelRules, b: ModelRules) -> State {
    let mut state = a_busy_b_blocked(with_rules(a, b));
    play(
        &mut state,
        vec![
            (1100, returned("a#1"), &[]),
            (1120, Input::Tick, &["stop a#1 saved"]),
            (1130, stopped("a#1"), &["prepare b"]),
            (1140, prepared("b", 60), &["start b#2"]),
            (1300, started("b#2"), &["grant 2 b#2"]),
            (2000, returned("b#2"), &[]),
        ],
    );
    state
}

#[test]
fn what_is_always_restored_comes_back_as_it_was() {
    let always = ModelRules { restore: Restore::Always, ..ModelRules::default() };
    let mut state = swapped(always, ModelRules::default());
    assert_eq!(wakes(&state), Some(7000));
    play(
        &mut state,
        vec![
            (7000, Input::Tick, &["prepare a again"]),
            (7000, prepared("a", 60), &["stop b#2 saved"]),
            (7010, stopped("b#2"), &["prepare a again"]),
            (7020, prepared("a", 60), &["start a#3"]),
            (7100, started("a#3"), &[]),
        ],
    );
    // The other one does not come back in turn.
    assert_eq!(wakes(&state), None);
}

#[test]
fn a_request_goes_before_what_is_restored() {
    let always = ModelRules { restore: Restore::Always, ..ModelRules::default() };
    let mut state = swapped(always, ModelRules::default());
    play(
        &mut state,
        vec![
            (7000, Input::Tick, &["prepare a again"]),
            (7000, ask(9, "b"), &["grant 9 b#2"]),
            (7000, prepared("a", 60), &[]),
            (8000, returned("b#2"), &[]),
        ],
    );
    assert_eq!(wakes(&state), Some(13_000));
}

#[test]
fn what_is_restored_when_idle_waits_until_the_other_is_gone() {
    let short = ModelRules { idle_seconds: Some(60), ..ModelRules::default() };
    let mut state = swapped(ModelRules::default(), short);
    assert_eq!(wakes(&state), Some(62_000));
    play(
        &mut state,
        vec![
            (62_000, Input::Tick, &["stop b#2 saved"]),
            (62_010, stopped("b#2"), &["prepare a again"]),
            (62_020, prepared("a", 60), &["start a#3"]),
        ],
    );
}

#[test]
fn what_is_never_restored_is_not() {
    let never = ModelRules { restore: Restore::Never, ..ModelRules::default() };
    let short = ModelRules { idle_seconds: Some(60), ..ModelRules::default() };
    let mut state = swapped(never, short);
    play(&mut state, vec![(62_000, Input::Tick, &["stop b#2 saved"]), (62_010, stopped("b#2"), &[])]);
}

#[test]
fn preloaded_models_come_without_being_asked_for() {
    let preload = ModelRules { preload: true, ..ModelRules::default() };
    let mut state = with_rules(preload, preload);
    play(
        &mut state,
        vec![
            // One after the other, the second as far as there is room.
            (0, Input::Tick, &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (5, started("a#1"), &["prepare b"]),
            (5, prepared("b", 60), &[]),
            (9, Input::Tick, &[]),
        ],
    );
    assert_eq!(wakes(&state), None);
}

#[test]
fn of_many_that_went_the_last_used_come_back_first_and_the_others_when_they_are_asked_for() {
    let names: Vec<String> = (0..12).map(|number| format!("m{number:02}")).collect();
    let mut state = state(&names.iter().map(String::as_str).collect::<Vec<_>>(), 100);
    let mut restored = Vec::new();
    for (ticket, name) in names.iter().enumerate() {
        let at = Duration::from_secs(10 * ticket as u64);
        let mut inputs = vec![ask(ticket as Ticket, name)];
        while let Some(input) = inputs.pop() {
            for action in state.take_in(at, input) {
                match action {
                    Action::Prepare(preparation) => {
                        let model = preparation.request.model.id;
                        if preparation.again.is_some() {
                            restored.push(model.clone());
                        }
                        inputs.push(prepared(&model, 60));
                    }
                    Action::Start { instance, .. } => inputs.push(ready(&instance, None)),
                    Action::Grant { instance, keep, .. } => {
                        inputs.push(Input::LeaseReturned { instance, keep });
                    }
                    Action::Stop { instance, .. } => {
                        inputs.push(Input::StopDone { instance, outcome: Ok(()) });
                    }
                    Action::Refuse { error, .. } => panic!("{error}"),
                    _ => {}
                }
            }
        }
    }
    // What is tried once the last one runs: whoever went last but one, and so on; `m10` went for it.
    let tried = restored.split_off(restored.len() - 7);
    assert_eq!(tried, ["m09", "m08", "m07", "m06", "m05", "m04", "m03"]);
}

#[test]
fn a_batch_that_has_waited_for_a_turn_is_no_longer_behind_those_who_came_later() {
    let mut state = state(&["a", "b", "c"], 100);
    let batch = Wish { priority: Priority::Batch, ..Wish::default() };
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 90), &["start a#1"]),
            (100, ask_with(2, "b", batch), &["prepare b"]),
            (200, ask(3, "c"), &["prepare c"]),
            (5000, started("a#1"), &["grant 1 a#1"]),
            (14_000, returned("a#1"), &[]),
            (14_010, prepared("b", 80), &[]),
            (14_010, prepared("c", 80), &[]),
            (14_020, Input::Tick, &["stop a#1 saved"]),
        ],
    );
    assert!(matches!(state.models.get("b").unwrap().progress, Progress::MakingRoom { .. }));
}

#[test]
fn a_large_one_that_has_waited_for_two_turns_is_not_overtaken_by_small_ones() {
    let mut state = state(&["a", "b", "d", "e", "large"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 50), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1000, ask(2, "large"), &["prepare large"]),
            (1000, prepared("large", 100), &[]),
            // It has just come, so what is free is not kept for it.
            (6000, ask(3, "b"), &["prepare b"]),
            (6000, prepared("b", 50), &["start b#2"]),
            (6000, started("b#2"), &["grant 3 b#2"]),
            (13_000, returned("a#1"), &[]),
            (13_030, ask(4, "d"), &["prepare d"]),
            (13_030, prepared("d", 50), &["stop a#1 saved"]),
            (13_040, stopped("a#1"), &["prepare d"]),
            (13_050, prepared("d", 50), &["start d#3"]),
            (13_100, started("d#3"), &["grant 4 d#3"]),
            (16_100, ask(5, "e"), &["prepare e"]),
            (16_100, prepared("e", 10), &[]),
            // `b` would go now for `e` alone, and `e` would have a turn then.
            (21_500, returned("b#2"), &[]),
            (21_530, Input::Tick, &[]),
            (23_100, Input::Tick, &["prepare large"]),
            // Nobody takes anything of it while it is planned for.
            (23_105, Input::Tick, &[]),
            (23_110, prepared("large", 100), &["stop b#2 saved"]),
            (23_120, stopped("b#2"), &[]),
            (23_130, returned("d#3"), &["stop d#3 saved"]),
            (23_140, stopped("d#3"), &["prepare large"]),
            (23_150, prepared("large", 100), &["start large#4"]),
        ],
    );
    assert_eq!(state.status().reserved, [(DeviceId::host(), 100)].into());
}

#[test]
fn who_has_run_dry_gives_way_before_the_turn_is_over() {
    let mut state = state(&["a", "b"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (100, ready(&id("a#1"), Some(2)), &["grant 1 a#1"]),
            (100, ask(2, "a"), &["grant 2 a#1"]),
            (100, ask(3, "a"), &[]),
            (200, ask(4, "b"), &["prepare b"]),
            (200, prepared("b", 60), &[]),
            (300, ask(5, "b"), &[]),
            // It has not yet run for eight times as long as its start took: 800 ms.
            (500, returned("a#1"), &["grant 3 a#1"]),
            (600, returned("a#1"), &[]),
            (700, ask(6, "a"), &["grant 6 a#1"]),
            // Both places are taken.
            (1000, Input::Tick, &[]),
            // One place is free, nobody waits for it, and as many wait for the other as it has places.
            (1001, returned("a#1"), &["prepare b"]),
            (1001, prepared("b", 60), &[]),
            (1002, ask(7, "a"), &[]),
            (1100, returned("a#1"), &["stop a#1 saved"]),
        ],
    );
}

#[test]
fn who_has_run_dry_stays_while_the_few_that_wait_would_leave_places_empty_too() {
    let mut state = state(&["a", "b"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (100, ready(&id("a#1"), Some(2)), &["grant 1 a#1"]),
            (200, ask(2, "b"), &["prepare b"]),
            (200, prepared("b", 60), &[]),
            (2000, Input::Tick, &[]),
            (2001, ask(3, "a"), &["grant 3 a#1"]),
            (2002, returned("a#1"), &[]),
        ],
    );
}
