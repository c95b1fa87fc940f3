//! What everybody must know beyond loopback.

use std::{fmt, sync::Arc};

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use crate::ApiError;

/// The cookie that has the token.
const COOKIE: &str = "loadmaster";

/// For how many seconds a browser keeps it: a month.
const MONTH: u32 = 30 * 24 * 60 * 60;

/// Leads on to the page. A redirect would not do: a strict cookie is not sent with it where the link was followed from
/// another site.
const ON: &str = "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/\">\
                  <title>Loadmaster</title><a href=\"/\">Loadmaster</a>";

/// A token.
#[derive(Clone)]
pub(super) struct Token(Arc<str>);

impl Token {
    pub(super) fn new(token: String) -> Self {
        Self(token.into())
    }

    /// In a time that does not tell how much of it is right.
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// Whether a request has it, as a bearer or in the cookie.
    pub(super) fn is_known_by(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        if bearer.is_some_and(|token| self.is(token)) {
            return true;
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, value)| name == COOKIE && self.is(value))
    }

    /// The answer to a link with `/?token=`: the cookie, and the way to the page, whose address does not have the
    /// token any more. `None` for every other request.
    pub(super) fn exchanged(&self, method: &Method, uri: &Uri) -> Option<Response> {
        if method != Method::GET || uri.path() != "/" {
            return None;
        }
        let given = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        if !self.is(given) {
            let message = "The token in this link is not the one that Loadmaster has now";
            let remedy = "Open the link that `loadmaster serve` printed last.";
            return Some(
                ApiError::new(StatusCode::UNAUTHORIZED, "token_needed", message, remedy).into_response(),
            );
        }
        // A token has no characters that mean something in a cookie; one that had could not be sent.
        let cookie = format!("{COOKIE}={given}; Path=/; Max-Age={MONTH}; HttpOnly; SameSite=Strict");
        let cookie = HeaderValue::from_str(&cookie).ok()?;
        let mut response = Html(ON).into_response();
        let headers = response.headers_mut();
        headers.insert(header::SET_COOKIE, cookie);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Some(response)
    }
}

impl fmt::Debug for Token {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_becomes_a_cookie() {
        let token = Token::new("0123456789abcdefghij".to_owned());
        let ask = |uri: &str| token.exchanged(&Method::GET, &uri.parse().unwrap());
        let answer = ask("/?a=b&token=0123456789abcdefghij").unwrap();
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(cookie.starts_with("loadmaster=0123456789abcdefghij;"), "{cookie}");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let wrong = ask("/?token=wrong").unwrap();
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
        assert!(!wrong.headers().contains_key(header::SET_COOKIE));
        assert!(ask("/").is_none() && ask("/v1/models?token=0123456789abcdefghij").is_none());
        assert_eq!(format!("{token:?}"), "Token");
    }
}
