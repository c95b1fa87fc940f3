//! What people write to name a model.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{
    error::ModelsError,
    hub::url::{decoded, is_repo},
    manifest::RelativePath,
    quantisation::Quantisation,
};

/// What names a model that can be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// A short name of the catalog, perhaps with a quantisation: `llama-3.2-1b:Q8_0`.
    Catalog {
        /// The short name.
        name: String,
        /// The quantisation that is wanted.
        quantisation: Option<String>,
    },
    /// A repository of the hub: `owner/repo`, `owner/repo@revision`, `owner/repo:Q4_K_M`,
    /// `owner/repo:folder/file.gguf`, or the address of its page or of one of its files.
    Hub {
        /// `owner/name`.
        repo: String,
        /// A branch, tag or commit; `main` if it is left out.
        revision: Option<String>,
        /// What of it.
        pick: Pick,
    },
    /// Any address.
    Url(String),
}

/// What of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// What fits this machine best.
    Best,
    /// A quantisation.
    Quantisation(String),
    /// A file, by its path.
    File(RelativePath),
}

impl Reference {
    /// Reads a reference. Addresses on `endpoint`, and on Hugging Face itself, are those of repositories.
    pub fn parse(text: &str, endpoint: &str) -> Result<Self, ModelsError> {
        let text = text.trim();
        let bad = |cause| ModelsError::BadReference { text: text.chars().take(120).collect(), cause };
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(bad("it is empty, or has control characters"));
        }
        let hubs =
            [endpoint.trim_end_matches('/'), crate::hub::HUGGING_FACE, "https://hf.co", "hf:/", "hf.co"];
        let on_hub = hubs.into_iter().find_map(|hub| text.strip_prefix(hub)?.strip_prefix('/'));
        if let Some(path) = on_hub {
            return of_path(path)
                .ok_or_else(|| bad("the address is not that of a repository or of a file in one"));
        }
        if text.contains("://") {
            let is_http = text.starts_with("https://") || text.starts_with("http://");
            return if is_http {
                Ok(Self::Url(text.to_owned()))
            } else {
                Err(bad("only http and https are fetched"))
            };
        }
        let (name, pick) = text.split_once(':').map_or((text, None), |(name, pick)| (name, Some(pick)));
        if pick == Some("") {
            return Err(bad("nothing follows the colon"));
        }
        if !name.contains('/') {
            return short(name, pick)
                .ok_or_else(|| bad("short names have letters, digits, '.', '_' and '-'"));
        }
        let (repo, revision) = name.split_once('@').map_or((name, None), |(repo, rev)| (repo, Some(rev)));
        if !is_repo(repo) || revision == Some("") {
            return Err(bad("repositories are written owner/name"));
        }
        let pick = match pick {
            None => Pick::Best,
            Some(pick) => pick_of(pick).ok_or_else(|| bad("what follows the colon is no path of a file"))?,
        };
        Ok(Self::Hub { repo: repo.to_owned(), revision: revision.map(str::to_owned), pick })
    }
}

/// A short name: nothing that could be a path.
fn short(name: &str, quantisation: Option<&str>) -> Option<Reference> {
    let fits = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let valid = !name.is_empty() && fits(name) && quantisation.is_none_or(fits);
    valid.then(|| Reference::Catalog { name: name.to_owned(), quantisation: quantisation.map(str::to_owned) })
}

/// A file has an extension or lies in a folder; anything else is a quantisation.
fn pick_of(text: &str) -> Option<Pick> {
    let extension = text.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let known = ["gguf", "safetensors", "ckpt", "pt", "pth"];
    let is_file =
        text.contains('/') || extension.is_some_and(|extension| known.contains(&extension.as_str()));
    if is_file {
        RelativePath::new(text).ok().map(Pick::File)
    } else {
        Some(Pick::Quantisation(text.to_owned()))
    }
}

/// What an address on a hub names: `owner/repo`, `owner/repo/tree/REVISION`, or
/// `owner/repo/{resolve,blob}/REVISION/PATH`.
fn of_path(path: &str) -> Option<Reference> {
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let mut parts = path.splitn(5, '/');
    let (owner, name) = (parts.next()?, parts.next()?);
    // Of `hf.co/owner/repo:Q4_K_M`, as Ollama has them.
    let (name, pick) = match name.split_once(':') {
        None => (name, Pick::Best),
        Some((name, pick)) => (name, pick_of(pick)?),
    };
    let repo = format!("{owner}/{name}");
    if !is_repo(&repo) {
        return None;
    }
    let (how, revision, file) = (parts.next(), parts.next(), parts.next());
    let revision = revision.map(decoded).map_or(Some(None), |revision| revision.map(Some))?;
    match (how, &revision, file) {
        (None, None, None) | (Some("tree"), Some(_), None) => Some(Reference::Hub { repo, revision, pick }),
        (Some("resolve" | "blob"), Some(_), Some(file)) => {
            Some(Reference::Hub { repo, revision, pick: Pick::File(RelativePath::new(decoded(file)?).ok()?) })
        }
        _ => None,
    }
}

impl FromStr for Reference {
    type Err = ModelsError;

    /// As [`Reference::parse`] with Hugging Face as the hub.
    fn from_str(text: &str) -> Result<Self, ModelsError> {
        Self::parse(text, crate::hub::HUGGING_FACE)
    }
}

impl fmt::Display for Reference {
    /// So that it can be read again. Addresses are without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog { name, quantisation: None } => f.write_str(name),
            Self::Catalog { name, quantisation: Some(quantisation) } => write!(f, "{name}:{quantisation}"),
            Self::Url(url) => f.write_str(&loadmaster_fetch::without_secrets(url)),
            Self::Hub { repo, revision, pick } => {
                f.write_str(repo)?;
                if let Some(revision) = revision {
                    write!(f, "@{revision}")?;
                }
                match pick {
                    Pick::Best => Ok(()),
                    Pick::Quantisation(name) => write!(f, ":{name}"),
                    Pick::File(path) => write!(f, ":{path}"),
                }
            }
        }
    }
}

impl Pick {
    /// The quantisation that is named, in the spelling of files.
    pub(crate) fn quantisation(&self) -> Option<Quantisation> {
        match self {
            Self::Quantisation(name) => Some(Quantisation::named(name)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hub(repo: &str, revision: Option<&str>, pick: Pick) -> Reference {
        Reference::Hub { repo: repo.into(), revision: revision.map(str::to_owned), pick }
    }

    #[test]
    fn what_people_write_is_understood() {
        let file = |path: &str| Pick::File(RelativePath::new(path).unwrap());
        let cases = [
            ("a/b", hub("a/b", None, Pick::Best)),
            (" a/b:Q4_K_M ", hub("a/b", None, Pick::Quantisation("Q4_K_M".into()))),
            ("a/b:m.gguf", hub("a/b", None, file("m.gguf"))),
            ("a/b:Q4/m-00001-of-00002.gguf", hub("a/b", None, file("Q4/m-00001-of-00002.gguf"))),
            ("a/b@v1:m.CKPT", hub("a/b", Some("v1"), file("m.CKPT"))),
            ("a/b@refs/pr/1", hub("a/b", Some("refs/pr/1"), Pick::Best)),
            ("https://huggingface.co/a/b", hub("a/b", None, Pick::Best)),
            ("hf.co/a/b:Q8_0", hub("a/b", None, Pick::Quantisation("Q8_0".into()))),
            ("hf://a/b", hub("a/b", None, Pick::Best)),
            ("https://hub.example/a/b/tree/dev/", hub("a/b", Some("dev"), Pick::Best)),
            (
                "https://huggingface.co/a/b/resolve/main/x%20y/m.gguf?download=true",
                hub("a/b", Some("main"), file("x y/m.gguf")),
            ),
            (
                "https://huggingface.co/a/b/blob/refs%2Fpr%2F1/m.gguf",
                hub("a/b", Some("refs/pr/1"), file("m.gguf")),
            ),
            (
                "https://other.example/m.gguf?sig=x",
                Reference::Url("https://other.example/m.gguf?sig=x".into()),
            ),
            ("llama-3.2-1b", Reference::Catalog { name: "llama-3.2-1b".into(), quantisation: None }),
            ("llama:Q8_0", Reference::Catalog { name: "llama".into(), quantisation: Some("Q8_0".into()) }),
        ];
        for (text, reference) in cases {
            assert_eq!(Reference::parse(text, "https://hub.example/").unwrap(), reference, "{text}");
        }
        for text in [
            "",
            "a/b/c",
            "a/b:",
            "a/..",
            "ftp://a/b",
            "a b",
            "a\nb",
            "/a/b",
            "https://huggingface.co/a",
            "a/b@",
            "a/b:../x.gguf",
            "a/b://x",
            "../x",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer(text in "\\PC{0,60}") {
            let _ = text.parse::<Reference>();
        }

        #[test]
        fn what_is_shown_can_be_read_again(
            repo in "[a-z][a-z0-9]{0,5}/[a-zA-Z][a-z0-9-]{0,5}",
            revision in proptest::option::of("[a-z0-9./]{1,8}"),
            pick in prop_oneof![
                Just(Pick::Best),
                "[QF][0-9A-Z_]{1,6}".prop_map(Pick::Quantisation),
                "([a-z0-9-]{1,4}/){0,2}[a-z]{1,4}\\.gguf"
                    .prop_map(|path| Pick::File(RelativePath::new(path).unwrap())),
            ],
        ) {
            let reference = Reference::Hub { repo, revision, pick };
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }
    }
}
