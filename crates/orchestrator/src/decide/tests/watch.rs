//! Servers that live and get nothing done, and those that only seem to.

use loadmaster_core::Health;

use super::*;
use crate::steps::Look;

const HANG: Duration = Duration::from_mins(2);

fn watched() -> State {
    let mut state = State::new(Policy { hang: Some(HANG), ..policy(100) });
    state.add(request("a"), ModelRules::default()).unwrap();
    state
}

fn seen(instance: &str, health: Health, worked: Option<u64>) -> Input {
    Input::Looked { instance: id(instance), look: Look { health, worked: worked.map(Duration::from_millis) } }
}

fn working(progress: u64) -> Health {
    Health::Working { progress }
}

fn silent() -> Health {
    Health::Failing { cause: "no answer".to_owned() }
}

/// `a#1` is ready and works for ticket 1, from the beginning of time.
fn begin(state: &mut State) {
    play(
        state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
        ],
    );
}

/// Looks every 5 s, from the next look on until `until` seconds, at what `look` says it is; whatever comes
/// of it beside looks, with its time in seconds.
fn look_until(
    state: &mut State,
    until: u64,
    look: impl Fn(u64) -> (Health, Option<u64>),
) -> Vec<(u64, String)> {
    let mut told = Vec::new();
    while let Some(wake) = wakes(state).map(|wake| u64::try_from(wake).unwrap()) {
        if wake > until * 1000 {
            break;
        }
        let looks = short(&state.take_in(Duration::from_millis(wake), Input::Tick));
        assert_eq!(looks, ["look a#1"], "at {wake}");
        let (health, worked) = look(wake / 1000);
        let actions = state.take_in(Duration::from_millis(wake), seen("a#1", health, worked));
        told.extend(short(&actions).into_iter().map(|line| (wake / 1000, line)));
    }
    told
}

const ENDED: &str = "end a#1: it hung: it got nothing done for 120 s";

#[test]
fn a_server_that_is_stopped_is_ended_and_started_again() {
    let mut state = watched();
    begin(&mut state);
    // It does some work, and is stopped: no answer, and no time of any CPU.
    let told = look_until(&mut state, 600, |now| match now {
        0..60 => (working(now), Some(now * 900)),
        _ => (silent(), Some(55 * 900)),
    });
    assert_eq!(told, [(175, format!("{ENDED}: no answer"))]);
    let hung = FailureReason::Hung { seconds: 120 };
    play(
        &mut state,
        vec![
            // Who asks now waits for its end.
            (175_000, ask(2, "a"), &[]),
            (175_010, stopped("a#1"), &["prepare a"]),
            (175_011, returned("a#1"), &[]),
            (175_012, prepared("a", 60), &["start a#2"]),
        ],
    );
    assert_eq!(state.models.get("a").unwrap().trouble.reason(), Some(&hung));
}

#[test]
fn the_crash_is_told_with_its_reason() {
    let mut state = watched();
    begin(&mut state);
    look_until(&mut state, 600, |_| (silent(), Some(0)));
    play(&mut state, vec![(125_001, stopped("a#1"), &[])]);
    let told = state.status().models.remove(0).instance.unwrap().state;
    let InstanceState::Crashed { failure } = told else { panic!("{told:?}") };
    assert_eq!(failure.reason, FailureReason::Hung { seconds: 125 });
    assert!(state.ledger.is_empty());
    assert_eq!(wakes(&state), None);
}

#[test]
fn whoever_waits_for_what_never_comes_is_ended_though_it_answers() {
    let mut state = watched();
    begin(&mut state);
    // Answering the looks takes a little time.
    let told = look_until(&mut state, 600, |now| (working(7), Some(now / 5)));
    assert_eq!(told, [(125, ENDED.to_owned())]);
}

#[test]
fn one_that_computes_one_batch_for_minutes_is_left_alone() {
    let mut state = watched();
    begin(&mut state);
    // One hundredth of a CPU is all that it gets, and it says nothing.
    assert_eq!(look_until(&mut state, 1190, |now| (silent(), Some(now * 10))), []);
    assert_eq!(look_until(&mut state, 1500, |now| (working(now / 400), Some(now * 10))), []);
    // Where nobody can tell whether it works, it is not ended for that either.
    let mut state = watched();
    begin(&mut state);
    assert_eq!(look_until(&mut state, 1190, |_| (silent(), None)), []);
}

#[test]
fn turning_in_a_circle_ends_too() {
    let mut state = watched();
    begin(&mut state);
    let told = look_until(&mut state, 3000, |now| (working(7), Some(now * 1000)));
    assert_eq!(told, [(1205, ENDED.replace("120", "1200"))]);
}

#[test]
fn one_that_works_on_nothing_is_not_hung() {
    let mut state = watched();
    begin(&mut state);
    // The client reads slowly: its answer is done, and the lease still held.
    assert_eq!(look_until(&mut state, 3000, |_| (Health::Ready, Some(0))), []);
}

#[test]
fn the_idle_are_looked_at_rarely_and_ended_when_they_are_dead() {
    let mut state = watched();
    begin(&mut state);
    play(&mut state, vec![(1000, returned("a#1"), &[])]);
    assert_eq!(wakes(&state), Some(30_000));
    assert_eq!(look_until(&mut state, 300, |_| (Health::Ready, Some(0))), []);
    let told = look_until(&mut state, 3000, |_| (silent(), Some(0)));
    assert_eq!(told, [(420, format!("{ENDED}: no answer"))]);
    play(&mut state, vec![(420_100, stopped("a#1"), &[]), (420_200, ask(2, "a"), &["prepare a"])]);
}

#[test]
fn new_work_begins_anew_but_keeps_no_hung_one_alive() {
    let mut state = watched();
    begin(&mut state);
    play(&mut state, vec![(1000, returned("a#1"), &[])]);
    assert_eq!(look_until(&mut state, 3000, |_| (Health::Ready, Some(0))), []);
    // Idle for an hour, and the last look was 29 s ago: it is looked at, and has all its time.
    let told = {
        play(&mut state, vec![(3_029_000, ask(2, "a"), &["grant 2 a#1", "look a#1"])]);
        play(&mut state, vec![(3_029_001, seen("a#1", silent(), Some(0)), &[])]);
        for ticket in 3..20_u32 {
            let at = 3_029_002 + u64::from(ticket);
            play(&mut state, vec![(at, ask(ticket.into(), "a"), &[&format!("grant {ticket} a#1")])]);
        }
        look_until(&mut state, 4000, |_| (silent(), Some(0)))
    };
    assert_eq!(told, [(3149, format!("{ENDED}: no answer"))]);
}

#[test]
fn a_machine_that_slept_ends_nobody() {
    let mut state = watched();
    begin(&mut state);
    assert_eq!(look_until(&mut state, 100, |_| (silent(), Some(0))), []);
    // The clock jumps by a night; the first look comes of a machine that is still swapping in.
    let morning = 100_000 + 8 * 3_600_000;
    play(&mut state, vec![(morning, Input::Tick, &["look a#1"])]);
    play(&mut state, vec![(morning + 5000, seen("a#1", silent(), Some(0)), &[])]);
    let morning = (morning + 5000) / 1000;
    assert_eq!(look_until(&mut state, morning + 115, |_| (silent(), Some(0))), []);
    assert_eq!(look_until(&mut state, morning + 600, |now| (working(now), Some(0))), []);
}

#[test]
fn a_draining_one_is_watched_and_a_stopping_one_is_not() {
    let mut state = watched();
    begin(&mut state);
    play(&mut state, vec![(1000, stop(2, "a"), &[]), (5000, Input::Tick, &["look a#1"])]);
    play(
        &mut state,
        vec![
            (31_000, Input::Tick, &["stop a#1"]),
            // It came too late to matter.
            (500_000, seen("a#1", silent(), Some(0)), &[]),
            (500_000, stopped("a#1"), &["stopped 2 true"]),
        ],
    );
}

#[test]
fn who_hangs_again_and_again_is_given_pauses() {
    let mut state = watched();
    let mut now = 0;
    for (count, pause) in [(1, 0), (2, 0), (3, 1000)] {
        let name = format!("a#{count}");
        play(&mut state, vec![(now, ask(count, "a"), if pause == 0 { &["prepare a"] } else { &[] })]);
        if pause > 0 {
            play(&mut state, vec![(now + pause, Input::Tick, &["prepare a"])]);
        }
        now += pause;
        play(&mut state, vec![(now, prepared("a", 60), &[&format!("start {name}")])]);
        play(&mut state, vec![(now, started(&name), &[&format!("grant {count} {name}")])]);
        for _ in 0..25 {
            now += 5000;
            state.take_in(Duration::from_millis(now), Input::Tick);
            state.take_in(Duration::from_millis(now), seen(&name, silent(), Some(0)));
        }
        play(&mut state, vec![(now, stopped(&name), &[])]);
    }
    assert_eq!(state.models.get("a").unwrap().trouble.deaths(), 3);
}

#[test]
fn what_a_hung_server_was_asked_is_asked_anew_while_it_is_being_ended() {
    let mut state = watched();
    begin(&mut state);
    look_until(&mut state, 600, |_| (silent(), Some(0)));
    assert_eq!(state.instances.get(&id("a#1")).unwrap().state, InstanceState::Stopping);
    let again =
        Input::LeaseAskedAgain { ticket: 2, lost: id("a#1"), model: "a".to_owned(), wish: Wish::default() };
    play(&mut state, vec![(125_001, again, &[]), (125_005, stopped("a#1"), &["prepare a"])]);
}

#[test]
fn a_watchdog_that_was_off_meanwhile_looks_again() {
    let mut state = watched();
    begin(&mut state);
    let hang = |hang| Input::PolicyChanged { policy: Box::new(Policy { hang, ..policy(100) }) };
    play(
        &mut state,
        vec![
            (5000, Input::Tick, &["look a#1"]),
            (5001, hang(None), &[]),
            (5002, seen("a#1", working(1), None), &[]),
            (9000, hang(Some(HANG)), &["look a#1"]),
        ],
    );
}

#[test]
fn what_was_told_to_stop_and_hangs_meanwhile_is_not_loaded_again() {
    let mut state = State::new(Policy { hang: Some(HANG), drain: Duration::from_mins(5), ..policy(100) });
    state.add(request("a"), ModelRules { preload: true, ..ModelRules::default() }).unwrap();
    play(
        &mut state,
        vec![
            (0, Input::Tick, &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &[]),
            (0, ask(1, "a"), &["grant 1 a#1"]),
            (0, ask(2, "a"), &["grant 2 a#1"]),
            (500, returned("a#1"), &[]),
            (1000, stop(3, "a"), &[]),
        ],
    );
    // It had done its work before.
    look_until(&mut state, 14, |second| (working(second), Some(0)));
    look_until(&mut state, 140, |_| (silent(), Some(0)));
    play(&mut state, vec![(140_000, stopped("a#1"), &["stopped 3 true"])]);
}
