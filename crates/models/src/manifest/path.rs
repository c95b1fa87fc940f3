//! Paths inside of the library.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::error::ModelsError;

/// A path below a folder of the library: names separated by `/`, none of which leads out of it on any
/// system. Manifests are data that anybody may have written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

impl RelativePath {
    /// Takes a path, or says why it is not one below a folder.
    pub fn new(path: impl Into<String>) -> Result<Self, ModelsError> {
        let path = path.into();
        if path.len() <= 1024 && path.split('/').all(is_plain_name) {
            Ok(Self(path))
        } else {
            let path: String = path.chars().take(120).collect();
            Err(ModelsError::BadPath { path: path.escape_debug().to_string() })
        }
    }

    /// The path, with `/` between its names.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Where it is below `folder`.
    pub fn below(&self, folder: &Path) -> PathBuf {
        let mut path = folder.to_path_buf();
        path.extend(self.0.split('/'));
        path
    }
}

/// Whether a file or folder can be called this on every system.
fn is_plain_name(name: &str) -> bool {
    // Windows: a colon is a drive or a stream, and dots and spaces at the end are dropped.
    let bad = |c: char| c.is_control() || matches!(c, '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*');
    !name.is_empty() && name.len() <= 240 && !name.chars().any(bad) && !name.ends_with(['.', ' '])
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<RelativePath> for String {
    fn from(path: RelativePath) -> Self {
        path.0
    }
}

impl TryFrom<String> for RelativePath {
    type Error = ModelsError;

    fn try_from(path: String) -> Result<Self, ModelsError> {
        Self::new(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let bad = [
            "", "/a", "a/", "a//b", "..", "a/../b", ".", "a/.", "c:a", "c:\\a", "a\\..\\b", "a\0", "a.",
            "a ", "a*",
        ];
        for path in bad {
            assert!(RelativePath::new(path).is_err(), "{path}");
        }
        let path = RelativePath::new("UD-Q4/My model..v1.gguf").unwrap();
        assert_eq!(path.below(Path::new("x")), Path::new("x").join("UD-Q4").join("My model..v1.gguf"));
        assert_eq!(path.file_name(), "My model..v1.gguf");
    }
}
