//! What is worth another try, and when.

use std::time::{Duration, SystemTime};

use reqwest::{StatusCode, header::HeaderMap};

use crate::error::FetchError;

/// The first pause; each one after it is twice as long.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause that is our own choice.
const LONGEST: Duration = Duration::from_secs(30);

/// The longest pause that a server may ask for: then its wish is the user's to hear of.
const LONGEST_WISH: Duration = Duration::from_mins(10);

/// Tries without success, one after the other.
#[derive(Debug)]
pub(crate) struct Tries {
    most: u32,
    failed: u32,
}

impl Tries {
    /// `most` tries after the first.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, failed: 0 }
    }

    /// How long to wait before the next try after `error`; `None` if there should be none.
    pub(crate) fn after(&mut self, error: &FetchError) -> Option<Duration> {
        self.after_with(error, chance())
    }

    fn after_with(&mut self, error: &FetchError, chance: f64) -> Option<Duration> {
        let wish = wish(error);
        if !is_worth_it(error) || self.failed >= self.most || wish.is_some_and(|wish| wish > LONGEST_WISH) {
            return None;
        }
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(self.failed)).min(LONGEST);
        self.failed += 1;
        // Between half of it and all of it, so that many clients do not come back together.
        let pause = pause.mul_f64(f64::midpoint(1.0, chance));
        Some(wish.map_or(pause, |wish| wish + pause.mul_f64(0.1)))
    }

    /// Whether the last try failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Something came: what failed before does not count.
    pub(crate) fn reset(&mut self) {
        self.failed = 0;
    }
}

/// From 0 to 1, by chance; 1 where there is none.
fn chance() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

/// Whether the same request may have another outcome soon.
pub(crate) fn is_worth_it(error: &FetchError) -> bool {
    match error {
        FetchError::Cut { .. } | FetchError::Stalled { .. } | FetchError::Unreachable { .. } => true,
        // Request Timeout, Too Early, Too Many Requests; of the server's own, not "I cannot do that".
        FetchError::Status { status, .. } => match status {
            408 | 425 | 429 => true,
            501 | 505 => false,
            status => *status >= 500,
        },
        _ => false,
    }
}

/// How long the server wants to be left alone.
pub(crate) fn wish(error: &FetchError) -> Option<Duration> {
    match error {
        FetchError::Status { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// The `Retry-After` of an answer, in seconds or as a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !(status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()) {
        return None;
    }
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use reqwest::header::RETRY_AFTER;

    use super::*;

    fn status(status: u16, retry_after: Option<u64>) -> FetchError {
        let retry_after = retry_after.map(Duration::from_secs);
        FetchError::Status { url: String::new(), status, reason: None, retry_after }
    }

    #[test]
    fn pauses_double_and_end() {
        let mut tries = Tries::new(8);
        let pauses: Vec<_> =
            std::iter::from_fn(|| tries.after_with(&status(500, None), 1.0)).map(|p| p.as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        tries.reset();
        assert_eq!(tries.after_with(&status(500, None), 0.0), Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_servers_wish_is_heard_within_reason() {
        let mut tries = Tries::new(2);
        let pause = tries.after_with(&status(429, Some(7)), 1.0).unwrap();
        assert!(pause >= Duration::from_secs(7) && pause < Duration::from_secs(8), "{pause:?}");
        assert_eq!(tries.after_with(&status(503, Some(3600)), 1.0), None);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again = [408, 425, 429, 500, 502, 503, 504];
        for code in 400..=599 {
            let expected = again.contains(&code) || (code >= 500 && code != 501 && code != 505);
            assert_eq!(is_worth_it(&status(code, None)), expected, "{code}");
        }
        let url = String::new;
        assert!(is_worth_it(&FetchError::Cut { url: url(), received: 0, expected: None }));
        assert!(!is_worth_it(&FetchError::NotFound { url: url() }));
        assert!(!is_worth_it(&FetchError::Changed { url: url() }));
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let read = |status: StatusCode, text: &str| {
            retry_after(status, &HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]))
        };
        assert_eq!(read(StatusCode::TOO_MANY_REQUESTS, "120"), Some(Duration::from_mins(2)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let wait = read(StatusCode::SERVICE_UNAVAILABLE, &date).unwrap();
        assert!(wait > Duration::from_secs(90) && wait <= Duration::from_secs(100), "{wait:?}");
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(read(StatusCode::SERVICE_UNAVAILABLE, past), Some(Duration::ZERO));
        assert_eq!(read(StatusCode::SERVICE_UNAVAILABLE, "soon"), None);
        assert_eq!(read(StatusCode::FOUND, "120"), None);
    }
}
