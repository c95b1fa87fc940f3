//! What a model is called in the library.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ModelsError;

/// Longest name, in bytes. With what is added to it, it stays below the 255 that file systems allow.
pub const MAX_NAME_BYTES: usize = 128;

/// Names of folders that Windows keeps for devices, with any extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// Names that the library needs for itself.
const OURS: &[&str] = &["parts"];

/// The name of a model, which is also the name of its folder on every system: ASCII letters, digits, `.`,
/// `_` and `-`, beginning with a letter or digit. Names that differ in case alone are the same name, as
/// they are the same folder on macOS and Windows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

impl ModelName {
    /// Takes a name as it is, or says why it is none.
    pub fn new(name: impl Into<String>) -> Result<Self, ModelsError> {
        let name = name.into();
        match problem(&name) {
            None => Ok(Self(name)),
            Some(cause) => Err(ModelsError::BadName { name: shortened(&name), cause }),
        }
    }

    /// The nearest name to `text`: what names cannot have becomes `-`.
    pub fn like(text: &str) -> Result<Self, ModelsError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let mut name = String::new();
        for c in text.chars().map(|c| if fits(c) { c } else { '-' }) {
            if !(c == '-' && name.ends_with('-')) && name.len() < MAX_NAME_BYTES {
                name.push(c);
            }
        }
        let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let name = name.trim_end_matches(['-', '.', '_']);
        match problem(name) {
            // Of a device, or of the library's own.
            Some(_) if !name.is_empty() => Self::new(format!("{}-model", name.replace('.', "-"))),
            _ => Self::new(name).map_err(|_| ModelsError::BadName {
                name: shortened(text),
                cause: "it has no letter or digit that a name could be made of",
            }),
        }
    }

    /// The name of a model in `file`: the file's name without its extension and the number of a part.
    pub fn of_file(file: &str) -> Result<Self, ModelsError> {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let is_part = loadmaster_gguf::shard_names(file).is_some();
        let whole =
            if is_part { stem.rsplit_once("-of-").and_then(|(rest, _)| rest.rsplit_once('-')) } else { None };
        Self::like(whole.map_or(stem, |(whole, _)| whole))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are the same folder where case does not count.
    pub fn is_same_folder(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

fn problem(name: &str) -> Option<&'static str> {
    let first = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = |device| {
        first.strip_prefix(device).is_some_and(|rest: &str| {
            rest.len() == 1 && rest != "0" && rest.bytes().all(|b| b.is_ascii_digit())
        })
    };
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_NAME_BYTES {
        Some("it is longer than 128 characters")
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        Some("only letters, digits, '.', '_' and '-' can be part of it")
    } else if !name.as_bytes()[0].is_ascii_alphanumeric() {
        Some("it must begin with a letter or digit")
    } else if name.ends_with('.') {
        Some("it must not end with a dot")
    } else if DEVICES.contains(&first.as_str()) || numbered("com") || numbered("lpt") {
        Some("Windows keeps it for a device")
    } else if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        Some("the library needs it for itself")
    } else {
        None
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0
    }
}

impl TryFrom<String> for ModelName {
    type Error = ModelsError;

    fn try_from(name: String) -> Result<Self, ModelsError> {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_no_folder_can_be_called_is_no_name() {
        for name in
            ["", ".", "..", "a/b", "a\\b", ".hidden", "-rf", "a.", "NUL", "con.gguf", "Com1", "Parts", "é"]
        {
            assert!(ModelName::new(name).is_err(), "{name}");
        }
        for name in ["a", "llama-3.2-1b", "Qwen3_0.6B", "com0", "com10", "console"] {
            assert!(ModelName::new(name).is_ok(), "{name}");
        }
        assert!(ModelName::new("x".repeat(MAX_NAME_BYTES + 1)).is_err());
    }

    #[test]
    fn files_give_names() {
        let name = |file| ModelName::of_file(file).unwrap().0;
        assert_eq!(name("Llama-3.2-1B-Q4_K_M.gguf"), "Llama-3.2-1B-Q4_K_M");
        assert_eq!(name("big-00002-of-00003.gguf"), "big");
        assert_eq!(name("my model (1).safetensors"), "my-model-1");
        assert_eq!(name("nul.gguf"), "nul-model");
        assert!(ModelName::of_file("....gguf").is_err());
    }

    proptest! {
        #[test]
        fn what_is_made_of_any_text_is_a_name(text in ".{0,200}") {
            if let Ok(name) = ModelName::like(&text) {
                prop_assert_eq!(ModelName::new(name.as_str()).unwrap(), name);
            }
        }
    }
}
