//! Memory that does not come back, on a machine that says what is free.

use super::*;
use crate::ProcessMemory;

fn machine(free: u64) -> Machine {
    let mut machine = machine_of(1000 * MIB);
    machine.devices[0].free = Some(free * MIB);
    machine
}

fn leaving(instance: &str, free: u64, has: u64) -> Input {
    let process = ProcessMemory { own: Some(has * MIB), devices: Vec::new() };
    Input::Leaving { instance: id(instance), machine: machine(free), process }
}

fn looked(state: &State, free: u64) -> Input {
    Input::Rechecked { machine: Some(machine(free)), changes: state.ledger.changes() }
}

fn missing(state: &State) -> Option<u64> {
    state.status().not_returned.get(&DeviceId::host()).map(|bytes| bytes / MIB)
}

#[test]
fn it_is_shown_looked_for_again_and_dissolves() {
    let mut state = state(&["a"], 1000 * MIB);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared_on(machine(900), "a", 300 * MIB), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, returned("a#1"), &[]),
            (0, stop(2, "a"), &["stop a#1"]),
            (1, leaving("a#1", 600, 300), &[]),
            (2, stopped("a#1"), &["stopped 2 true", "recheck"]),
        ],
    );
    let input = looked(&state, 700);
    let told = state.take_in(Duration::from_millis(9), input);
    let event = Event::NotReturned { device: DeviceId::host(), bytes: 200 * MIB };
    assert!(matches!(&told[..], [Action::Tell(told)] if *told == event), "{told:?}");
    assert_eq!(missing(&state), Some(200));
    // No plan counts on it: it is not free.
    assert_eq!(state.outlook("a").machine(&machine(700)).devices[0].free, Some(700 * MIB));

    assert_eq!(wakes(&state), Some(10_009));
    play(&mut state, vec![(10_009, Input::Tick, &["recheck"])]);
    assert_eq!(wakes(&state), None);
    let input = looked(&state, 800);
    play(&mut state, vec![(10_020, input, &[])]);
    assert_eq!(missing(&state), Some(100));
    // A plan's reading tells as well, and the last of it is back.
    play(&mut state, vec![(11_000, ask(3, "a"), &["prepare a"])]);
    state.take_in(Duration::from_millis(11_001), prepared_on(machine(900), "a", 300 * MIB));
    play(&mut state, vec![(11_002, started("a#2"), &["grant 3 a#2"])]);
    play(&mut state, vec![(21_000, Input::Tick, &["recheck"])]);
    let input = looked(&state, 590);
    play(&mut state, vec![(21_001, input, &[])]);
    assert_eq!(missing(&state), None);
    assert_eq!(wakes(&state), None);
}

#[test]
fn a_swap_looks_with_the_reading_that_it_needs_anyway() {
    let mut state = state(&["a", "b"], 400 * MIB);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared_on(machine(900), "a", 300 * MIB), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, returned("a#1"), &[]),
            (1000, ask(2, "b"), &["prepare b"]),
            (1000, prepared_on(machine(600), "b", 300 * MIB), &["stop a#1 saved"]),
            (1001, leaving("a#1", 600, 300), &[]),
            (1002, stopped("a#1"), &["prepare b"]),
            (1020, prepared_on(machine(800), "b", 300 * MIB), &["start b#2"]),
        ],
    );
    assert_eq!(missing(&state), Some(100));
}
