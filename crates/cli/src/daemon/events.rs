//! Server-sent events of a running `loadmaster serve`.

use std::time::Duration;

use reqwest::{
    Method, Response,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

use super::send;
use crate::{Failed, config::Config};

/// How long nothing may come before the connection counts as lost: Loadmaster says every 15 seconds that it lives.
const SILENCE: Duration = Duration::from_secs(45);

/// Events as they come.
pub(crate) struct Events {
    answer: Response,
    /// What came of an event that is not whole yet.
    rest: Vec<u8>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its name.
    pub(crate) name: String,
    /// Its number; states that are told of beside events have none.
    pub(crate) id: Option<u64>,
    /// What it tells.
    pub(crate) data: Value,
}

impl Events {
    /// Begins to listen.
    pub(crate) async fn listen(config: &Config, path: &str) -> Result<Self, Failed> {
        Self::listen_after(config, path, None).await
    }

    /// The same; goes on after the event `last`, if it is still known.
    pub(crate) async fn listen_after(config: &Config, path: &str, last: Option<u64>) -> Result<Self, Failed> {
        let headers = last.map(|id| "last-event-id".parse().ok().zip(Some(HeaderValue::from(id))));
        let headers: HeaderMap = headers.flatten().into_iter().collect();
        let answer = send(config, Method::GET, path, headers, None).await?;
        Ok(Self { answer, rest: Vec::new() })
    }

    /// The next event, its name and its data; `None` when there are no more.
    pub(crate) async fn next(&mut self) -> Result<Option<(String, Value)>, Failed> {
        Ok(self.told().await?.map(|told| (told.name, told.data)))
    }

    /// The next event; `None` when there are no more.
    pub(crate) async fn told(&mut self) -> Result<Option<Told>, Failed> {
        loop {
            while let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.rest.drain(..end + 2).collect();
                if let Some(event) = read(&String::from_utf8_lossy(&event)) {
                    return Ok(Some(event));
                }
            }
            let broke_off = |why: &dyn std::fmt::Display| {
                Failed::because(format!("The connection to Loadmaster broke off: {why}"))
                    .remedy("See whether it still runs: `loadmaster ps`.")
            };
            let chunk = tokio::time::timeout(SILENCE, self.answer.chunk())
                .await
                .map_err(|_| broke_off(&"nothing came any more"))?
                .map_err(|error| broke_off(&error))?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.rest.extend_from_slice(&chunk);
        }
    }
}

/// One event; `None` for comments.
fn read(text: &str) -> Option<Told> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let data = serde_json::from_str(field("data: ")?).ok()?;
    let id = field("id: ").and_then(|id| id.trim().parse().ok());
    Some(Told { name: field("event: ")?.to_owned(), id, data })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        let told = |id| Told { name: "a".to_owned(), id, data: json!({ "b": 1 }) };
        assert_eq!(read("event: a\nid: 7\ndata: {\"b\":1}\n\n"), Some(told(Some(7))));
        assert_eq!(read("event: a\ndata: {\"b\":1}\n\n"), Some(told(None)));
        assert_eq!(read(": alive\n\n"), None);
    }
}
