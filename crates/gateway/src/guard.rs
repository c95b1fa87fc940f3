//! Who may use this API: everybody's requests pass here first.
//!
//! On loopback the API has no key, and a page that the user visits can make their browser send requests here: under a
//! host name of its own that it points to 127.0.0.1, or as a plain form post. Both are told by headers that pages
//! cannot forge. Beyond loopback everybody needs a token: as `Authorization: Bearer`, or in a cookie that a link with
//! `/?token=` turns into.

mod cors;
mod host;
mod token;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use self::token::Token;
use crate::ApiError;

/// What answers without a token: whoever watches over the program has none.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Who may use the API.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    token: Option<Token>,
    origins: Arc<[String]>,
}

impl Guard {
    /// The same, where everybody needs `token`.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Self { token: Some(Token::new(token.into())), ..self }
    }

    /// The same, where web pages of these origins may use the API: `http://localhost:3000`.
    #[must_use]
    pub fn with_origins(self, origins: impl IntoIterator<Item = String>) -> Self {
        let origins = origins.into_iter().map(|origin| origin.trim_end_matches('/').to_owned());
        Self { origins: origins.collect(), ..self }
    }

    /// The origin of the request, if it is one of those that may use the API.
    fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
        self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)).then_some(origin)
    }

    /// Why a request is turned away; `None` when it may pass.
    fn refusal(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<ApiError> {
        let foreign = if self.allowed_origin(headers).is_some() {
            None
        } else {
            host::of_another_site(method, uri, headers)
        };
        if let Some(cause) = foreign {
            let remedy = "Call the API by its address, from a program or from a page of its own; pages of others \
                          need `allow_origins` in the configuration.";
            return Some(ApiError::new(StatusCode::FORBIDDEN, "forbidden", cause, remedy));
        }
        let Some(token) = &self.token else {
            let remedy = "Call the API by its address, from a program or from a page of its own.";
            return host::of_another_name(headers)
                .map(|cause| ApiError::new(StatusCode::FORBIDDEN, "forbidden", cause, remedy));
        };
        // Who knows the token came by no rebound name: a page under such a name has no cookie of ours.
        if token.is_known_by(headers) || OPEN.contains(&uri.path()) {
            return None;
        }
        let message = "This API needs a token";
        let remedy = "Open the link that `loadmaster serve` printed, or send 'Authorization: Bearer TOKEN'.";
        Some(ApiError::new(StatusCode::UNAUTHORIZED, "token_needed", message, remedy))
    }
}

pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let origin = guard.allowed_origin(headers).map(str::to_owned);
    if let Some(origin) = &origin
        && cors::is_preflight(method, headers)
    {
        return cors::preflight(origin, headers);
    }
    if let Some(token) = &guard.token
        && let Some(answer) = token.exchanged(method, uri)
    {
        return answer;
    }
    let mut response = match guard.refusal(method, uri, headers) {
        Some(refusal) => refused(refusal),
        None => next.run(request).await,
    };
    if let Some(origin) = origin {
        cors::allow(&origin, &mut response);
    }
    response
}

fn refused(refusal: ApiError) -> Response {
    let needs_token = refusal.status() == StatusCode::UNAUTHORIZED;
    let mut response = refusal.into_response();
    if needs_token {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdefghij";

    fn status(guard: &Guard, uri: &str, headers: &[(&'static str, &str)]) -> Option<u16> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        guard.refusal(&Method::GET, &uri.parse().unwrap(), &headers).map(|error| error.status().as_u16())
    }

    #[test]
    fn on_loopback_pages_of_others_do_not_pass() {
        let guard = Guard::default();
        let path = "/v1/models";
        assert_eq!(status(&guard, path, &[("host", "127.0.0.1")]), None);
        assert_eq!(status(&guard, path, &[]), None);
        assert_eq!(status(&guard, path, &[("host", "evil.example")]), Some(403));
        assert_eq!(
            status(&guard, path, &[("host", "localhost"), ("sec-fetch-site", "cross-site")]),
            Some(403)
        );
        let page = |origin| [("host", "localhost:11611"), ("origin", origin)];
        assert_eq!(status(&guard, path, &page("http://localhost:11611")), None);
        assert_eq!(status(&guard, path, &page("http://localhost:3000")), Some(403));
        assert_eq!(status(&guard, path, &page("null")), Some(403));
        let guard = guard.with_origins(["http://localhost:3000/".to_owned()]);
        assert_eq!(status(&guard, path, &page("http://localhost:3000")), None);
    }

    #[test]
    fn who_knows_the_token_passes_by_any_name() {
        let guard = Guard::default().with_token(TOKEN);
        let (bearer, cookie) = (format!("Bearer {TOKEN}"), format!("a=b; loadmaster={TOKEN}; c=d"));
        for (name, value) in [("authorization", bearer.as_str()), ("cookie", cookie.as_str())] {
            assert_eq!(status(&guard, "/v1/models", &[("host", "box.lan:11611"), (name, value)]), None);
            let foreign = [("host", "box.lan"), (name, value), ("sec-fetch-site", "cross-site")];
            assert_eq!(status(&guard, "/v1/models", &foreign), Some(403));
            let wrong = value.replace(TOKEN, &TOKEN[1..]);
            assert_eq!(status(&guard, "/v1/models", &[(name, &wrong)]), Some(401));
        }
        assert_eq!(status(&guard, "/v1/models", &[("host", "127.0.0.1")]), Some(401));
        assert_eq!(status(&guard, "/v1/models", &[("authorization", "Bearer ")]), Some(401));
        assert_eq!(status(&guard, "/healthz", &[("host", "127.0.0.1")]), None);
    }
}
