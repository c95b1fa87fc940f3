//! Budgets that shrink and grow.

use super::*;

pub(super) fn budget(bytes: u64) -> Input {
    Input::BudgetsChanged { budgets: policy(bytes).budgets, machine: machine_of(1 << 40) }
}

/// `a` of 40 is idle and `b` of 50 serves one request.
fn an_idle_and_a_busy_one(state: &mut State) {
    play(
        state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 40), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, ask(2, "b"), &["prepare b"]),
            (0, prepared("b", 50), &["start b#2"]),
            (0, started("b#2"), &["grant 2 b#2"]),
            (5, returned("a#1"), &[]),
        ],
    );
}

#[test]
fn a_smaller_budget_moves_the_idle_away_and_a_larger_one_brings_them_back() {
    let mut state = state(&["a", "b"], 100);
    an_idle_and_a_busy_one(&mut state);
    play(
        &mut state,
        vec![
            (1000, budget(60), &["stop a#1 saved"]),
            (1010, stopped("a#1"), &[]),
            // It is tried, and there is no room.
            (2000, budget(59), &["prepare a again"]),
            (2000, prepared("a", 40), &[]),
            // The same plan.
            (3000, budget(90), &["prepare a again"]),
            (3000, prepared("a", 40), &["start a#3"]),
        ],
    );
}

#[test]
fn the_busy_finish_what_they_have() {
    let mut state = state(&["a", "b"], 100);
    an_idle_and_a_busy_one(&mut state);
    play(
        &mut state,
        vec![
            (1000, budget(45), &[]),
            // It takes no new requests, and they cannot be served within the budget.
            (1001, ask(3, "b"), &[]),
            (1002, ask(4, "a"), &["grant 4 a#1"]),
            (2000, returned("b#2"), &["stop b#2 saved"]),
            (2010, stopped("b#2"), &["prepare b"]),
            (
                2010,
                prepared("b", 50),
                &["refuse 3: 'b' does not fit: host needs 50 B and has 45 B left of a budget of 45 B"],
            ),
            (3000, budget(100), &["prepare b again"]),
        ],
    );
}

#[test]
fn what_waits_is_planned_anew() {
    let mut state = state(&["a", "b"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            // The plan that is being made is for a budget that is no more.
            (1, budget(80), &[]),
            (2, prepared("a", 90), &["prepare a"]),
            (2, prepared("a", 70), &["start a#1"]),
            (2, started("a#1"), &["grant 1 a#1"]),
            (3, ask(2, "b"), &["prepare b"]),
            (3, prepared("b", 30), &[]),
            (9, budget(100), &["prepare b"]),
            (9, prepared("b", 30), &["start b#2"]),
        ],
    );
}

#[test]
fn the_pinned_stay_and_it_is_told() {
    let mut state = state(&["b"], 100);
    state.add(request("a"), ModelRules { pinned: true, ..ModelRules::default() }).unwrap();
    an_idle_and_a_busy_one(&mut state);
    let actions = state.take_in(Duration::from_secs(1), budget(30));
    let told: Vec<&Event> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Tell(event) => Some(event),
            _ => None,
        })
        .collect();
    let changed = Event::BudgetsChanged {
        budgets: [("host".to_owned(), "30 B".to_owned())].into(),
        leaving: vec![id("b#2")],
    };
    let over = Event::OverBudget { device: DeviceId::host(), beyond: 10, pinned: vec!["a".to_owned()] };
    assert_eq!(told[..2], [&changed, &over]);
    play(&mut state, vec![(2000, returned("b#2"), &["stop b#2 saved"]), (2000, stopped("b#2"), &[])]);
}
