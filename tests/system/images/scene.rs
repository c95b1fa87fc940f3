//! The language model steps aside, the image comes, the language model is back.

use std::time::Duration;

use reqwest::blocking::Response;

use super::{PAINTER, PATIENCE, asked_for, image, is_ready, paint, studio, studio_for_one_of_two};
use crate::{
    serve::{
        client::{ask_for_paris, chat_url, client, model_id, question},
        swaps::{cached, state},
    },
    support::{Daemon, wait_until},
};

/// An image that takes longer than anybody waits here.
const ENDLESS: u32 = 900;

fn chat_is_back(daemon: &Daemon) {
    wait_until("the language model did not come back by itself", PATIENCE, || is_ready(daemon, &model_id()));
    assert_ne!(state(daemon, PAINTER).as_deref(), Some("ready"), "there is no room for both");
}

fn the_scene(mode: &str) {
    let daemon = studio_for_one_of_two(mode);
    let (cold, read) = cached(&daemon, &model_id());
    assert!(cold < read / 10, "{cold} of {read}");
    paint(&daemon, 2);
    // Nobody asks for it.
    chat_is_back(&daemon);
    let (warm, read_again) = cached(&daemon, &model_id());
    assert!(warm > 500 && read_again <= 8, "{warm} cached, {read_again} read again");
}

#[test]
fn an_image_by_a_resident_server_takes_the_place_and_gives_it_back() {
    the_scene("resident");
}

#[test]
fn an_image_by_one_shot_takes_the_place_and_gives_it_back() {
    the_scene("one-shot");
}

#[test]
fn when_both_fit_both_stay() {
    let daemon = studio("resident", &[]);
    ask_for_paris(&daemon);
    let first = paint(&daemon, 2);
    ask_for_paris(&daemon);
    // Longer than it takes to yield.
    std::thread::sleep(Duration::from_secs(2));
    assert!(is_ready(&daemon, &model_id()) && is_ready(&daemon, PAINTER));
    assert_eq!(paint(&daemon, 2), first, "the seed makes the image");
}

#[test]
fn the_chat_is_back_after_an_image_that_was_cancelled() {
    let daemon = studio_for_one_of_two("one-shot");
    ask_for_paris(&daemon);
    let mut request = image(ENDLESS);
    request["stream"] = true.into();
    let mut answer = asked_for(&daemon, &request).send().expect("Loadmaster answers");
    read_until(&mut answer, "sampling");
    // Who leaves cancels.
    drop(answer);
    chat_is_back(&daemon);
    ask_for_paris(&daemon);
}

#[test]
fn the_chat_is_back_after_an_image_that_failed() {
    let daemon = studio_for_one_of_two("one-shot");
    ask_for_paris(&daemon);
    let mut request = image(2);
    request["sampler"] = "nonsense".into();
    let answer = asked_for(&daemon, &request).send().expect("Loadmaster answers");
    assert_eq!(answer.status().as_u16(), 400, "{:?}", answer.text());
    chat_is_back(&daemon);
    paint(&daemon, 2);
}

#[test]
fn a_chat_that_comes_meanwhile_waits_is_told_why_and_is_answered() {
    let daemon = studio_for_one_of_two("one-shot");
    ask_for_paris(&daemon);
    let mut request = image(20);
    request["stream"] = true.into();
    let mut images = asked_for(&daemon, &request).send().expect("Loadmaster answers");
    read_until(&mut images, "sampling");
    let mut chat = question();
    chat["stream"] = true.into();
    let asked = client().post(chat_url(&daemon)).timeout(PATIENCE).json(&chat);
    let told = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| asked.send().and_then(Response::text).expect("it is answered whole"));
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut images, &mut rest).expect("the image is finished");
        assert!(
            rest.contains("image_generation.completed"),
            "{}",
            rest.chars().take(2000).collect::<String>()
        );
        waiting.join().expect("the chat is answered")
    });
    let why = format!(": waiting, place 1 of 1: {PAINTER} is painting\n\n");
    assert!(told.starts_with(&why), "{told}");
    let mut waits = told.lines().filter(|line| line.starts_with(": waiting"));
    assert!(
        waits.all(|line| line.starts_with(": waiting, place 1 of 1: ")),
        "there is always a reason: {told}"
    );
    assert!(told.ends_with("data: [DONE]\n\n"), "{told}");
    assert!(told.contains("Paris"), "{told}");
}

#[test]
fn images_that_wait_go_together() {
    let daemon = studio_for_one_of_two("one-shot");
    ask_for_paris(&daemon);
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| paint(&daemon, 2));
        let second = scope.spawn(|| paint(&daemon, 2));
        (first.join().expect("it is made"), second.join().expect("it is made"))
    });
    assert_eq!(first, second, "the seed makes the image");
    chat_is_back(&daemon);
    // The language model, the images' model once, the language model: names count up over all.
    let status = daemon.status();
    let models = status["models"].as_array().expect("it is a list");
    let ids = models.iter().map(|model| model["instance"]["id"].as_str().unwrap_or_default().to_owned());
    assert!(ids.clone().any(|id| id.ends_with("#3")), "{:?}", ids.collect::<Vec<_>>());
}

/// Reads the stream until it has said `word`.
fn read_until(answer: &mut Response, word: &str) {
    let (mut said, mut piece) = (Vec::new(), [0; 256]);
    while !String::from_utf8_lossy(&said).contains(word) {
        let length = std::io::Read::read(answer, &mut piece).expect("the stream goes on");
        assert!(length > 0, "it ended: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..length]);
    }
}
