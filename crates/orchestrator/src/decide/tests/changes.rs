//! Models that are taken away or changed, and another policy.

use super::*;

fn removed(model: &str) -> Input {
    Input::ModelRemoved { model: model.to_owned() }
}

/// `model` with another setting.
fn changed(model: &str, bytes: u64) -> Input {
    Input::ModelChanged { request: request(model).with("bytes", bytes), rules: ModelRules::default() }
}

fn ruled(model: &str, rules: ModelRules) -> Input {
    Input::ModelChanged { request: request(model), rules }
}

/// The plan for a version of `model` that is not the first.
fn prepared_for(count: u64, model: &str, bytes: u64) -> Input {
    match prepared(model, bytes) {
        Input::Prepared { model, outcome, number, .. } => {
            Input::Prepared { model, edition: count, number, outcome }
        }
        other => other,
    }
}

fn ready_with(instance: &str, slots: u32) -> Input {
    ready(&id(instance), Some(slots))
}

#[test]
fn what_is_taken_away_finishes_what_it_has_and_is_forgotten() {
    let mut state = state(&["a", "b"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, ready_with("a#1", 1), &["grant 1 a#1"]),
            (0, ask(2, "a"), &[]),
            (1, removed("a"), &["refuse 2: 'a' was taken out of the configuration before it was ready"]),
            (2, ask(3, "a"), &["refuse 3: There is no model 'a'; there is b"]),
            (3, Input::LoadAsked { model: "a".to_owned() }, &[]),
        ],
    );
    assert_eq!(state.status().models.len(), 2, "it still holds memory");
    play(&mut state, vec![(9, returned("a#1"), &["stop a#1"]), (9, stopped("a#1"), &[])]);
    assert_eq!(state.status().models.len(), 1);
    assert!(state.ledger.is_empty() && state.instances.keys().next().is_none());
}

#[test]
fn what_is_taken_away_while_it_is_planned_or_waits_leaves_nothing() {
    let mut state = state(&["a", "b"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, ask(2, "b"), &["prepare b"]),
            (0, removed("b"), &["refuse 2: 'b' was taken out of the configuration before it was ready"]),
            (1, prepared("b", 60), &[]),
        ],
    );
    state.add(request("b"), ModelRules::default()).unwrap();
    play(
        &mut state,
        vec![
            (2, ask(3, "b"), &["prepare b"]),
            // A plan for what it was before is for nobody.
            (2, prepared("b", 30), &[]),
            (2, prepared_for(1, "b", 60), &[]),
            // It is the turn of who waits, and then there is nobody to make room for.
            (10_002, Input::Tick, &["prepare b"]),
            (10_002, prepared_for(1, "b", 60), &[]),
            (10_003, removed("b"), &["refuse 3: 'b' was taken out of the configuration before it was ready"]),
            (10_004, returned("a#1"), &["stop a#1 saved"]),
            // Who made room for it has it back.
            (10_005, stopped("a#1"), &["prepare a again"]),
        ],
    );
    assert!(state.ledger.is_empty(), "{:?}", state.ledger);
}

#[test]
fn what_comes_back_before_it_has_gone_starts_again_when_it_has() {
    let mut state = state(&["a"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1, removed("a"), &[]),
        ],
    );
    state.add(request("a"), ModelRules::default()).unwrap();
    assert!(state.add(request("a"), ModelRules::default()).is_err());
    play(
        &mut state,
        vec![
            (2, ask(2, "a"), &[]),
            (3, returned("a#1"), &["stop a#1"]),
            (3, stopped("a#1"), &["prepare a"]),
            (3, prepared_for(2, "a", 60), &["start a#2"]),
        ],
    );
}

#[test]
fn a_change_that_comes_to_the_same_plan_disturbs_nobody() {
    let mut state = state(&["a"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            // Nothing is another one now: nothing is planned.
            (1, ruled("a", ModelRules { pinned: true, ..ModelRules::default() }), &[]),
            (2, changed("a", 60), &["prepare a"]),
            (2, ask(2, "a"), &["grant 2 a#1"]),
            (3, prepared_for(1, "a", 60), &[]),
            (4, ask(3, "a"), &["grant 3 a#1"]),
        ],
    );
}

#[test]
fn a_change_of_the_plan_loads_anew_and_those_who_wait_wait_on() {
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, ready_with("a#1", 1), &["grant 1 a#1"]),
            (0, ask(2, "a"), &[]),
            (1, changed("a", 50), &["prepare a"]),
            // Only the latest change counts.
            (1, changed("a", 40), &["prepare a"]),
            (2, prepared_for(1, "a", 50), &[]),
            (2, prepared_for(2, "a", 40), &[]),
            (3, returned("a#1"), &["stop a#1"]),
            (3, stopped("a#1"), &["prepare a"]),
            (3, prepared_for(2, "a", 40), &["start a#2"]),
            (3, started("a#2"), &["grant 2 a#2"]),
        ],
    );
}

#[test]
fn what_was_loaded_is_loaded_anew_without_being_asked_for() {
    play(
        &mut state(&["a"], 100),
        vec![
            (0, Input::LoadAsked { model: "a".to_owned() }, &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            // Called off: it would be an old one when it is ready.
            (0, changed("a", 40), &["prepare a"]),
            (0, prepared_for(1, "a", 40), &["stop a#1"]),
            (0, stopped("a#1"), &["prepare a"]),
            (0, prepared_for(1, "a", 40), &["start a#2"]),
            (0, started("a#2"), &[]),
        ],
    );
}

#[test]
fn a_change_while_it_is_planned_is_planned_anew() {
    let mut state = state(&["a"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, changed("a", 40), &["prepare a"]),
            (0, prepared("a", 60), &[]),
            (0, prepared_for(1, "a", 40), &["start a#1"]),
        ],
    );
}

#[test]
fn a_plan_that_cannot_be_made_lets_run_what_runs() {
    let broken = Input::Prepared {
        model: "a".to_owned(),
        edition: 1,
        number: LATEST,
        outcome: Err(OrchestratorError::Machine("lost".to_owned())),
    };
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1, changed("a", 40), &["prepare a"]),
            (1, broken, &[]),
            (2, ask(2, "a"), &["grant 2 a#1"]),
        ],
    );
}

#[test]
fn what_dies_while_it_is_compared_is_planned_for_those_who_wait() {
    let failure = Failure::new(FailureReason::Unknown);
    play(
        &mut state(&["a"], 100),
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, ready_with("a#1", 1), &["grant 1 a#1"]),
            (0, ask(2, "a"), &[]),
            (1, changed("a", 40), &["prepare a"]),
            (1, exited("a#1", &failure), &["prepare a"]),
            (1, prepared_for(1, "a", 40), &["start a#2"]),
            (1, prepared_for(1, "a", 40), &[]),
        ],
    );
}

#[test]
fn a_change_ends_the_trouble_that_its_settings_had() {
    let mut state = state(&["a"], 100);
    let failure = FailureReason::BadModel;
    for count in 1..=2 {
        let (start, instance) = (format!("start a#{count}"), format!("a#{count}"));
        let refusal = format!("refuse {count}: The server of a did not start: it could not read the model");
        play(
            &mut state,
            vec![
                (0, ask(count, "a"), &["prepare a"]),
                (0, prepared("a", 60), &[&start]),
                (0, failed(&instance, failure.clone()), &[&refusal]),
            ],
        );
    }
    play(
        &mut state,
        vec![
            (0, ask(3, "a"), &[]),
            (0, changed("a", 40), &["prepare a"]),
            (0, prepared_for(1, "a", 40), &["start a#3"]),
        ],
    );
}

#[test]
fn rules_hold_at_once() {
    let mut state = state(&["a", "b"], 100);
    let preload = ModelRules { preload: true, ..ModelRules::default() };
    play(
        &mut state,
        vec![
            (0, ruled("a", preload), &["prepare a"]),
            // Nobody wants it any more.
            (0, ruled("a", ModelRules::default()), &[]),
            (0, prepared("a", 60), &[]),
            (1, ruled("b", preload), &["prepare b"]),
            (1, prepared("b", 60), &["start b#1"]),
            (2, started("b#1"), &[]),
            (1000, ruled("b", ModelRules { idle_seconds: Some(1), ..preload }), &[]),
        ],
    );
    assert_eq!(wakes(&state), Some(1002));
    play(&mut state, vec![(1002, Input::Tick, &["stop b#1 saved"])]);
}

#[test]
fn another_policy_holds_for_those_who_come_now() {
    let mut state = state(&["a"], 100);
    let patient = Policy { wait: Duration::from_secs(2), queue: 2, ..policy(100) };
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, Input::PolicyChanged { policy: Box::new(patient) }, &[]),
            (0, ask(2, "a"), &[]),
            (0, ask(3, "a"), &["refuse 3: 2 requests wait for 'a' already"]),
            (2000, Input::Tick, &["refuse 2: 'a' could not be used within 2 s"]),
        ],
    );
    assert_eq!(wakes(&state), Some(600_000));
}

// Found by a random history: it came back as it had been before the change.
#[test]
fn what_makes_room_while_it_is_compared_comes_back_as_it_is_now() {
    let always = ModelRules { restore: Restore::Always, ..ModelRules::default() };
    let mut state = state(&["a", "b"], 100);
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (1, returned("a#1"), &[]),
            (
                100,
                Input::ModelChanged { request: request("a").with("bytes", 50), rules: always },
                &["prepare a"],
            ),
        ],
    );
    assert_eq!(state.residents()[0].plan, None, "what runs is not what is asked for");
    play(
        &mut state,
        vec![
            (100, ask(2, "b"), &["prepare b"]),
            (100, prepared("b", 60), &["stop a#1 saved"]),
            (100, stopped("a#1"), &["prepare b"]),
            (100, prepared("b", 60), &["start b#2"]),
            (100, started("b#2"), &["grant 2 b#2"]),
            (101, returned("b#2"), &[]),
            (101, stop(3, "b"), &["stop b#2"]),
            (101, stopped("b#2"), &["stopped 3 true", "prepare a"]),
        ],
    );
}

#[test]
fn who_can_never_fit_beside_what_is_pinned_now_is_turned_away_at_once() {
    let mut state = state(&["a", "b"], 100);
    let pinned = ModelRules { pinned: true, ..ModelRules::default() };
    let ask_a = Wish { wait: Some(Duration::from_mins(2)), ..Wish::default() };
    play(
        &mut state,
        vec![
            (0, ask(1, "a"), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (0, ask_with(2, "b", ask_a), &["prepare b"]),
            (0, prepared("b", 60), &[]),
            (
                100,
                ruled("a", pinned),
                &["refuse 2: 'b' does not fit: host needs 60 B and has 40 B left of a budget of 100 B"],
            ),
        ],
    );
}

#[test]
fn what_is_loaded_anew_stays_for_as_long_as_it_was_asked_to() {
    let mut state = state(&["a"], 100);
    state.take_in(Duration::ZERO, ruled("a", ModelRules { idle_seconds: Some(5), ..ModelRules::default() }));
    let forever = Wish { keep_alive: Some(KeepAlive::Forever), ..Wish::default() };
    play(
        &mut state,
        vec![
            (0, ask_with(1, "a", forever), &["prepare a"]),
            (0, prepared("a", 60), &["start a#1"]),
            (0, started("a#1"), &["grant 1 a#1"]),
            (10, returned("a#1"), &[]),
            (10, ask(2, "a"), &["grant 2 a#1"]),
        ],
    );
    let rules = state.models.get("a").unwrap().rules;
    let change = Input::ModelChanged { request: request("a").with("bytes", 50_u64), rules };
    play(
        &mut state,
        vec![
            (20, change, &["prepare a"]),
            (20, prepared_for(1, "a", 50), &[]),
            (30, returned("a#1"), &["stop a#1"]),
            (40, stopped("a#1"), &["prepare a"]),
            (50, prepared_for(1, "a", 50), &["start a#2"]),
            (60, started("a#2"), &[]),
        ],
    );
    assert_eq!(wakes(&state), None);
    // What was unloaded because nobody used it begins anew.
    play(
        &mut state,
        vec![
            (70, stop(3, "a"), &["stop a#2"]),
            (80, stopped("a#2"), &["stopped 3 true"]),
            (90, ask(4, "a"), &["prepare a"]),
            (90, prepared_for(1, "a", 50), &["start a#3"]),
            (90, started("a#3"), &["grant 4 a#3"]),
            (100, returned("a#3"), &[]),
        ],
    );
    assert_eq!(wakes(&state), Some(5100));
}
