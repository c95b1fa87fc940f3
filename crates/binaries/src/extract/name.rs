//! Names of entries: what they mean, and which are refused.

use std::fmt;

/// Folders within folders; real builds have three.
const DEEPEST: usize = 32;

/// The longest name that common file systems have, in bytes.
const LONGEST_PART: usize = 255;

/// The longest path that Windows takes without being asked, with room for the folder above.
const LONGEST: usize = 1024;

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameFault {
    /// There is nothing left of it.
    Empty,
    /// It is not UTF-8, or has characters that no name has.
    Characters,
    /// It begins at the root of the file system, or on another machine.
    Absolute,
    /// It names a drive, or a stream of a file.
    Drive,
    /// It goes up.
    Traversal,
    /// Windows takes it for a device.
    Reserved,
    /// Windows would cut its end off, and take it for another name.
    Ending,
    /// It is longer, or deeper, than file systems allow.
    TooLong,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Characters => "it is not UTF-8, or has control characters",
            Self::Absolute => "it is absolute",
            Self::Drive => "it has a `:`, as drives and streams have",
            Self::Traversal => "it goes up (`..`)",
            Self::Reserved => "Windows takes it for a device",
            Self::Ending => "it ends with a point or a space, which Windows cuts off",
            Self::TooLong => "it is too long or too deep",
        })
    }
}

/// The parts of a path below the archive's root. Rules of all systems hold on all of them, so that an archive
/// that is fine on one is fine everywhere.
pub(crate) fn parts_of(name: &str) -> Result<Vec<String>, NameFault> {
    if name.len() > LONGEST {
        return Err(NameFault::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(NameFault::Characters);
    }
    // Some programs for Windows write backslashes; on Unix such a name could be a file's, but no build's.
    let name = name.replace('\\', "/");
    if name.starts_with('/') {
        return Err(NameFault::Absolute);
    }
    if name.contains(':') {
        return Err(NameFault::Drive);
    }
    let parts: Vec<_> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() {
        return Err(NameFault::Empty);
    }
    if parts.len() > DEEPEST {
        return Err(NameFault::TooLong);
    }
    for part in &parts {
        check(part)?;
    }
    Ok(parts.into_iter().map(str::to_owned).collect())
}

fn check(part: &str) -> Result<(), NameFault> {
    if part == ".." {
        return Err(NameFault::Traversal);
    }
    if part.len() > LONGEST_PART {
        return Err(NameFault::TooLong);
    }
    if part.contains(['<', '>', '"', '|', '?', '*']) {
        return Err(NameFault::Characters);
    }
    if part.ends_with(['.', ' ']) {
        return Err(NameFault::Ending);
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    let numbered = |device: &str| {
        let number = stem.strip_prefix(device).unwrap_or_default();
        // The superscripts count as digits here (Microsoft, "Naming Files, Paths, and Namespaces").
        number.chars().count() == 1 && number.contains(|c: char| c.is_ascii_digit() || "¹²³".contains(c))
    };
    let device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$");
    if device || numbered("COM") || numbered("LPT") {
        return Err(NameFault::Reserved);
    }
    Ok(())
}

/// What two names have in common that some file system takes for the same.
pub(super) fn folded(parts: &[String]) -> String {
    parts.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>().join("/")
}

/// A name fit to print.
pub(super) fn printable(name: &[u8]) -> String {
    const LONGEST_SHOWN: usize = 120;
    String::from_utf8_lossy(name).chars().take(LONGEST_SHOWN).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_builds_are_taken() {
        for (name, parts) in [
            ("llama-b9860/llama-server", vec!["llama-b9860", "llama-server"]),
            ("./build/bin/libggml.so.0", vec!["build", "bin", "libggml.so.0"]),
            ("build\\bin\\ggml-cpu-haswell.dll", vec!["build", "bin", "ggml-cpu-haswell.dll"]),
            ("llama-b1/", vec!["llama-b1"]),
            ("..a/b..c", vec!["..a", "b..c"]),
            ("community/console", vec!["community", "console"]),
        ] {
            assert_eq!(parts_of(name).unwrap(), parts, "{name}");
        }
    }

    #[test]
    fn dangerous_names_are_refused_each_for_its_reason() {
        let long = "a".repeat(256);
        let deep = "a/".repeat(33);
        for (name, why) in [
            ("", NameFault::Empty),
            ("./", NameFault::Empty),
            ("../evil", NameFault::Traversal),
            ("a/../../evil", NameFault::Traversal),
            ("a\\..\\..\\evil", NameFault::Traversal),
            ("/etc/passwd", NameFault::Absolute),
            ("\\\\server\\share\\evil", NameFault::Absolute),
            ("//server/share", NameFault::Absolute),
            ("C:\\evil", NameFault::Drive),
            ("c:evil", NameFault::Drive),
            ("\\\\?\\C:\\evil", NameFault::Absolute),
            ("file:stream", NameFault::Drive),
            ("a\0b", NameFault::Characters),
            ("a\u{1b}[31m", NameFault::Characters),
            ("what?", NameFault::Characters),
            ("con", NameFault::Reserved),
            ("bin/NUL.txt", NameFault::Reserved),
            ("COM1", NameFault::Reserved),
            ("lpt³.dll", NameFault::Reserved),
            ("evil. ", NameFault::Ending),
            ("a./b", NameFault::Ending),
            (&long, NameFault::TooLong),
            (&deep, NameFault::TooLong),
        ] {
            assert_eq!(parts_of(name), Err(why), "{name:?}");
        }
    }
}
