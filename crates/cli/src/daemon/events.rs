//! Server-sent events of a running `loadmaster serve`.

use reqwest::{Method, Response, header::HeaderMap};
use serde_json::Value;

use super::send;
use crate::{Failed, config::Config};

/// Events as they come.
pub(crate) struct Events {
    answer: Response,
    /// What came of an event that is not whole yet.
    rest: Vec<u8>,
}

impl Events {
    /// Begins to listen.
    pub(crate) async fn listen(config: &Config, path: &str) -> Result<Self, Failed> {
        let answer = send(config, Method::GET, path, HeaderMap::new(), None).await?;
        Ok(Self { answer, rest: Vec::new() })
    }

    /// The next event, its name and its data; `None` when there are no more.
    pub(crate) async fn next(&mut self) -> Result<Option<(String, Value)>, Failed> {
        loop {
            while let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.rest.drain(..end + 2).collect();
                if let Some(event) = read(&String::from_utf8_lossy(&event)) {
                    return Ok(Some(event));
                }
            }
            let chunk = self.answer.chunk().await.map_err(|error| {
                Failed::because(format!("The connection to Loadmaster broke off: {error}"))
                    .remedy("See whether it still runs: `loadmaster ps`.")
            })?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.rest.extend_from_slice(&chunk);
        }
    }
}

/// One event; `None` for comments.
fn read(text: &str) -> Option<(String, Value)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let data = serde_json::from_str(field("data: ")?).ok()?;
    Some((field("event: ")?.to_owned(), data))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        assert_eq!(read("event: a\nid: 7\ndata: {\"b\":1}\n\n"), Some(("a".to_owned(), json!({ "b": 1 }))));
        assert_eq!(read(": alive\n\n"), None);
    }
}
