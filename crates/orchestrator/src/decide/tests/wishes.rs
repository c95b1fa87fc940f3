//! What requests wish beyond their place: how long the model stays behind them, and a second try.

use super::*;

/// `a` runs, may be idle for 60 s, and serves request 1 with this wish.
fn served_with(keep_alive: Option<KeepAlive>) -> State {
    let mut state = State::new(policy(100));
    state.add(request("a"), ModelRules { idle_seconds: Some(60), ..ModelRules::default() }).unwrap();
    play(
        &mut state,
        vec![
            (0, ask_with(1, "a", Wish { keep_alive, ..Wish::default() }), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
        ],
    );
    state
}

fn seconds(seconds: u64) -> KeepAlive {
    KeepAlive::For(Duration::from_secs(seconds))
}

#[test]
fn a_model_stays_as_long_as_the_latest_request_that_said_so_wants() {
    let mut state = served_with(Some(seconds(5)));
    play(&mut state, vec![(1000, returned("a#1"), &[])]);
    assert_eq!(wakes(&state), Some(6000));
    let ask_for = |ticket, keep_alive| ask_with(ticket, "a", Wish { keep_alive, ..Wish::default() });
    for (ticket, wish, wake) in [
        // Who says nothing changes nothing.
        (2, None, Some(7000)),
        (3, Some(seconds(300)), Some(302_000)),
        (4, Some(KeepAlive::Forever), None),
        (5, None, None),
    ] {
        let granted = format!("grant {ticket} a#1");
        play(&mut state, vec![(2000, ask_for(ticket, wish), &[&granted]), (2000, returned("a#1"), &[])]);
        assert_eq!(wakes(&state), wake, "{wish:?}");
    }
}

#[test]
fn a_model_that_shall_not_stay_goes_with_its_last_answer_and_comes_back_as_its_rules_say() {
    let mut state = served_with(Some(seconds(0)));
    play(
        &mut state,
        vec![
            (5, ask(2, "a"), &["grant 2 a#1"]),
            (9, returned("a#1"), &[]),
            (10, returned("a#1"), &["stop a#1 saved"]),
            (12, stopped("a#1"), &[]),
            // The next start has no wish yet.
            (20, ask(3, "a"), &["prepare a"]),
            (20, prepared("a", 60), &["start a#2"]),
            (20, started("a#2"), &["grant 3 a#2"]),
            (20, returned("a#2"), &[]),
        ],
    );
    assert_eq!(wakes(&state), Some(60_020));
}

fn again(ticket: Ticket, lost: &str) -> Input {
    let model = lost[..1].to_owned();
    Input::LeaseAskedAgain { ticket, lost: id(lost), model, wish: Wish::default() }
}

#[test]
fn who_lost_a_server_that_died_waits_for_the_next_one() {
    let failure = Failure::new(FailureReason::Signal { name: "SIGKILL".into() });
    let mut state = served_with(None);
    play(&mut state, vec![(5, exited("a#1", &failure), &[]), (5, again(2, "a#1"), &["prepare a"])]);
}

#[test]
fn who_lost_a_server_that_somebody_stopped_does_not_start_it_again() {
    let mut state = served_with(None);
    play(
        &mut state,
        vec![
            (0, stop(2, "a"), &[]),
            (30_000, Input::Tick, &["stop a#1"]),
            (30_001, again(3, "a#1"), &["refuse 3: 'a' was stopped before it was ready"]),
            (30_002, returned("a#1"), &[]),
            (30_003, stopped("a#1"), &["stopped 2 true"]),
            (30_004, again(4, "a#1"), &["refuse 4: 'a' was stopped before it was ready"]),
            // Once somebody else has started it, it is there for all.
            (30_005, ask(5, "a"), &["prepare a"]),
            (30_005, prepared("a", 60), &["start a#2"]),
            (30_005, again(6, "a#1"), &[]),
            (30_006, started("a#2"), &["grant 5 a#2", "grant 6 a#2"]),
        ],
    );
}

#[test]
fn who_lost_a_server_that_made_room_waits_until_it_is_its_turn() {
    let mut state = served_with(None);
    state.add(request("b"), ModelRules::default()).unwrap();
    play(
        &mut state,
        vec![
            (0, ask(2, "b"), &["prepare b"]),
            (0, prepared("b", 60), &[]),
            (10_000, Input::Tick, &["prepare b"]),
            (10_000, prepared("b", 60), &[]),
            (40_000, Input::Tick, &["stop a#1"]),
            (40_001, again(3, "a#1"), &[]),
            (40_002, stopped("a#1"), &["prepare b", "prepare a"]),
        ],
    );
}

/// Also when it was about to make room for another one.
#[test]
fn a_stop_holds_against_a_model_that_already_drains() {
    let mut state = served_with(None);
    state.add(request("b"), ModelRules::default()).unwrap();
    play(
        &mut state,
        vec![
            (0, ask(2, "b"), &["prepare b"]),
            (0, prepared("b", 60), &[]),
            (10_000, Input::Tick, &["prepare b"]),
            (10_000, prepared("b", 60), &[]),
            (20_000, stop(3, "a"), &[]),
            (40_000, Input::Tick, &["stop a#1"]),
            (40_001, again(4, "a#1"), &["refuse 4: 'a' was stopped before it was ready"]),
        ],
    );
}
