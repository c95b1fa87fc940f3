//! Hubs as Hugging Face: tokens, gated models, redirects to a content network.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    Ended, command, empty_folder, ended,
    fake_hub::{FakeHub, Reply, Request},
    inspect, smollm2, smollm2_inspected,
};

const TOKEN: &str = "hf_secret";

const HELP: &str = "Accept the model's terms on its page, if it has any, make a token at \
                    https://huggingface.co/settings/tokens, and set HF_TOKEN to it.";

/// Inspects a model of `hub`, which the token is for.
fn inspect_with_token(hub: &FakeHub, path: &str, token: &str) -> Ended {
    let home = empty_folder();
    let mut inspect = command(home.path(), "inspect", hub.url(path));
    inspect.arg("--json").env("HF_ENDPOINT", hub.url("")).env("HF_TOKEN", token);
    ended(&mut inspect)
}

/// A model that only those may read who have accepted its terms.
fn gated(request: &Request) -> Reply {
    match request.token() {
        Some(TOKEN) => Reply::range(&smollm2(), request),
        Some(_) => Reply::text(403, "no"),
        None => Reply::text(401, "no").header("x-error-message", "Access to model o/m is restricted."),
    }
}

#[test]
fn a_gated_model_says_where_to_get_a_token_and_opens_with_one() {
    let hub = FakeHub::start(gated);
    let place = hub.url("/o/m/resolve/main/a.gguf");
    let home = empty_folder();
    let without = ended(command(home.path(), "inspect", &place).env("HF_ENDPOINT", hub.url("")));
    let cause = format!("{place} may not be read (401: Access to model o/m is restricted)");
    without.failed(1, &cause, HELP);
    let wrong = inspect_with_token(&hub, "/o/m/resolve/main/a.gguf", "hf_other");
    let remedy = format!("The token that was sent does not give access to it. {HELP}");
    wrong.failed(1, &format!("{place} may not be read (403)"), &remedy);
    let right = inspect_with_token(&hub, "/o/m/resolve/main/a.gguf", TOKEN);
    assert_eq!(right.json(), smollm2_inspected());
}

#[test]
fn a_wrong_variable_is_told() {
    let home = empty_folder();
    let with = |name: &str, value: &str| {
        ended(command(home.path(), "inspect", "https://127.0.0.1:1/a").env(name, value))
    };
    let remedy = "Correct it, or unset it.";
    let cause = "HF_TOKEN is wrong: the token for https://huggingface.co/ is none: it has spaces or characters \
                 outside of ASCII";
    with("HF_TOKEN", "two words").failed(2, cause, remedy);
    let cause = "HF_ENDPOINT is wrong: hub is not an address to fetch: relative URL without a base";
    with("HF_ENDPOINT", "hub").failed(2, cause, remedy);
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let network =
        FakeHub::start(|request| Reply::range(&smollm2(), request).header("etag", "\"of-network\""));
    let length = smollm2().metadata().expect("it is there").len();
    let signed = network.url("/blob?signature=secret");
    let hub = FakeHub::start(move |request| match request.path.as_str() {
        "/o/m/resolve/main/a.gguf" => Reply::redirect("/api/resolve-cache/a.gguf"),
        _ => Reply::redirect(&signed)
            .header("x-linked-size", &length.to_string())
            .header("x-linked-etag", "\"abc\""),
    });
    let told = inspect_with_token(&hub, "/o/m/resolve/main/a.gguf", TOKEN).json();
    assert_eq!(told, smollm2_inspected());
    let tokens: Vec<Option<String>> =
        hub.requests().iter().map(|request| request.token().map(str::to_owned)).collect();
    // The hub is asked once: what follows goes to where it led.
    assert_eq!(tokens, [Some(TOKEN.to_owned()), Some(TOKEN.to_owned())]);
    assert!(
        network.requests().len() > 2 && network.requests().iter().all(|request| request.token().is_none())
    );

    // A server that is not the hub never sees it.
    let stranger = FakeHub::start(|request| Reply::range(&smollm2(), request));
    let home = empty_folder();
    let mut inspect = command(home.path(), "inspect", stranger.url("/a.gguf"));
    ended(inspect.env("HF_ENDPOINT", hub.url("")).env("HF_TOKEN", TOKEN)).printed();
    assert!(stranger.requests().iter().all(|request| request.token().is_none()));
}

#[test]
fn a_signed_address_that_has_ended_is_asked_for_again() {
    let answers = AtomicUsize::new(0);
    let network = FakeHub::start(move |request| match answers.fetch_add(1, Ordering::SeqCst) {
        1 => Reply::text(403, "Request has expired"),
        _ => Reply::range(&smollm2(), request),
    });
    let signed = Arc::new(network.url("/blob"));
    let hub = FakeHub::start(move |_| Reply::redirect(&signed));
    assert_eq!(inspect(hub.url("/a.gguf"), &["--json"]).json(), smollm2_inspected());
    assert_eq!(hub.requests().len(), 2);
}

#[test]
fn a_hub_and_its_network_must_agree_on_the_length() {
    let network = FakeHub::start(|request| Reply::range(&smollm2(), request));
    let signed = network.url("/blob?signature=secret");
    let hub = FakeHub::start(move |_| Reply::redirect(&signed).header("x-linked-size", "1000"));
    let length = smollm2().metadata().expect("it is there").len();
    let cause = format!("{} says two lengths that differ: 1000 and {length} bytes", hub.url("/a.gguf"));
    let remedy =
        "The server, or a proxy on the way, is at fault: download the file as a whole and name the copy.";
    inspect(hub.url("/a.gguf"), &[]).failed(1, &cause, remedy);
}

#[test]
fn redirects_without_end_are_not_followed() {
    let hub = FakeHub::start(|_| Reply::redirect("/a.gguf"));
    let cause = format!("{} leads on and on: 10 redirects were followed", hub.url("/a.gguf"));
    let remedy = "Look in a browser where the address leads, and name the file's own address.";
    inspect(hub.url("/a.gguf"), &[]).failed(1, &cause, remedy);
    assert_eq!(hub.requests().len(), 11);
}
