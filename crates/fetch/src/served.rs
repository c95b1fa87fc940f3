//! What the head of an answer says about the bytes that follow.

use std::ops::Range;

use reqwest::{
    StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap},
};

/// The bytes that a server is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Served {
    /// Offset in the file of the first byte.
    pub(crate) first: u64,
    /// Offset behind the last byte, where the server says it.
    pub(crate) end: Option<u64>,
    /// Length of the whole file, where the server says it.
    pub(crate) total: Option<u64>,
    /// Whether the server heeds ranges.
    pub(crate) ranges: bool,
}

/// What a head says that cannot be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It is about another range than was asked for, in words.
    Range(String),
    /// Two lengths of the same bytes that differ: of the range, and of the body.
    Length { said: u64, sent: u64 },
}

/// Reads the head of an answer of status 200, 206 or 416 to a request for `asked` (RFC 9110, section 14).
pub(crate) fn served(status: StatusCode, headers: &HeaderMap, asked: &Range<u64>) -> Result<Served, Lie> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(CONTENT_LENGTH.as_str()).and_then(|length| length.trim().parse().ok());
    let range = text(CONTENT_RANGE.as_str());
    match status {
        StatusCode::PARTIAL_CONTENT => partial(range, length, asked),
        StatusCode::RANGE_NOT_SATISFIABLE => nothing_there(range, asked),
        _ => Ok(Served { first: 0, end: length, total: length, ranges: false }),
    }
}

fn partial(range: Option<&str>, length: Option<u64>, asked: &Range<u64>) -> Result<Served, Lie> {
    let Some(range) = range else { return Err(Lie::Range("without saying which".to_owned())) };
    let Some((first, last, total)) = content_range(range) else {
        return Err(Lie::Range(format!("'{}'", range.escape_default())));
    };
    if first > asked.start {
        return Err(Lie::Range(format!("from {first} on")));
    }
    let said = last - first + 1;
    match length {
        Some(sent) if sent != said => Err(Lie::Length { said, sent }),
        _ => Ok(Served { first, end: Some(last + 1), total, ranges: true }),
    }
}

/// The server has no byte of the range: right if the file ends before it.
fn nothing_there(range: Option<&str>, asked: &Range<u64>) -> Result<Served, Lie> {
    let total = range.and_then(|range| range.trim().strip_prefix("bytes */")?.parse().ok());
    if total.map_or(asked.start == 0, |total| total > asked.start) {
        return Err(Lie::Range("none of the file (416)".to_owned()));
    }
    Ok(Served { first: asked.start, end: Some(asked.start), total, ranges: true })
}

/// First byte, last byte and length of the file from `bytes 0-99/1000`, where `*` is an unknown length.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = if total == "*" { None } else { Some(total.trim().parse().ok()?) };
    // The last byte that a file can have leaves room for the offset behind it.
    let possible = first <= last && last < u64::MAX && total.is_none_or(|total| last < total);
    possible.then_some((first, last, total))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn head(status: u16, range: &'static str, length: &'static str) -> Result<Served, Lie> {
        let mut headers = HeaderMap::new();
        let mut put = |name: HeaderName, value: &'static str| {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_static(value));
            }
        };
        put(CONTENT_RANGE, range);
        put(CONTENT_LENGTH, length);
        served(StatusCode::from_u16(status).unwrap(), &headers, &(100..200))
    }

    fn bytes(first: u64, end: u64, total: Option<u64>) -> Served {
        Served { first, end: Some(end), total, ranges: true }
    }

    #[test]
    fn a_range_is_what_it_says() {
        assert_eq!(head(206, "bytes 100-199/1000", "100"), Ok(bytes(100, 200, Some(1000))));
        assert_eq!(head(206, "bytes 100-149/150", ""), Ok(bytes(100, 150, Some(150))));
        assert_eq!(head(206, "bytes 0-199/*", ""), Ok(bytes(0, 200, None)));
        let whole = Served { first: 0, end: Some(1000), total: Some(1000), ranges: false };
        assert_eq!(head(200, "", "1000"), Ok(whole));
        assert_eq!(head(200, "", ""), Ok(Served { end: None, total: None, ..whole }));
        assert_eq!(head(416, "bytes */100", ""), Ok(bytes(100, 100, Some(100))));
        assert_eq!(head(416, "", ""), Ok(bytes(100, 100, None)));
    }

    #[test]
    fn what_cannot_be_is_a_lie() {
        for range in
            ["", "bytes 101-199/1000", "bytes 100-199/150", "bytes 100-99/1000", "items 100-199/1000"]
        {
            assert!(matches!(head(206, range, "100"), Err(Lie::Range(_))), "{range}");
        }
        assert!(matches!(head(206, "bytes 0-18446744073709551615/*", ""), Err(Lie::Range(_))));
        assert!(matches!(head(416, "bytes */1000", ""), Err(Lie::Range(_))));
        assert_eq!(head(206, "bytes 100-199/1000", "90"), Err(Lie::Length { said: 100, sent: 90 }));
    }
}
