//! What is to be estimated: a model that is here, one of the network, or a file of this machine.

use std::path::PathBuf;

use axum::http::StatusCode;
use loadmaster_core::Settings;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::ApiError;

/// What a body looks like.
pub(super) const SHAPE: &str = r#"{"model": "llama-3.2-1b", "settings": {"context_length": 8192}}"#;

/// Exactly one of `model`, `url` and `path`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EstimateAsked)]
pub(crate) struct Asked {
    /// A model that is offered, one of the library, a short name of the catalog, or a repository of the hub:
    /// `owner/repository`, `owner/repository:Q4_K_M`, `owner/repository:file.gguf`.
    #[serde(default)]
    model: Option<String>,
    /// The address of a file, `http` or `https`. Its header is all that is fetched.
    #[serde(default)]
    url: Option<String>,
    /// The absolute path of a file of this machine; only for programs on it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    path: Option<PathBuf>,
    /// Settings to load it with, over those that it has; null for what is automatic.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Settings,
}

/// What is to be estimated.
#[derive(Debug, PartialEq)]
pub(super) enum Wanted {
    Model(String),
    Url(String),
    Path(PathBuf),
}

impl Asked {
    /// What it names, and the settings.
    ///
    /// # Errors
    /// It names none or several, an address that is not fetched, or a path that depends on where one stands.
    pub(super) fn wanted(self) -> Result<(Wanted, Settings), ApiError> {
        let wanted = match (self.model, self.url, self.path) {
            (Some(model), None, None) => Wanted::Model(model),
            (None, Some(url), None) => Wanted::Url(fetched(&url)?),
            (None, None, Some(path)) if path.is_absolute() => Wanted::Path(path),
            (None, None, Some(path)) => {
                let message = format!("'{}' is not an absolute path", path.display());
                return Err(refused("invalid_path", message, "Send the absolute path of a model's file."));
            }
            _ => {
                let message = "One of model, url and path is needed, and no more than one";
                return Err(refused("invalid_body", message, &format!("Send JSON such as {SHAPE}.")));
            }
        };
        Ok((wanted, self.settings))
    }
}

/// An address that this program may fetch from.
fn fetched(url: &str) -> Result<String, ApiError> {
    let (scheme, rest) = url.trim().split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    if ["http", "https"].contains(&scheme.as_str()) {
        return Ok(format!("{scheme}://{rest}"));
    }
    let message = "Only addresses that begin with http:// or https:// are fetched";
    Err(refused("invalid_address", message, "Send such an address, or a repository as model."))
}

fn refused(code: &'static str, message: impl Into<String>, remedy: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, message, remedy)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wanted(body: Value) -> Result<Wanted, Value> {
        let asked: Asked = serde_json::from_value(body).expect("it has the shape");
        asked.wanted().map(|(wanted, _)| wanted).map_err(|error| error.body()["error"]["code"].clone())
    }

    #[test]
    fn exactly_one_is_named_and_nothing_but_http_is_fetched() {
        assert_eq!(wanted(json!({ "model": "a" })), Ok(Wanted::Model("a".to_owned())));
        assert_eq!(
            wanted(json!({ "url": " HTTPS://host/a.gguf" })),
            Ok(Wanted::Url("https://host/a.gguf".to_owned()))
        );
        for body in [json!({}), json!({ "model": "a", "url": "http://a/b" })] {
            assert_eq!(wanted(body), Err(json!("invalid_body")));
        }
        for url in ["file:///etc/passwd", "ftp://a/b", "owner/name", "", "/etc/passwd", "h\u{e9}ttp://"] {
            assert_eq!(wanted(json!({ "url": url })), Err(json!("invalid_address")), "{url}");
        }
        assert_eq!(wanted(json!({ "path": "a.gguf" })), Err(json!("invalid_path")));
    }
}
