//! The words of Hugging Face's API, as far as they are needed. What is not there is `None`: mirrors leave
//! things out.

use serde::Deserialize;
use serde_json::Value;

/// `GET /api/models/{repo}/revision/{revision}`.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) id: Option<String>,
    pub(super) sha: Option<String>,
    /// `false`, `"auto"` or `"manual"`.
    #[serde(default)]
    pub(super) gated: Value,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(rename = "cardData")]
    pub(super) card: Option<Card>,
}

/// The header of a model's page.
#[derive(Debug, Deserialize)]
pub(super) struct Card {
    /// One name, or several.
    #[serde(default)]
    license: Value,
    #[serde(default)]
    license_name: Value,
    #[serde(default)]
    license_link: Value,
}

/// One entry of `GET /api/models/{repo}/tree/{revision}`.
#[derive(Debug, Deserialize)]
pub(super) struct TreeEntry {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) size: u64,
    pub(super) lfs: Option<Lfs>,
}

/// What is known of a large file.
#[derive(Debug, Deserialize)]
pub(super) struct Lfs {
    /// Its SHA-256.
    pub(super) oid: String,
    pub(super) size: Option<u64>,
}

pub(super) fn is_gated(gated: &Value) -> bool {
    match gated {
        Value::Bool(gated) => *gated,
        Value::String(how) => !how.is_empty(),
        _ => false,
    }
}

/// The licence's name and address, from the card, or else from the tags (`license:apache-2.0`).
pub(super) fn licence(card: Option<Card>, tags: &[String]) -> (Option<String>, Option<String>) {
    let tag = tags.iter().find_map(|tag| tag.strip_prefix("license:")).map(str::to_owned);
    let Some(Card { license, license_name, license_link }) = card else { return (tag, None) };
    let named = text(&license).filter(|name| name != "other").or_else(|| text(&license_name));
    (named.or_else(|| text(&license)).or(tag), text(&license_link))
}

/// The text, or the first of several.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.chars().filter(|c| !c.is_control()).take(200).collect()),
        Value::Array(several) => text(several.first()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_found_where_they_are() {
        let of = |json: &str| {
            let info: Info = serde_json::from_str(json).unwrap();
            licence(info.card, &info.tags)
        };
        let named = |name: &str| (Some(name.to_owned()), None);
        assert_eq!(of(r#"{"cardData": {"license": "mit"}}"#), named("mit"));
        assert_eq!(
            of(r#"{"cardData": {"license": ["mit", "bsd"]}, "tags": ["license:other"]}"#),
            named("mit")
        );
        assert_eq!(of(r#"{"tags": ["gguf", "license:llama3.2"]}"#), named("llama3.2"));
        let other =
            r#"{"cardData": {"license": "other", "license_name": "sai", "license_link": "https://a"}}"#;
        assert_eq!(of(other), (Some("sai".into()), Some("https://a".into())));
        assert_eq!(of("{}"), (None, None));
    }

    #[test]
    fn gates_have_three_spellings() {
        let of = |json: &str| is_gated(&serde_json::from_str(json).unwrap());
        assert!(of("true") && of("\"auto\"") && of("\"manual\"") && !of("false") && !of("null"));
    }
}
