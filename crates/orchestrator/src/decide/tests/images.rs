//! A model that paints takes the place of one that chats, and gives it back without anybody asking.

use super::*;

/// The rules of a model that paints: it gives its place back after a second, and may take long to finish.
const PAINTS: ModelRules = ModelRules {
    preload: false,
    pinned: false,
    idle_seconds: None,
    restore: Restore::WhenIdle,
    yields_seconds: Some(1),
    drain_seconds: Some(600),
};

/// `chat` and `image`, of which one fits; `chat` was used, and has gone for request 2 to `image`.
fn image_takes_the_place() -> State {
    let mut state = State::new(policy(100));
    state.add(request("chat"), ModelRules::default()).unwrap();
    state.add(request("image"), PAINTS).unwrap();
    play(
        &mut state,
        vec![
            (0, ask(1, "chat"), &["prepare chat"]),
            (0, prepared("chat", 40), &["start chat#1"]),
            (0, started("chat#1"), &["grant 1 chat#1"]),
            (500, returned("chat#1"), &[]),
            (1000, ask(2, "image"), &["prepare image"]),
            (1000, prepared("image", 80), &["stop chat#1 saved"]),
        ],
    );
    state
}

/// The same, and the image is being made.
fn painting() -> State {
    let mut state = image_takes_the_place();
    play(
        &mut state,
        vec![
            (1010, stopped("chat#1"), &["prepare image"]),
            (1020, prepared("image", 80), &["start image#2"]),
            (1100, ready(&id("image#2"), Some(1)), &["grant 2 image#2"]),
        ],
    );
    state
}

/// The model that chats is back as it was, and the other one does not come back in turn.
fn chat_comes_back(state: &mut State, at: u64) {
    play(
        state,
        vec![
            (at, Input::Tick, &["prepare chat again"]),
            (at, prepared("chat", 40), &["stop image#2 saved"]),
            (at + 10, stopped("image#2"), &["prepare chat again"]),
            (at + 20, prepared("chat", 40), &["start chat#3"]),
            (at + 90, started("chat#3"), &[]),
        ],
    );
    assert_eq!(wakes(state), None);
}

#[test]
fn the_chat_comes_back_after_the_image() {
    let mut state = painting();
    // Also after one that was cancelled: a client that leaves gives its lease back.
    play(&mut state, vec![(60_000, returned("image#2"), &[])]);
    assert_eq!(wakes(&state), Some(61_000));
    chat_comes_back(&mut state, 61_000);
}

#[test]
fn the_chat_comes_back_when_the_image_is_given_up_while_its_model_loads() {
    let mut state = image_takes_the_place();
    play(
        &mut state,
        vec![
            (1010, stopped("chat#1"), &["prepare image"]),
            (1020, prepared("image", 80), &["start image#2"]),
            (1050, Input::GaveUp { ticket: 2 }, &[]),
            (1100, ready(&id("image#2"), Some(1)), &[]),
        ],
    );
    chat_comes_back(&mut state, 2100);
}

#[test]
fn the_chat_comes_back_when_nobody_wants_the_room_that_it_made() {
    let mut state = image_takes_the_place();
    play(
        &mut state,
        vec![
            (1005, Input::GaveUp { ticket: 2 }, &[]),
            (1010, stopped("chat#1"), &["prepare chat again"]),
            (1020, prepared("chat", 40), &["start chat#2"]),
        ],
    );
}

#[test]
fn the_chat_comes_back_when_the_image_can_not_be_loaded_after_all() {
    // The plan fails, what is free has become too little, or the server does not start.
    let mut state = image_takes_the_place();
    let error = BackendError::ModelMissing { path: "image.gguf".into() };
    let outcome = Err(OrchestratorError::Backend(error));
    let failed_plan = Input::Prepared { model: "image".to_owned(), edition: 0, number: LATEST, outcome };
    let refusal = "refuse 2: There is no file image.gguf";
    play(
        &mut state,
        vec![
            (1010, stopped("chat#1"), &["prepare image"]),
            (1020, failed_plan, &[refusal, "prepare chat again"]),
            (1030, prepared("chat", 40), &["start chat#2"]),
        ],
    );

    let mut state = image_takes_the_place();
    let refusal = "refuse 2: 'image' does not fit: host needs 101 B and has 100 B left of a budget of 100 B";
    play(
        &mut state,
        vec![
            (1010, stopped("chat#1"), &["prepare image"]),
            (1020, prepared("image", 101), &[refusal, "prepare chat again"]),
            (1030, prepared("chat", 40), &["start chat#2"]),
        ],
    );

    let mut state = image_takes_the_place();
    let failure = Box::new(Failure::new(FailureReason::BadModel));
    let error = BackendError::StartFailed { model: "image".to_owned(), failure };
    let refusal = "refuse 2: The server of image did not start: it could not read the model";
    play(
        &mut state,
        vec![
            (1010, stopped("chat#1"), &["prepare image"]),
            (1020, prepared("image", 80), &["start image#2"]),
            (
                1030,
                Input::Started { instance: id("image#2"), outcome: Err(error) },
                &[refusal, "prepare chat again"],
            ),
            (1040, prepared("chat", 40), &["start chat#3"]),
        ],
    );
}

#[test]
fn the_chat_comes_back_when_the_server_of_the_image_dies() {
    let mut state = painting();
    let failure = Failure::new(FailureReason::Signal { name: "SIGSEGV".into() });
    play(
        &mut state,
        vec![
            (5000, returned("image#2"), &[]),
            (5000, exited("image#2", &failure), &["prepare chat again"]),
            (5010, prepared("chat", 40), &["start chat#3"]),
        ],
    );
}

#[test]
fn when_both_fit_both_stay() {
    let mut state = State::new(policy(120));
    state.add(request("chat"), ModelRules::default()).unwrap();
    state.add(request("image"), PAINTS).unwrap();
    play(
        &mut state,
        vec![
            (0, ask(1, "chat"), &["prepare chat"]),
            (0, prepared("chat", 40), &["start chat#1"]),
            (0, started("chat#1"), &["grant 1 chat#1"]),
            (500, ask(2, "image"), &["prepare image"]),
            (500, prepared("image", 80), &["start image#2"]),
            (600, ready(&id("image#2"), Some(1)), &["grant 2 image#2"]),
            (700, returned("chat#1"), &[]),
            (9000, returned("image#2"), &[]),
            (600_000, Input::Tick, &[]),
        ],
    );
    assert_eq!(wakes(&state), None);
}

#[test]
fn images_that_wait_go_together_before_the_chat_comes_back() {
    let mut state = painting();
    play(
        &mut state,
        vec![
            (2000, ask(3, "image"), &[]),
            (3000, ask(4, "image"), &[]),
            (20_000, returned("image#2"), &["grant 3 image#2"]),
            // One that comes before the second is over goes with them.
            (40_000, returned("image#2"), &["grant 4 image#2"]),
            (60_000, returned("image#2"), &[]),
            (60_500, ask(5, "image"), &["grant 5 image#2"]),
            (80_000, returned("image#2"), &[]),
        ],
    );
    chat_comes_back(&mut state, 81_000);
}

#[test]
fn an_image_that_takes_long_is_finished_before_the_chat_that_waits_is_answered() {
    let mut state = painting();
    play(
        &mut state,
        vec![
            (2000, ask(3, "chat"), &["prepare chat"]),
            (2000, prepared("chat", 40), &[]),
            // The next image waits until the chat has had its turn.
            (12_000, Input::Tick, &["prepare chat"]),
            (12_000, prepared("chat", 40), &[]),
            (13_000, ask(4, "image"), &[]),
            // A drain of 30 s would have cut it off.
            (100_000, Input::Tick, &[]),
            (200_000, returned("image#2"), &["stop image#2 saved"]),
            (200_010, stopped("image#2"), &["prepare chat", "prepare image"]),
            (200_020, prepared("image", 80), &[]),
            (200_020, prepared("chat", 40), &["start chat#3"]),
            (200_100, started("chat#3"), &["grant 3 chat#3"]),
        ],
    );
}

#[test]
fn who_asks_for_the_end_of_an_image_is_not_kept_waiting() {
    let mut state = painting();
    play(&mut state, vec![(2000, stop(3, "image"), &[])]);
    assert_eq!(wakes(&state), Some(32_000));
    play(
        &mut state,
        vec![
            (32_000, Input::Tick, &["stop image#2"]),
            (32_010, stopped("image#2"), &["stopped 3 true", "prepare chat again"]),
        ],
    );
}
