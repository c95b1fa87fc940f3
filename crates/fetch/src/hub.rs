//! What a hub says about a file on the way to it.
//!
//! Hugging Face answers with a redirect to a content network, with an address that is signed and soon
//! ends; length and hash of the file stand in the redirect itself.

use reqwest::{
    StatusCode, Url,
    header::{ETAG, HeaderMap, LAST_MODIFIED, LOCATION},
};

use crate::{credential::shown, error::FetchError};

/// Length and `ETag` of the file, as redirects name them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Linked {
    pub(crate) size: Option<u64>,
    pub(crate) etag: Option<String>,
}

impl Linked {
    /// Takes what a redirect says; what an earlier one said stays.
    pub(crate) fn take(&mut self, headers: &HeaderMap) {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        self.size = self.size.or_else(|| text("x-linked-size")?.trim().parse().ok());
        self.etag = self.etag.take().or_else(|| text("x-linked-etag").map(str::to_owned));
    }
}

/// The `ETag` of what is answered.
pub(crate) fn etag(headers: &HeaderMap) -> Option<String> {
    headers.get(ETAG)?.to_str().ok().map(str::to_owned)
}

/// When what is answered was changed for the last time, in the server's own words.
pub(crate) fn modified(headers: &HeaderMap) -> Option<String> {
    headers.get(LAST_MODIFIED)?.to_str().ok().map(str::to_owned)
}

/// Where a redirect leads from `url`; `None` if the answer is none.
pub(crate) fn redirect(
    status: StatusCode,
    headers: &HeaderMap,
    url: &Url,
) -> Result<Option<Url>, FetchError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let bad = |cause: String| FetchError::BadRedirect { url: shown(url), cause };
    let place = headers.get(LOCATION).and_then(|place| place.to_str().ok());
    let place = place.ok_or_else(|| bad("it does not say where to".to_owned()))?;
    let next = url.join(place).map_err(|error| bad(error.to_string()))?;
    match (url.scheme(), next.scheme()) {
        (_, "https") | ("http", "http") => Ok(Some(next)),
        (_, "http") => Err(bad(format!("it leads away from HTTPS, to {}", shown(&next)))),
        (_, other) => Err(bad(format!("it leads to {other}, which is not HTTP"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(from: &str, to: &'static str) -> Result<Option<Url>, FetchError> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, to.parse().unwrap());
        redirect(StatusCode::FOUND, &headers, &Url::parse(from).unwrap())
    }

    #[test]
    fn redirects_are_followed_where_they_are_safe() {
        let place = |from, to| lead(from, to).unwrap().unwrap().to_string();
        assert_eq!(place("https://hub.example/a/b", "/c?d=e"), "https://hub.example/c?d=e");
        assert_eq!(place("http://hub.example/a", "https://cdn.example/c"), "https://cdn.example/c");
        assert_eq!(place("http://hub.example/a", "//cdn.example/c"), "http://cdn.example/c");
        for to in ["http://cdn.example/c?secret", "file:///etc/passwd", "https://[bad"] {
            let error = lead("https://hub.example/a?secret", to).expect_err(to);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let nowhere = redirect(StatusCode::FOUND, &HeaderMap::new(), &Url::parse("http://a").unwrap());
        assert!(matches!(nowhere, Err(FetchError::BadRedirect { .. })));
        let none = redirect(StatusCode::OK, &HeaderMap::new(), &Url::parse("http://a").unwrap());
        assert!(matches!(none, Ok(None)));
    }

    #[test]
    fn the_first_redirect_that_knows_the_file_is_heard() {
        let headers = |size: &str| {
            HeaderMap::from_iter([
                ("x-linked-size".parse().unwrap(), size.parse().unwrap()),
                ("x-linked-etag".parse().unwrap(), "\"abc\"".parse().unwrap()),
            ])
        };
        let mut linked = Linked::default();
        linked.take(&HeaderMap::new());
        linked.take(&headers("7"));
        linked.take(&headers("8"));
        assert_eq!(linked, Linked { size: Some(7), etag: Some("\"abc\"".into()) });
    }
}
