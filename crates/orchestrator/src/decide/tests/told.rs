//! What is told to those who ask: previews, places, reasons to wait.

use super::*;
use crate::{Preview, QueuePlace, WaitsFor};

/// What starting `model` with so many bytes would lead to.
fn preview(state: &State, model: &str, bytes: u64) -> Preview {
    match prepared(model, bytes) {
        Input::Prepared { outcome: Ok(prepared), .. } => state.preview(prepared),
        other => panic!("{other:?}"),
    }
}

/// Who would leave, and whether it lacks something all the same.
fn leaving(state: &State, model: &str, bytes: u64) -> (Vec<String>, bool) {
    let preview = preview(state, model, bytes);
    (preview.leaving.iter().map(ToString::to_string).collect(), !preview.lacking.is_empty())
}

fn runs(state: &mut State, model: &str, bytes: u64) -> InstanceId {
    state.take_in(Duration::ZERO, ask(1, model));
    state.take_in(Duration::ZERO, prepared(model, bytes));
    let id = InstanceId::new(model, state.starts);
    assert_eq!(short(&state.take_in(Duration::ZERO, ready(&id, Some(1)))), [format!("grant 1 {id}")]);
    id
}

#[test]
fn a_preview_names_who_would_make_room() {
    let mut state = state(&["a", "b", "c"], 100);
    assert_eq!(leaving(&state, "c", 90), (vec![], false), "it fits");
    let a = runs(&mut state, "a", 60);
    runs(&mut state, "b", 30);
    state.take_in(Duration::from_secs(1), returned(&a.to_string()));
    assert_eq!(leaving(&state, "c", 10), (vec![], false), "it fits beside the others");
    assert_eq!(leaving(&state, "c", 50), (vec!["a#1".to_owned()], false), "the idle one is enough");
    assert_eq!(leaving(&state, "c", 90), (vec!["a#1".to_owned(), "b#2".to_owned()], false));
    assert_eq!(leaving(&state, "c", 101), (vec![], true), "it never fits");
    assert_eq!(leaving(&state, "stranger", 50), (vec!["a#1".to_owned()], false));
    let preview = preview(&state, "c", 50);
    let [short] = &preview.shortages[..] else { panic!("{preview:?}") };
    assert_eq!((short.needed, short.available, short.budget), (50, 10, Some(100)));
}

#[test]
fn a_preview_of_what_runs_counts_with_its_own_place() {
    let mut state = state(&["a", "b"], 100);
    runs(&mut state, "a", 60);
    let preview = preview(&state, "a", 70);
    assert!(preview.shortages.is_empty() && preview.leaving.is_empty(), "{preview:?}");
    assert!(state.outlook_instead_of("a").own.contains(&id("a#1")));
    assert!(!state.outlook("a").may_go.contains(&id("a#1")));
}

#[test]
fn the_pinned_do_not_leave() {
    let mut state = State::new(policy(100));
    state.add(request("a"), ModelRules { pinned: true, ..ModelRules::default() }).unwrap();
    state.add(request("b"), ModelRules::default()).unwrap();
    runs(&mut state, "a", 60);
    let preview = preview(&state, "b", 50);
    assert!(preview.leaving.is_empty(), "{preview:?}");
    assert_eq!(preview.lacking[0].available, 40);
}

#[test]
fn places_are_in_the_order_of_service() {
    let mut state = state(&["a"], 100);
    runs(&mut state, "a", 60);
    let batch = Wish { priority: Priority::Batch, ..Wish::default() };
    for (ticket, wish) in [(2, batch), (3, Wish::default()), (4, Wish::default())] {
        state.take_in(Duration::from_secs(ticket), ask_with(ticket, "a", wish));
    }
    let place = |state: &State, ticket| state.place(ticket).map(|QueuePlace { place, of, .. }| (place, of));
    assert_eq!(
        [2, 3, 4, 1].map(|ticket| place(&state, ticket)),
        [Some((3, 3)), Some((1, 3)), Some((2, 3)), None]
    );
    // Once it has waited for a whole turn, the first come is served first.
    state.take_in(Duration::from_secs(12), Input::Tick);
    assert_eq!(place(&state, 2), Some((1, 3)));
}

/// Why the request of that ticket waits, in words.
fn why(state: &State, ticket: Ticket) -> String {
    state.place(ticket).and_then(|place| place.why).map_or_else(String::new, |why| why.to_string())
}

/// A model that makes images, and takes as long as it wants to finish.
fn add_painter(state: &mut State, name: &str) {
    let request = LoadRequest::new(Model::from_file(ModelKind::Image, format!("{name}.gguf")));
    let rules = ModelRules { drain_seconds: Some(600), ..ModelRules::default() };
    state.add(request, rules).unwrap();
}

/// As `prepared`, for a model that makes images.
fn prepared_painter(model: &str, bytes: u64) -> Input {
    let mut input = prepared(model, bytes);
    if let Input::Prepared { outcome: Ok(prepared), .. } = &mut input {
        Arc::make_mut(&mut prepared.plan).model.kind = ModelKind::Image;
    }
    input
}

#[test]
fn who_waits_is_told_why_from_the_plan_to_the_start() {
    let mut state = state(&["chat"], 100);
    add_painter(&mut state, "sd");
    state.take_in(Duration::ZERO, ask(1, "sd"));
    assert_eq!(why(&state, 1), "memory for sd is being planned");
    state.take_in(Duration::ZERO, prepared_painter("sd", 80));
    assert_eq!(why(&state, 1), "sd is being loaded");
    // Somebody who chats comes while it loads, while it paints, and while it ends.
    state.take_in(Duration::from_secs(1), ask(2, "chat"));
    state.take_in(Duration::from_secs(1), prepared("chat", 40));
    assert_eq!(why(&state, 2), "sd is being loaded");
    state.take_in(Duration::from_secs(2), ready(&id("sd#1"), Some(1)));
    assert_eq!(why(&state, 1), "", "it has its lease");
    assert_eq!(why(&state, 2), "sd is painting");
    state.take_in(Duration::from_secs(2), ask(3, "sd"));
    assert_eq!(why(&state, 3), "sd is painting", "for others");
    // A turn later it takes no more, and finishes what it has.
    state.take_in(Duration::from_secs(13), Input::Tick);
    state.take_in(Duration::from_secs(13), prepared("chat", 40));
    assert_eq!(why(&state, 2), "sd is painting");
    assert_eq!(why(&state, 3), "sd ends, and is loaded again");
    state.take_in(Duration::from_secs(20), returned("sd#1"));
    assert_eq!(why(&state, 2), "sd gives its memory back");
    state.take_in(Duration::from_secs(21), stopped("sd#1"));
    assert_eq!(why(&state, 2), "memory for chat is being planned");
    state.take_in(Duration::from_secs(21), prepared_painter("sd", 80));
    assert_eq!(why(&state, 3), "room is being made for chat");
    state.take_in(Duration::from_secs(21), prepared("chat", 40));
    assert_eq!(why(&state, 2), "chat is being loaded");
}

#[test]
fn only_those_are_named_who_have_what_is_lacking_and_may_go() {
    let mut state = State::new(policy(100));
    let pinned = ModelRules { pinned: true, ..ModelRules::default() };
    state.add(request("pinned"), pinned).unwrap();
    for model in ["a", "b", "c"] {
        state.add(request(model), ModelRules::default()).unwrap();
    }
    for (ticket, model, bytes) in [(1, "pinned", 10), (2, "a", 40), (3, "b", 40)] {
        state.take_in(Duration::ZERO, ask(ticket, model));
        state.take_in(Duration::ZERO, prepared(model, bytes));
        let instance = InstanceId::new(model, state.starts);
        state.take_in(Duration::ZERO, ready(&instance, Some(1)));
    }
    // It lingers.
    state.take_in(Duration::from_secs(5), returned("b#3"));
    state.take_in(Duration::from_secs(5), ask(4, "c"));
    state.take_in(Duration::from_secs(5), prepared("c", 60));
    assert_eq!(why(&state, 4), "a is answering, memory is still held by b");
    // The same as data.
    let place = serde_json::to_value(state.place(4)).unwrap();
    assert_eq!(place["why"]["others"][0], serde_json::json!({ "doing": "answering", "model": "a" }));
    assert_eq!(place["why"]["waits_for"]["what"], "memory");
}

#[test]
fn who_does_not_want_to_wait_gets_what_is_there() {
    let mut state = state(&["a"], 100);
    runs(&mut state, "a", 60);
    let at_once = Wish { wait: Some(Duration::ZERO), ..Wish::default() };
    play(
        &mut state,
        vec![
            (1000, ask_with(2, "a", at_once), &["refuse 2: 'a' could not be used within 0 s"]),
            (2000, returned("a#1"), &[]),
            (2000, ask_with(3, "a", at_once), &["grant 3 a#1"]),
        ],
    );
}

#[test]
fn the_status_says_what_is_waited_for() {
    let mut state = state(&["a", "b"], 100);
    let waits = |state: &State, model: usize| state.status().models[model].waits_for.clone();
    assert_eq!(waits(&state, 0), None);
    state.take_in(Duration::ZERO, ask(1, "a"));
    assert_eq!(waits(&state, 0), Some(WaitsFor::Plan));
    state.take_in(Duration::ZERO, prepared("a", 60));
    assert_eq!(waits(&state, 0), Some(WaitsFor::Start));
    state.take_in(Duration::ZERO, ready(&id("a#1"), Some(1)));
    assert_eq!(waits(&state, 0), None);
    state.take_in(Duration::ZERO, ask(2, "a"));
    assert_eq!(waits(&state, 0), Some(WaitsFor::Place));
    state.take_in(Duration::ZERO, ask(3, "b"));
    state.take_in(Duration::ZERO, prepared("b", 60));
    assert!(matches!(waits(&state, 1), Some(WaitsFor::Memory { shortages }) if shortages[0].available == 40));
    state.take_in(Duration::from_secs(11), Input::Tick);
    state.take_in(Duration::from_secs(11), prepared("b", 60));
    assert_eq!(waits(&state, 1), Some(WaitsFor::Room { leaving: vec![id("a#1")] }));
    assert_eq!(waits(&state, 0), Some(WaitsFor::End));
    // What runs, and the room that is promised.
    assert_eq!(state.status().reserved[&DeviceId::host()], 120);
}
