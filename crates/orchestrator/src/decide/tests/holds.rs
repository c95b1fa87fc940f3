//! Memory that is held for other programs.

use super::*;
use crate::HoldRequest;

/// All that these machines have; the budgets allow as much.
const TOTAL: u64 = 100;

fn hold(number: u64, bytes: u64) -> Input {
    hold_with(number, HoldRequest { devices: [("ram".to_owned(), bytes)].into(), ..HoldRequest::default() })
}

fn hold_with(number: u64, request: HoldRequest) -> Input {
    Input::HoldAsked { hold: HoldId::new(number), request }
}

fn read(number: u64) -> Input {
    Input::HoldRead { hold: HoldId::new(number), outcome: Ok(machine_of(TOTAL)) }
}

fn dropped(number: u64) -> Input {
    Input::HoldDropped { hold: HoldId::new(number) }
}

fn planned(model: &str, bytes: u64) -> Input {
    prepared_on(machine_of(TOTAL), model, bytes)
}

/// `a` of 60 is idle since 10 ms.
fn an_idle_one(state: &mut State) {
    play(
        state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, planned("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (10, returned("a#1"), &[]),
        ],
    );
}

#[test]
fn what_fits_is_held_at_once_beside_what_runs() {
    let mut state = state(&["a", "b"], TOTAL);
    an_idle_one(&mut state);
    play(&mut state, vec![(20, hold(7, 40), &["read for hold-7"]), (21, read(7), &["grant hold-7"])]);
    let held = state.status().holds.remove(0);
    assert_eq!((held.granted, held.devices), (true, [(DeviceId::host(), 40)].into()));
    play(
        &mut state,
        vec![
            // It waits, and is not turned away: a hold ends.
            (100, ask(2, "b"), &["prepare b"]),
            (100, planned("b", 70), &[]),
            (200, dropped(7), &["prepare b"]),
            (200, planned("b", 70), &["stop a#1 saved"]),
        ],
    );
}

#[test]
fn an_idle_model_makes_room_and_comes_back_after() {
    let mut state = state(&["a"], TOTAL);
    an_idle_one(&mut state);
    play(
        &mut state,
        vec![
            (100, hold(7, 50), &["read for hold-7"]),
            (100, read(7), &["stop a#1 saved"]),
            // Its memory has to come back first.
            (110, stopped("a#1"), &["read for hold-7 settled"]),
            (130, read(7), &["grant hold-7"]),
            (5000, dropped(7), &["prepare a again"]),
            (5000, planned("a", 60), &["start a#2"]),
        ],
    );
}

#[test]
fn a_busy_model_has_its_turn_and_finishes() {
    let mut state = state(&["a"], TOTAL);
    an_idle_one(&mut state);
    play(
        &mut state,
        vec![
            (1000, ask(2, "a"), &["grant 2 a#1"]),
            (2000, hold(7, 50), &["read for hold-7"]),
            (2000, read(7), &[]),
        ],
    );
    assert_eq!(wakes(&state), Some(12_000));
    play(
        &mut state,
        vec![
            (12_000, Input::Tick, &[]),
            // It drains: nobody new gets in.
            (12_001, ask(3, "a"), &[]),
            (13_000, returned("a#1"), &["stop a#1 saved"]),
            (13_010, stopped("a#1"), &["prepare a", "read for hold-7 settled"]),
            (13_011, planned("a", 60), &[]),
            (13_030, read(7), &["grant hold-7"]),
        ],
    );
}

#[test]
fn nobody_takes_the_room_of_a_hold_that_waits() {
    let mut state = state(&["a", "b"], TOTAL);
    an_idle_one(&mut state);
    play(
        &mut state,
        vec![
            (1000, ask(2, "a"), &["grant 2 a#1"]),
            (2000, hold(7, 50), &["read for hold-7"]),
            (2000, read(7), &[]),
            // There is room for it, but the hold came first.
            (2100, ask(3, "b"), &["prepare b"]),
            (2100, planned("b", 40), &[]),
            (2200, dropped(7), &["start b#2"]),
        ],
    );
}

#[test]
fn what_can_never_be_held_is_refused_with_the_numbers() {
    let mut state = state(&[], TOTAL);
    state.add(request("a"), ModelRules { pinned: true, ..ModelRules::default() }).unwrap();
    an_idle_one(&mut state);
    let other = HoldRequest { devices: [("gpu7".to_owned(), 1)].into(), ..HoldRequest::default() };
    play(
        &mut state,
        vec![
            (20, hold(7, 41), &["read for hold-7"]),
            (20, read(7), &["refuse hold-7: It cannot be held: host needs 41 B and has 40 B left"]),
            (20, hold(8, 101), &["read for hold-8"]),
            (20, read(8), &["refuse hold-8: It cannot be held: host needs 101 B and has 40 B left"]),
            (20, hold(9, 0), &["refuse hold-9: There is nothing to hold: no device, or no bytes"]),
            (20, hold_with(10, other), &["read for hold-10"]),
            (20, read(10), &["refuse hold-10: There is no device 'gpu7'; there is host"]),
        ],
    );
    assert!(state.status().holds.is_empty());
}

#[test]
fn holds_are_granted_in_the_order_in_which_they_came() {
    let mut state = state(&[], TOTAL);
    play(
        &mut state,
        vec![
            (0, hold(1, 60), &["read for hold-1"]),
            (0, read(1), &["grant hold-1"]),
            (1, hold(2, 60), &["read for hold-2"]),
            (1, read(2), &[]),
            // It would fit now, and not beside the one that came before it.
            (2, hold(3, 10), &["read for hold-3"]),
            (2, read(3), &[]),
            (9, dropped(1), &["read for hold-2 settled", "read for hold-3 settled"]),
            (9, read(3), &["grant hold-3"]),
            (9, read(2), &["grant hold-2"]),
        ],
    );
}

#[test]
fn a_hold_ends_by_itself_and_does_not_wait_for_ever() {
    let mut state = state(&[], TOTAL);
    let second = Some(Duration::from_secs(1));
    let devices: BTreeMap<String, u64> = [("host".to_owned(), 60)].into();
    let timed = HoldRequest { devices: devices.clone(), ttl: second, ..HoldRequest::default() };
    let impatient = HoldRequest { devices, wait: second.map(|second| second / 2), ..HoldRequest::default() };
    play(
        &mut state,
        vec![
            (0, hold_with(1, timed), &["read for hold-1"]),
            (0, read(1), &["grant hold-1"]),
            (1, hold_with(2, impatient), &["read for hold-2"]),
            (1, read(2), &[]),
        ],
    );
    assert_eq!(wakes(&state), Some(501));
    play(&mut state, vec![(501, Input::Tick, &["refuse hold-2: The memory did not become free within 0 s"])]);
    assert_eq!(wakes(&state), Some(1000));
    play(&mut state, vec![(1000, Input::Tick, &[])]);
    assert!(state.status().holds.is_empty() && state.ledger.is_empty());
}

#[test]
fn who_waits_for_a_hold_that_somebody_ends_is_told() {
    let mut state = state(&["a"], TOTAL);
    let ended = Input::HoldReleased { hold: HoldId::new(7) };
    play(
        &mut state,
        vec![
            (0, hold(7, 40), &["read for hold-7"]),
            (0, ended, &["refuse hold-7: The hold was ended before it was granted"]),
            (0, read(7), &[]),
            (0, hold(8, 40), &["read for hold-8"]),
            (0, hold(9, 40), &["read for hold-9"]),
            (0, read(8), &["grant hold-8"]),
            (0, Input::CloseAsked, &["refuse hold-9: Loadmaster is shutting down", "closed"]),
        ],
    );
    assert!(state.ledger.is_empty());
}

#[test]
fn a_hold_is_not_granted_by_an_old_reading() {
    let mut state = state(&[], TOTAL);
    let wait = Some(Duration::from_secs(5));
    let devices: BTreeMap<String, u64> = [("host".to_owned(), 70)].into();
    let impatient = HoldRequest { devices, wait, ..HoldRequest::default() };
    play(
        &mut state,
        vec![
            (0, hold(1, 40), &["read for hold-1"]),
            (0, read(1), &["grant hold-1"]),
            (1, hold_with(2, impatient), &["read for hold-2"]),
            (1, read(2), &[]),
            (2, hold(3, 40), &["read for hold-3"]),
            (2, read(3), &[]),
            // Other programs may have taken anything meanwhile.
            (
                5001,
                Input::Tick,
                &["refuse hold-2: The memory did not become free within 5 s", "read for hold-3"],
            ),
            (5002, read(3), &["grant hold-3"]),
        ],
    );
}

#[test]
fn what_a_program_takes_of_its_hold_is_not_missed() {
    let mut state = state(&["a"], 1000 * MIB);
    let with = |free: u64| {
        let mut machine = machine_of(1000 * MIB);
        machine.devices[0].free = Some(free * MIB);
        machine
    };
    let process = crate::ProcessMemory { own: Some(600 * MIB), devices: Vec::new() };
    let read = |free| Input::HoldRead { hold: HoldId::new(7), outcome: Ok(with(free)) };
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared_on(with(1000), "a", 600 * MIB), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (10, returned("a#1"), &[]),
            (100, hold(7, 500 * MIB), &["read for hold-7"]),
            (100, read(400), &["stop a#1 saved"]),
            (101, Input::Leaving { instance: id("a#1"), machine: with(400), process }, &[]),
            // The reading for the hold is the one that looks for it.
            (110, stopped("a#1"), &["read for hold-7 settled"]),
            (130, read(1000), &["grant hold-7"]),
            (200, Input::Tick, &[]),
        ],
    );
    assert!(state.status().not_returned.is_empty());
}
