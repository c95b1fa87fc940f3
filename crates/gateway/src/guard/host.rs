//! Requests of web pages that are not ours.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header};

/// Whether a page of another site sent a request, and how that shows. A link to our page may be followed.
pub(super) fn of_another_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|header| header == value);
    let follows_link = method == Method::GET
        && uri.path() == "/"
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document");
    if is("sec-fetch-site", "cross-site") && !follows_link {
        return Some("A web page of another site sent this request");
    }
    let origin = headers.get(header::ORIGIN)?.to_str().ok().unwrap_or("null");
    let (_, authority) = origin.split_once("://").unwrap_or(("", origin));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
    (!own).then_some("A web page of another origin sent this request")
}

/// Whether a request came by a name that is not this machine's, as it does when a page has its own name point here.
pub(super) fn of_another_name(headers: &HeaderMap) -> Option<&'static str> {
    // Only a browser's request could come by a rebound name, and a browser always sends a host.
    let host = headers.get(header::HOST)?;
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
    fn addresses_and_localhost_are_local() {
        for host in ["127.0.0.1:11611", "localhost", "LocalHost:80", "[::1]:11611", "192.168.1.7:11611"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["evil.example", "evil.example:11611", "127.0.0.1.evil.example", "", "[evil]:1"] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn a_link_to_the_page_may_be_followed_and_nothing_else() {
        let headers: HeaderMap = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
        let refused =
            |method, path: &str| of_another_site(&method, &path.parse().unwrap(), &headers).is_some();
        assert!(!refused(Method::GET, "/"));
        assert!(refused(Method::POST, "/"));
        assert!(refused(Method::GET, "/api/v1/instances"));
    }
}
