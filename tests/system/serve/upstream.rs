//! What the real server offers beside chats.

use serde_json::{Value, json};

use super::client::{Answer, ask_for_paris, client, instance, model_id};
use crate::support::Daemon;

fn at(daemon: &Daemon, path: &str) -> String {
    format!("{}/upstream/{}{path}", daemon.url, model_id())
}

#[test]
fn whatever_the_server_offers_is_reached() {
    let daemon = Daemon::start(&[]);
    let tokens =
        Answer::to(client().post(at(&daemon, "/tokenize")).json(&json!({ "content": "Hello world" })));
    assert_eq!(tokens.status, 200, "it is started for it: {tokens:?}");
    let ids = tokens.body["tokens"].as_array().expect("tokens are a list").clone();
    let text = Answer::to(client().post(at(&daemon, "/detokenize")).json(&json!({ "tokens": ids })));
    assert_eq!(text.body["content"], "Hello world");
    let pieces = json!({ "content": "Hello world", "with_pieces": true });
    let pieces = Answer::to(client().post(at(&daemon, "/tokenize")).json(&pieces));
    assert_eq!(pieces.body["tokens"][0]["piece"], "Hello", "{pieces:?}");
    let properties = Answer::to(client().get(at(&daemon, "/props")));
    assert_eq!(properties.body["default_generation_settings"]["n_ctx"], 2048, "{properties:?}");
    let slots = Answer::to(client().get(at(&daemon, "/slots?fail_on_no_slot=1")));
    assert!(slots.body.as_array().is_some_and(|slots| !slots.is_empty()), "{slots:?}");
    // The server's own refusals, as they are.
    let nothing = Answer::to(client().get(at(&daemon, "/nothing")));
    assert_eq!((nothing.status, &nothing.body["error"]["type"]), (404, &json!("not_found_error")));
    let head = client().head(at(&daemon, "/health")).send().expect("Loadmaster answers");
    assert!(head.headers().get("access-control-allow-origin").is_none());
    assert_eq!(instance(&daemon)["leases"], 0);
}

#[test]
fn the_older_and_the_newer_api_of_openai_are_served() {
    let daemon = Daemon::start(&[]);
    let model = model_id();
    let post =
        |path: &str, body: &Value| Answer::to(client().post(format!("{}{path}", daemon.url)).json(body));
    let completion =
        json!({ "model": model, "prompt": "The capital of France is", "temperature": 0, "max_tokens": 4 });
    let completion = post("/v1/completions", &completion);
    assert!(
        completion.body["choices"][0]["text"].as_str().is_some_and(|text| text.contains("Paris")),
        "{completion:?}"
    );
    let question = "What is the name of France's capital?";
    let response = json!({ "model": model, "input": question, "temperature": 0, "max_output_tokens": 24 });
    let response = post("/v1/responses", &response);
    assert_eq!((response.status, &response.body["object"]), (200, &json!("response")), "{response:?}");
    assert!(response.body["output"].to_string().contains("Paris"), "{response:?}");
    // A server that was not started for them says so itself.
    let refused = post("/v1/embeddings", &json!({ "model": model, "input": "Hello" }));
    assert_eq!(refused.status, 501, "{refused:?}");
    assert_eq!(refused.body["error"]["type"], "not_supported_error", "{refused:?}");
    assert!(refused.body["error"].get("remedy").is_none(), "it is the server's own: {refused:?}");
}

#[test]
fn a_server_that_embeds_does() {
    let daemon = Daemon::start(&["--extra", "embeddings", "--extra", "pooling=mean"]);
    let request = json!({ "model": model_id(), "input": ["Hello", "Good bye"] });
    let answer = Answer::to(client().post(format!("{}/v1/embeddings", daemon.url)).json(&request));
    let data = answer.body["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    let lengths: Vec<_> = data.iter().map(|one| one["embedding"].as_array().map(Vec::len)).collect();
    // The width of SmolLM2 135M.
    assert_eq!(lengths, [Some(576), Some(576)]);
}

#[test]
fn web_pages_of_others_do_not_reach_the_server() {
    let daemon = Daemon::start(&[]);
    let foreign = client().get(at(&daemon, "/props")).header("sec-fetch-site", "cross-site");
    Answer::to(foreign).error(403, "forbidden");
    assert_eq!(instance(&daemon), Value::Null, "nothing was started");
    ask_for_paris(&daemon);
}
