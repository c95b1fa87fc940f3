//! What clients ask: the next answer of a conversation, and an image of a seed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::studio::{CHAT, PAINTER};
use crate::bench::http::{Address, Connection};

/// Far above every bound: who waits so long is lost.
const LIMIT: Duration = Duration::from_mins(10);

/// What images show.
pub(crate) const PROMPT: &str = "a lighthouse at the sea";

/// A conversation with the language model.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    messages: Vec<Value>,
    /// Tokens that it had after the last answer.
    pub(crate) tokens: u64,
}

/// An answer, and how much of the conversation was there already.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    /// Tokens of the conversation before the question.
    pub(crate) had: u64,
    /// Of all that was sent, how many tokens were found in the cache.
    pub(crate) cached: u64,
}

impl Conversation {
    /// Asks, and takes the answer in.
    pub(crate) fn ask(&mut self, address: &Address, question: &str, tokens: u64) -> Result<Said> {
        self.messages.push(json!({ "role": "user", "content": question }));
        let body = json!({
            "model": CHAT,
            "messages": self.messages,
            "max_tokens": tokens,
            "temperature": 0,
        });
        let answer = post(address, "/v1/chat/completions", &body)?;
        let text = answer["choices"][0]["message"]["content"].as_str().context("no text came")?.to_owned();
        let number = |of: &str, name: &str| answer[of][name].as_u64().with_context(|| format!("no {name}"));
        self.messages.push(json!({ "role": "assistant", "content": text }));
        let had = self.tokens;
        self.tokens = number("usage", "total_tokens")?;
        Ok(Said { text, had, cached: number("timings", "cache_n")? })
    }
}

impl Said {
    /// Whether the conversation went on where it was: but for the last tokens, all of it was there.
    pub(crate) fn went_on(&self) -> bool {
        self.cached + 16 >= self.had
    }
}

/// An image, in base64.
pub(crate) struct Picture {
    pub(crate) base64: String,
    pub(crate) took: Duration,
}

/// An image of `seed` with so many steps, of a square size such as `64`.
pub(crate) fn paint(address: &Address, seed: u64, steps: u32, side: u32) -> Result<Picture> {
    let body = json!({
        "model": PAINTER,
        "prompt": PROMPT,
        "size": format!("{side}x{side}"),
        "steps": steps,
        "seed": seed,
    });
    let asked = Instant::now();
    let answer = post(address, "/v1/images/generations", &body)?;
    let base64 = answer["data"][0]["b64_json"].as_str().context("no image came")?.to_owned();
    Ok(Picture { base64, took: asked.elapsed() })
}

/// Sends `body` over a connection of its own, and waits for the whole answer.
pub(crate) fn post(address: &Address, path: &str, body: &Value) -> Result<Value> {
    let mut connection = Connection::open(address)?;
    connection.end_at(Instant::now() + LIMIT);
    connection.post(path, &body.to_string())?;
    let mut head = connection.head()?;
    let answer = connection.rest(&mut head)?;
    ensure!(head.status / 100 == 2, "{path}: {}: {}", head.status, String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).with_context(|| format!("{path} was not answered with JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_went_on_if_but_a_few_tokens_were_there() {
        let said = |had, cached| Said { text: String::new(), had, cached };
        assert!(said(100, 99).went_on() && said(100, 120).went_on() && said(0, 0).went_on());
        assert!(!said(100, 0).went_on());
    }
}
