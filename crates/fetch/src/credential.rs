//! Tokens, and where they may go.

use std::fmt;

use reqwest::Url;

use crate::error::FetchError;

/// A server that may ask who is asking: the token for it, if there is one, and where to get one.
///
/// It is for one origin, that is scheme, host and port: redirects to other hosts never see the token.
#[derive(Clone)]
pub struct Credential {
    origin: Url,
    token: Option<String>,
    help: String,
}

impl Credential {
    /// A credential for the origin of `address`, whose path is of no account.
    ///
    /// `help` is one sentence that says how to get a token and where to put it; it is the remedy of
    /// [`FetchError::Denied`].
    pub fn new(address: &str, token: Option<String>, help: impl Into<String>) -> Result<Self, FetchError> {
        let origin = parse(address)?;
        // What cannot stand in a header is a mistake of copying.
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(FetchError::BadToken { url: shown(&origin) });
        }
        Ok(Self { origin, token, help: help.into() })
    }

    /// Whether `url` is of this credential's origin.
    pub(crate) fn is_for(&self, url: &Url) -> bool {
        self.origin.origin() == url.origin()
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(crate) fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Debug for Credential {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "...");
        f.debug_struct("Credential")
            .field("origin", &shown(&self.origin))
            .field("token", &token)
            .finish_non_exhaustive()
    }
}

/// An address that can be fetched.
pub(crate) fn parse(address: &str) -> Result<Url, FetchError> {
    let bad = |cause: String| FetchError::BadUrl { url: without_secrets(address), cause };
    let url = Url::parse(address).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(bad(format!("{other} is neither http nor https"))),
    }
}

/// See [`without_secrets`].
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail for addresses that cannot have a user, which then have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// An address as messages may show it: without its query and its password, which may be secrets.
#[must_use]
pub fn without_secrets(address: &str) -> String {
    if let Ok(url) = Url::parse(address) {
        return shown(&url);
    }
    let text = address.split(['?', '#']).next().unwrap_or_default();
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        parse(text).expect("an address")
    }

    #[test]
    fn a_token_is_for_its_origin_alone() {
        let hub = Credential::new("https://hub.example/models", Some("secret".into()), "").unwrap();
        assert!(hub.is_for(&url("https://hub.example/other")) && hub.is_for(&url("https://hub.example:443")));
        for other in [
            "http://hub.example/models",
            "https://hub.example:8443/models",
            "https://cdn.hub.example/models",
            "https://hub.example.evil.example/models",
            "https://hub.example@evil.example/models",
        ] {
            assert!(!hub.is_for(&url(other)), "{other}");
        }
        assert!(!format!("{hub:?}").contains("secret"));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for token in ["two words", "line\n", "h\u{e9}"] {
            let error = Credential::new("https://hub.example", Some(token.into()), "").expect_err(token);
            assert_eq!(error, FetchError::BadToken { url: "https://hub.example/".into() });
        }
    }

    #[test]
    fn messages_have_no_secrets() {
        let text = "https://user:secret@cdn.example/a.gguf?sig=secret#secret";
        assert_eq!(shown(&url(text)), "https://cdn.example/a.gguf");
        for text in ["https://user:secret@:bad/a?secret", "https://[a?secret"] {
            let error = parse(text).expect_err(text).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn only_http_is_fetched() {
        let error = parse("ftp://host/a").expect_err("not http").to_string();
        assert_eq!(error, "ftp://host/a is not an address to fetch: ftp is neither http nor https");
    }
}
