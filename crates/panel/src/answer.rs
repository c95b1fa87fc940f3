//! A file as an answer: what the browser may do with it, and whether it has it already.

use std::fmt::Write as _;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::EmbeddedFile;

use crate::{media_type, packed};

/// What the page may load, run and be put into. Pictures come from the daemon, from the user's own files (`blob:`)
/// and from the answer of a model (`data:`); nothing comes from another host, and no script stands in the page.
/// Styles that scripts set through the object model (`element.style`) are not concerned; `uPlot` sets its so.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Files below this many bytes are not worth packing: they fit into one packet of a network.
const SMALL: usize = 1024;

/// The file as an answer to a request with `headers`.
pub(crate) fn found(name: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let gzip = file.data.len() >= SMALL && accepts_gzip(headers);
    let tag = tag(hash, gzip);
    let mut response = if has(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if gzip {
        let mut response = Response::new(Body::from(packed::gzip(name, hash, &file.data)));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        Response::new(Body::from(Bytes::copy_from_slice(&file.data)))
    };
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::of(name)));
    fields.insert(header::ETAG, tag);
    // The browser asks each time whether what it has is the latest: an update is seen at once.
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    guarded(response)
}

/// There is no such file.
pub(crate) fn missing(name: &str) -> Response {
    let shown: String = name.chars().take(80).collect();
    guarded((StatusCode::NOT_FOUND, format!("The panel has no file {shown:?}.\n")).into_response())
}

fn guarded(mut response: Response) -> Response {
    let fields = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The entity tag of content with this hash; each encoding has its own (RFC 9110, section 8.8.3.3).
fn tag(hash: [u8; 32], gzip: bool) -> HeaderValue {
    let mut text = String::from("\"");
    for byte in &hash[..16] {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(if gzip { "-gzip\"" } else { "\"" });
    HeaderValue::from_str(&text).expect("hexadecimal digits and quotes are visible ASCII")
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|list| {
        list.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next() == Some("gzip") && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0"))
        })
    })
}

fn has(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let (Some(known), Ok(tag)) = (known, tag.to_str()) else { return false };
    known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_taken_where_it_is_accepted() {
        for (list, accepted) in
            [("gzip", true), ("br, gzip;q=0.5", true), ("gzip;q=0", false), ("br", false), ("", false)]
        {
            assert_eq!(accepts_gzip(&headers(header::ACCEPT_ENCODING, list)), accepted, "{list}");
        }
    }

    #[test]
    fn a_tag_is_known_among_others_and_weak_ones() {
        let tag = tag([7; 32], true);
        assert!(has(
            &headers(header::IF_NONE_MATCH, "\"a\", W/\"07070707070707070707070707070707-gzip\""),
            &tag
        ));
        assert!(!has(&headers(header::IF_NONE_MATCH, "\"07070707070707070707070707070707\""), &tag));
        assert!(!has(&HeaderMap::new(), &tag));
    }
}
