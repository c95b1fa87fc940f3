//! Requests: served together, in turn, or refused.

use super::*;

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
