//! Parts of addresses.

use std::fmt::Write;

/// `text` as one part of a path: what is not unreserved (RFC 3986, section 2.3) is encoded.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A path of several parts.
pub(crate) fn path(text: &str) -> String {
    text.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

/// The text that was encoded; `None` if it was not, or is not UTF-8.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
            out.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.contains('+'))?);
            rest = &rest[2..];
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// Whether text can be a repository: `owner/name` of letters, digits, `-`, `_` and `.`.
pub(crate) fn is_repo(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=96).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && !part.starts_with(['.', '-'])
            && !part.contains("..")
    };
    text.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_keep_their_slashes_and_nothing_else() {
        assert_eq!(path("a b/c#d?e.gguf"), "a%20b/c%23d%3Fe.gguf");
        assert_eq!(encoded("refs/pr/1"), "refs%2Fpr%2F1");
        assert_eq!(decoded("100%"), None);
        assert_eq!(decoded("%+1"), None);
        for repo in ["a/b", "Qwen/Qwen3-0.6B-GGUF", "a_b/c.d"] {
            assert!(is_repo(repo), "{repo}");
        }
        for repo in ["a", "a/", "/a", "a/b/c", "a/..", "../a", "a b/c", ".a/b", "a/-b"] {
            assert!(!is_repo(repo), "{repo}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_can_be_decoded(text: String) {
            prop_assert_eq!(decoded(&encoded(&text)), Some(text));
        }
    }
}
