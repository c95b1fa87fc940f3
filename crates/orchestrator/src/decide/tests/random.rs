//! Random histories: whatever happens in whatever order, the promises hold.

mod memory;
mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;

use self::world::{MODELS, World};
use super::*;

/// Plays `steps`, then lets everything that is under way come to its end, then closes.
fn play_out(machine: u8, seeds: [u8; 4], steps: &[(u8, u8)]) {
    let mut world = World::of(machine);
    let mut state = State::new(Policy { hang: Some(Duration::from_secs(10)), ..world.policy() });
    for ((model, _), seed) in MODELS.iter().zip(seeds) {
        state.add(request(model), world.rules(seed)).unwrap();
    }
    for (number, (kind, pick)) in steps.iter().enumerate() {
        if let Some(input) = world.next(&mut state, number as Ticket, *kind, *pick) {
            world.apply(&mut state, input, *pick);
        }
    }
    // Everybody is answered without further ado, if only time passes and requests end: nobody is stuck.
    for _ in 0..10_000 {
        if let Some(input) = world.pending.pop() {
            world.apply(&mut state, input, 3);
        } else if let Some((instance, keep)) = world.held.pop() {
            world.apply(&mut state, Input::LeaseReturned { instance, keep }, 3);
        } else if let Some(hold) = world.memory.holds.keys().next().copied() {
            world.apply(&mut state, Input::HoldDropped { hold }, 3);
        } else if world.open.is_empty() && world.open_holds.is_empty() {
            break;
        } else {
            let wake = state.next_wake().expect("somebody waits for something");
            world.now = u64::try_from(wake.as_millis()).unwrap() + 1;
            world.apply(&mut state, Input::Tick, 3);
        }
    }
    let models = state.status().models.into_iter().map(|model| model.id);
    let known: BTreeSet<String> = models.filter(|model| state.request(model).is_ok()).collect();
    assert!(known.is_disjoint(&world.removed) && known.len() + world.removed.len() == MODELS.len());
    assert!(world.open.is_empty(), "never answered: {:?} {state:#?}", world.open);
    assert!(world.open_holds.is_empty(), "never answered: {:?} {state:#?}", world.open_holds);
    assert!(world.now < 3_600_000 * 2, "it took too long: {}", world.now);
    world.apply(&mut state, Input::CloseAsked, 3);
    while let Some(input) = world.pending.pop() {
        world.apply(&mut state, input, 3);
    }
    assert!(state.ledger.is_empty(), "{:?}", state.ledger);
    assert!(world.memory.alive.is_empty(), "still alive: {:?}", world.memory.alive);
}

/// A model was changed while it ran, and its server died: the plan that it would have run by then, made from a
/// reading of before, was taken for the one that was asked for after.
#[test]
fn an_outcome_of_an_earlier_preparation_is_of_no_use() {
    play_out(
        69,
        [0, 8, 40, 0],
        &[
            (0, 39),
            (2, 70),
            (0, 58),
            (7, 42),
            (2, 0),
            (7, 42),
            (2, 0),
            (2, 0),
            (0, 238),
            (12, 46),
            (0, 38),
            (12, 4),
            (0, 153),
            (2, 0),
            (2, 126),
            (2, 0),
            (2, 47),
            (0, 62),
            (2, 72),
            (2, 0),
            (8, 58),
            (4, 0),
            (0, 3),
            (7, 212),
        ],
    );
}

proptest! {
    /// Every request and every hold is answered once, the budget and the machine hold, nobody waits for ever,
    /// and when all is over nothing is reserved.
    #[test]
    fn random_histories_keep_the_promises(
        machine in any::<u8>(),
        seeds in any::<[u8; 4]>(),
        steps in prop::collection::vec((0..13u8, any::<u8>()), 1..300),
    ) {
        play_out(machine, seeds, &steps);
    }
}
