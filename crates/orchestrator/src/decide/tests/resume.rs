//! What comes back after a restart.

use super::*;
use crate::Resident;

fn resident(model: &str, bytes: u64) -> Resident {
    let Input::Prepared { outcome: Ok(prepared), .. } = prepared(model, bytes) else {
        panic!("a plan was made");
    };
    Resident { request: request(model), plan: Some((*prepared.plan).clone()) }
}

fn names(state: &State) -> Vec<String> {
    state.residents().into_iter().map(|resident| resident.request.model.id).collect()
}

#[test]
fn what_was_there_comes_back_in_the_order_of_its_use() {
    let mut before = state(&["a", "b", "c"], 100);
    play(
        &mut before,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 30), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1, ask(2, "c"), &["prepare c"]),
            (1, prepared("c", 40), &["start c#2"]),
            (1, started("c#2"), &["grant 2 c#2"]),
        ],
    );
    assert_eq!(names(&before), ["c", "a"]);
    let residents = before.residents();
    assert_eq!(residents, [resident("c", 40), resident("a", 30)]);

    let mut after = state(&["a", "b", "c"], 100);
    after.resume(residents);
    play(
        &mut after,
        vec![
            // Who asks goes first.
            (0, ask(1, "b"), &["prepare b"]),
            (0, prepared("b", 20), &["start b#1"]),
            (0, started("b#1"), &["grant 1 b#1", "prepare c again"]),
            (0, prepared("c", 40), &["start c#2"]),
            (0, started("c#2"), &["prepare a again"]),
            (0, prepared("a", 30), &["start a#3"]),
            (0, started("a#3"), &[]),
        ],
    );
    assert_eq!(names(&after).len(), 3);
}

#[test]
fn a_plan_that_can_not_be_any_more_is_made_anew() {
    let broken = Input::Prepared {
        model: "a".to_owned(),
        edition: 0,
        number: LATEST,
        outcome: Err(OrchestratorError::Machine("lost".to_owned())),
    };
    let play_with = |steps| {
        let mut state = state(&["a"], 100);
        state.resume(vec![resident("a", 60)]);
        play(&mut state, steps);
    };
    // It never fits, it cannot be read, its server does not start.
    play_with(vec![
        (0, Input::Tick, &["prepare a again"]),
        (0, prepared("a", 160), &["prepare a"]),
        (0, prepared("a", 60), &["start a#1"]),
    ]);
    play_with(vec![
        (0, Input::Tick, &["prepare a again"]),
        (0, broken.clone(), &["prepare a"]),
        (0, broken, &[]),
    ]);
    play_with(vec![
        (0, Input::Tick, &["prepare a again"]),
        (0, prepared("a", 60), &["start a#1"]),
        (0, failed("a#1", FailureReason::Unknown), &["prepare a"]),
        (0, prepared("a", 50), &["start a#2"]),
        (0, failed("a#2", FailureReason::Unknown), &[]),
    ]);
}

#[test]
fn what_is_asked_for_in_another_way_comes_back_by_another_plan() {
    let mut state = state(&["a", "b"], 100);
    let mut other = resident("a", 60);
    other.request.settings.insert("bytes".to_owned(), 9.into());
    state.resume(vec![resident("gone", 10), other, Resident { plan: None, ..resident("b", 10) }]);
    play(
        &mut state,
        vec![
            (0, Input::Tick, &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["prepare b"]),
        ],
    );
}

#[test]
fn what_made_room_comes_back_after_a_restart_too() {
    let mut state = state(&["a", "b"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1, returned("a#1"), &[]),
            (100, ask(2, "b"), &["prepare b"]),
            (100, prepared("b", 60), &["stop a#1 saved"]),
            (100, stopped("a#1"), &["prepare b"]),
            (100, prepared("b", 60), &["start b#2"]),
        ],
    );
    assert_eq!(state.residents(), [resident("b", 60), resident("a", 60)]);
    // What somebody stopped stays away.
    play(
        &mut state,
        vec![
            (101, stop(3, "a"), &["stopped 3 true"]),
            (102, stop(4, "b"), &["stop b#2", "refuse 2: 'b' was stopped before it was ready"]),
        ],
    );
    assert_eq!(state.residents(), []);
}

#[test]
fn conversations_are_kept_at_the_end_where_all_comes_back() {
    let mut state = State::new(Policy { resume: true, ..policy(100) });
    state.add(request("a"), ModelRules::default()).unwrap();
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1, Input::CloseAsked, &[]),
            (2, returned("a#1"), &["stop a#1 saved"]),
            (3, stopped("a#1"), &["closed"]),
        ],
    );
}

#[test]
fn of_many_that_come_back_the_last_of_them_are_given_up_first() {
    let names: Vec<String> = (0..12).map(|number| format!("m{number:02}")).collect();
    let mut state = state(&names.iter().map(String::as_str).collect::<Vec<_>>(), 100);
    // The latest used is the one with the highest number.
    state.resume(names.iter().rev().skip(1).map(|name| resident(name, 60)).collect());
    play(
        &mut state,
        vec![
            (0, ask(1, "m11"), &["prepare m11"]),
            (0, prepared("m11", 60), &["start m11#1"]),
            (0, started("m11#1"), &["grant 1 m11#1", "prepare m10 again"]),
            (10, returned("m11#1"), &[]),
            (100, ask(2, "m00"), &["prepare m00"]),
            (100, prepared("m00", 60), &["stop m11#1 saved"]),
        ],
    );
    let left: Vec<String> = names_of(&state);
    assert_eq!(left, ["m11", "m10", "m09", "m08", "m07", "m06", "m05", "m04"]);
}

fn names_of(state: &State) -> Vec<String> {
    let waits = |name: &&String| state.models.get(*name).is_some_and(|entry| entry.offloaded.is_some());
    let mut names: Vec<String> = state.models.keys().filter(waits).cloned().collect();
    names.reverse();
    names
}
