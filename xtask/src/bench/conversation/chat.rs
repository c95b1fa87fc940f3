//! A conversation, and one more answer in it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::bench::http::{Address, Connection};

/// Tokens of every answer.
const ANSWER: u64 = 24;

/// Lines of the long message; with the question and the answer they are 1800 tokens or a little more.
const LINES: u32 = 97;

/// Reading all of it takes seconds.
const LIMIT: Duration = Duration::from_mins(2);

/// What was said so far.
pub(super) struct Chat {
    messages: Vec<Value>,
    tokens: u64,
}

/// An answer, and what the server says it cost.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) text: String,
    /// Tokens of everything that was sent.
    pub(super) prompt: u64,
    /// Tokens of the answer.
    pub(super) answered: u64,
    /// Tokens that were there already.
    pub(super) cached: u64,
    /// Tokens of what was sent that were evaluated.
    pub(super) evaluated: u64,
    pub(super) first_token: Duration,
}

impl Chat {
    /// A long one, another one in each round.
    pub(super) fn about(round: u32) -> Self {
        let mut text = format!("This is the log of harbour {}.\n", 100 + round);
        for line in 0..LINES {
            let (ship, barrels) = (100 + line, 10 + (line * 7 + round) % 90);
            writeln!(text, "Ship {ship} came with {barrels} barrels of oil and left.")
                .expect("writing to a String cannot fail");
        }
        text.push_str("Which ship had most barrels?");
        Self { messages: vec![said("user", &text)], tokens: ANSWER }
    }

    /// A word, so that a model is loaded.
    pub(super) fn short() -> Self {
        Self { messages: vec![said("user", "Hello!")], tokens: 1 }
    }

    /// Takes the answer in and asks another question.
    pub(super) fn go_on(&mut self, reply: &Reply) {
        self.messages.extend([said("assistant", &reply.text), said("user", "And which one came last?")]);
    }

    /// Asks for the next answer, streamed, over a connection of its own.
    pub(super) fn ask(&self, address: &Address, model: &str) -> Result<Reply> {
        let asked = Instant::now();
        let mut connection = Connection::open(address)?;
        connection.end_at(asked + LIMIT);
        connection.post("/v1/chat/completions", &self.body(model))?;
        let mut head = connection.head()?;
        let (mut read, mut first_token) = (Vec::new(), None);
        while let Some(piece) = connection.piece(&mut head)? {
            read.extend(piece);
            if first_token.is_none() && !text_in(&events(&read)).is_empty() {
                first_token = Some(asked.elapsed());
            }
        }
        ensure!(head.status == 200, "{}: {}", head.status, String::from_utf8_lossy(&read));
        let events = events(&read);
        let cost =
            cost_in(&events).with_context(|| format!("no cost in {}", String::from_utf8_lossy(&read)))?;
        let [prompt, answered, cached, evaluated] = cost;
        let first_token = first_token.context("no text came")?;
        Ok(Reply { text: text_in(&events), prompt, answered, cached, evaluated, first_token })
    }

    fn body(&self, model: &str) -> String {
        json!({
            "model": model,
            "messages": self.messages,
            "max_tokens": self.tokens,
            "ignore_eos": true,
            "temperature": 0,
            "stream": true,
            "stream_options": { "include_usage": true },
        })
        .to_string()
    }
}

fn said(role: &str, text: &str) -> Value {
    json!({ "role": role, "content": text })
}

/// The events that have come whole.
fn events(read: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(read);
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let data = whole.split("\n\n").filter_map(|event| event.trim().strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

fn text_in(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

/// Tokens sent, answered, found and evaluated: OpenAI's usage, and llama-server's timings.
fn cost_in(events: &[Value]) -> Option<[u64; 4]> {
    let number = |of: &str, name: &str| events.iter().rev().find_map(|event| event[of][name].as_u64());
    Some([
        number("usage", "prompt_tokens")?,
        number("usage", "completion_tokens")?,
        number("timings", "cache_n")?,
        number("timings", "prompt_n")?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_cost_are_read_from_the_events() {
        let read = b": waiting\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"Ship \"}}]}\n\n\
            data: {\"choices\":[{\"delta\":{\"content\":\"9\"}}]}\n\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":2},\
            \"timings\":{\"cache_n\":30,\"prompt_n\":10}}\n\ndata: [DONE]\n\ndata: {\"cho";
        let events = events(read);
        assert_eq!(text_in(&events), "Ship 9");
        assert_eq!(cost_in(&events), Some([40, 2, 30, 10]));
        assert_eq!(cost_in(&events[..1]), None);
    }

    #[test]
    fn every_round_has_a_conversation_of_its_own() {
        let body = |round| Chat::about(round).body("one");
        assert_ne!(body(0), body(1));
        assert_eq!(body(0), body(0));
    }
}
