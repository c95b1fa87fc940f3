//! Servers that are stopped, crash, or do not come up.

use super::*;

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
