//! Keeps web pages of others from using this API through the user's browser.
//!
//! The API listens on loopback without a key. A page that the user visits can make their browser
//! send requests here: under a host name of its own that it points to 127.0.0.1, or as a plain form
//! post. Both are told by headers that pages cannot forge.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header::HOST},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::ApiError;

pub(crate) async fn check(request: Request, next: Next) -> Response {
    match refusal(request.headers()) {
        Some(cause) => {
            let remedy = "Call the API by its address, from a program or from a page of its own.";
            ApiError::new(StatusCode::FORBIDDEN, "forbidden", cause, remedy).into_response()
        }
        None => next.run(request).await,
    }
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Some("A web page of another site sent this request");
    }
    // Only a browser's request could come by a rebound name, and a browser always sends a host.
    let host = headers.get(HOST)?;
    let local = host.to_str().is_ok_and(is_local);
    (!local).then_some("This request came by a host name that is not this machine's")
}

/// Whether `host` is an address or `localhost`, with or without a port.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_pass() {
        for host in ["127.0.0.1:11611", "localhost", "LocalHost:80", "[::1]:11611", "192.168.1.7:11611"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["evil.example", "evil.example:11611", "127.0.0.1.evil.example", "", "[evil]:1"] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_do_not_pass() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        assert_eq!(refusal(&headers(&[("host", "127.0.0.1")])), None);
        assert_eq!(refusal(&headers(&[])), None);
        assert_eq!(refusal(&headers(&[("host", "localhost"), ("sec-fetch-site", "same-origin")])), None);
        assert!(refusal(&headers(&[("host", "localhost"), ("sec-fetch-site", "cross-site")])).is_some());
        assert!(refusal(&headers(&[("host", "evil.example")])).is_some());
    }
}
