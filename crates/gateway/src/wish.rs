//! Headers that say how a request waits, and how long its model stays behind it.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use loadmaster_orchestrator::{KeepAlive, Priority, Wish};

use crate::ApiError;

/// Who goes first: `interactive`, or `batch`.
const PRIORITY: &str = "x-loadmaster-priority";

/// How many seconds a request waits at most; 0 is not at all.
const WAIT: &str = "x-loadmaster-wait";

/// How many seconds the model stays loaded behind this request with nothing to do; 0 unloads it with the
/// answer's end, `-1` or `forever` never.
const KEEP_ALIVE: &str = "x-loadmaster-keep-alive";

/// What the headers ask for; what they do not say is as usual.
pub(crate) fn of(headers: &HeaderMap) -> Result<Wish, ApiError> {
    let mut wish = Wish::default();
    if let Some(text) = headers.get(PRIORITY) {
        wish.priority = match text.as_bytes() {
            b"interactive" => Priority::Interactive,
            b"batch" => Priority::Batch,
            _ => return Err(bad(PRIORITY, text.as_bytes(), "Send interactive or batch, or leave it out.")),
        };
    }
    if let Some(text) = headers.get(WAIT) {
        wish.wait = Some(seconds(text.as_bytes()).ok_or_else(|| {
            bad(WAIT, text.as_bytes(), "Send a number of whole seconds, such as 30, or leave it out.")
        })?);
    }
    if let Some(text) = headers.get(KEEP_ALIVE) {
        wish.keep_alive = Some(match text.as_bytes() {
            b"-1" | b"forever" => KeepAlive::Forever,
            bytes => KeepAlive::For(seconds(bytes).ok_or_else(|| {
                let remedy = "Send a number of whole seconds, such as 300; 0 to unload it at once; \
                              -1 or forever to keep it.";
                bad(KEEP_ALIVE, bytes, remedy)
            })?),
        });
    }
    Ok(wish)
}

fn seconds(text: &[u8]) -> Option<Duration> {
    std::str::from_utf8(text).ok()?.parse().ok().map(Duration::from_secs)
}

fn bad(name: &str, value: &[u8], remedy: &str) -> ApiError {
    let cause = format!("The header {name} cannot be '{}'", String::from_utf8_lossy(value));
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_header", cause, remedy)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn wish(name: &'static str, value: &str) -> Result<Wish, ApiError> {
        of(&[(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())].into_iter().collect())
    }

    #[test]
    fn headers_are_read() {
        assert_eq!(of(&HeaderMap::new()).unwrap(), Wish::default());
        assert_eq!(wish(PRIORITY, "batch").unwrap().priority, Priority::Batch);
        assert_eq!(wish(PRIORITY, "interactive").unwrap(), Wish::default());
        assert_eq!(wish(WAIT, "0").unwrap().wait, Some(Duration::ZERO));
        assert_eq!(wish(WAIT, "90").unwrap().wait, Some(Duration::from_secs(90)));
        for (text, keeps) in [
            ("0", KeepAlive::For(Duration::ZERO)),
            ("300", KeepAlive::For(Duration::from_mins(5))),
            ("-1", KeepAlive::Forever),
            ("forever", KeepAlive::Forever),
        ] {
            assert_eq!(wish(KEEP_ALIVE, text).unwrap(), Wish { keep_alive: Some(keeps), ..Wish::default() });
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (name, value) in [
            (PRIORITY, "high"),
            (PRIORITY, ""),
            (WAIT, "-1"),
            (WAIT, "1.5"),
            (WAIT, "soon"),
            (KEEP_ALIVE, "-2"),
            (KEEP_ALIVE, "5m"),
            (KEEP_ALIVE, ""),
        ] {
            let error = wish(name, value).expect_err(value).body()["error"].clone();
            assert_eq!(error["code"], "invalid_header");
            assert!(error["message"].as_str().unwrap().contains(name), "{error}");
        }
    }
}
