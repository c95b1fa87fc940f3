//! One request for a streamed chat answer, and what became of it.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::http::{Address, Connection};

/// How many tokens an answer has.
pub(super) const TOKENS: u64 = 24;

/// Far above every bound: who waits so long is lost.
const LIMIT: Duration = Duration::from_secs(90);

/// A request.
pub(super) struct Question<'a> {
    pub(super) model: &'a str,
    /// Makes the prompt another one than the last.
    pub(super) number: u64,
    pub(super) tokens: u64,
    /// When the client drops the connection, if it has no whole answer by then.
    pub(super) leaves_after: Option<Duration>,
}

/// What became of a request.
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// From the request to the first token of text.
    pub(super) first_token: Option<Duration>,
    /// From the request to the answer's end.
    pub(super) took: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All tokens came, and the stream said that it is at its end.
    Whole,
    /// The client went away, as it was told to.
    Left,
    Lost(Loss),
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loss {
    /// Whether the client had got anything of the answer itself.
    pub(super) begun: bool,
    /// Whether the client was told why.
    pub(super) told: bool,
    pub(super) why: String,
}

/// What has been read so far.
#[derive(Default)]
struct Progress {
    unread: Vec<u8>,
    begun: bool,
    text: bool,
    done: bool,
    tokens: u64,
    error: Option<String>,
}

/// Asks over a connection of its own.
pub(super) fn ask(address: &Address, question: &Question) -> Answer {
    let asked = Instant::now();
    let (mut progress, mut first_token) = (Progress::default(), None);
    let ended = exchange(address, question, &mut progress, asked, &mut first_token);
    let took = asked.elapsed();
    let outcome = match (ended, question.leaves_after) {
        (Err(Broken::Wire(error)), Some(_)) if error.kind() == io::ErrorKind::TimedOut => Outcome::Left,
        (ended, _) => progress.outcome(ended, question.tokens),
    };
    Answer { outcome, first_token, took }
}

/// Why an exchange ended before the answer did.
#[derive(Debug)]
enum Broken {
    Wire(io::Error),
    Refused { status: u16, error: Option<String> },
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Wire(error)
    }
}

fn exchange(
    address: &Address,
    question: &Question,
    progress: &mut Progress,
    asked: Instant,
    first_token: &mut Option<Duration>,
) -> Result<(), Broken> {
    let mut connection = Connection::open(address)?;
    connection.end_at(asked + question.leaves_after.unwrap_or(LIMIT));
    connection.post("/v1/chat/completions", &body(question))?;
    let mut head = connection.head()?;
    if head.status != 200 {
        let body = connection.rest(&mut head)?;
        return Err(Broken::Refused { status: head.status, error: error_in(&body) });
    }
    while let Some(piece) = connection.piece(&mut head)? {
        progress.take_in(&piece);
        if progress.text && first_token.is_none() {
            *first_token = Some(asked.elapsed());
        }
    }
    Ok(())
}

fn body(question: &Question) -> String {
    let prompt = format!("Tell me something about the number {}.", question.number);
    json!({
        "model": question.model,
        "messages": [{ "role": "user", "content": prompt }],
        "max_tokens": question.tokens,
        "ignore_eos": true,
        "temperature": 0,
        "stream": true,
        "stream_options": { "include_usage": true },
    })
    .to_string()
}

/// What an error says in short: its code where that is a word, else its message; the first line of a text.
fn error_in(body: &[u8]) -> Option<String> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        return text.lines().next().map(|line| line.chars().take(80).collect());
    };
    let error = &value["error"];
    error["code"].as_str().or(error["message"].as_str()).map(str::to_owned)
}

impl Progress {
    fn take_in(&mut self, piece: &[u8]) {
        self.unread.extend(piece);
        while let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = self.unread.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event);
            if let Some(data) = event.trim().strip_prefix("data:") {
                self.event(data.trim());
            }
        }
    }

    fn event(&mut self, data: &str) {
        if data == "[DONE]" {
            self.done = true;
            return;
        }
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        if !event["error"].is_null() {
            let error = error_in(data.as_bytes()).unwrap_or_default();
            self.error = Some(format!("event {error}"));
            return;
        }
        self.begun = true;
        self.text |= event["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty());
        self.tokens = event["usage"]["completion_tokens"].as_u64().unwrap_or(self.tokens);
    }

    fn outcome(self, ended: Result<(), Broken>, tokens: u64) -> Outcome {
        let lost = |told, why| Outcome::Lost(Loss { begun: self.begun, told, why });
        match (ended, self.error) {
            (_, Some(error)) => lost(true, error),
            (Err(Broken::Refused { status, error: Some(error) }), _) => {
                lost(true, format!("{status} {error}"))
            }
            (Err(Broken::Refused { status, error: None }), _) => lost(false, status.to_string()),
            (Err(Broken::Wire(error)), _) => lost(false, format!("connection: {:?}", error.kind())),
            (Ok(()), _) if !self.done => lost(false, "ended without [DONE]".to_owned()),
            (Ok(()), _) if self.tokens != tokens => lost(false, format!("{} tokens", self.tokens)),
            (Ok(()), _) => Outcome::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":1}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";
    const ERROR: &str = "data: {\"error\":{\"code\":\"server_crashed\",\"message\":\"It died\"}}\n\n";

    fn outcome(events: &[&str], ended: Result<(), Broken>) -> Outcome {
        let mut progress = Progress::default();
        // In pieces that end anywhere.
        for piece in events.concat().as_bytes().chunks(7) {
            progress.take_in(piece);
        }
        progress.outcome(ended, 1)
    }

    fn lost(begun: bool, told: bool, why: &str) -> Outcome {
        Outcome::Lost(Loss { begun, told, why: why.to_owned() })
    }

    #[test]
    fn only_all_tokens_and_an_end_are_a_whole_answer() {
        assert_eq!(outcome(&[TEXT, USAGE, DONE], Ok(())), Outcome::Whole);
        assert_eq!(outcome(&[TEXT, USAGE], Ok(())), lost(true, false, "ended without [DONE]"));
        assert_eq!(outcome(&[TEXT, DONE], Ok(())), lost(true, false, "0 tokens"));
    }

    #[test]
    fn a_loss_says_whether_it_was_told() {
        assert_eq!(outcome(&[TEXT, ERROR], Ok(())), lost(true, true, "event server_crashed"));
        assert_eq!(outcome(&[ERROR], Ok(())), lost(false, true, "event server_crashed"));
        let closed = || Err(Broken::Wire(io::ErrorKind::UnexpectedEof.into()));
        assert_eq!(outcome(&[], closed()), lost(false, false, "connection: UnexpectedEof"));
        assert_eq!(outcome(&[TEXT], closed()), lost(true, false, "connection: UnexpectedEof"));
        let refused = Err(Broken::Refused { status: 503, error: Some("queue_full".to_owned()) });
        assert_eq!(outcome(&[], refused), lost(false, true, "503 queue_full"));
    }

    #[test]
    fn an_error_is_named_by_its_code_or_its_message() {
        let named = |body: &str| error_in(body.as_bytes());
        assert_eq!(named(r#"{"error":{"code":"busy","message":"m"}}"#).unwrap(), "busy");
        assert_eq!(named(r#"{"error":{"code":500,"message":"proxy error"}}"#).unwrap(), "proxy error");
        assert_eq!(named("proxy error: broken\n").unwrap(), "proxy error: broken");
        assert_eq!((named(""), named("{}")), (None, None));
    }
}
