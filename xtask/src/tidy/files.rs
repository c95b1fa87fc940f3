//! Rules about files: their length, their first line, their names, and words that none may have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Findings;

/// Longer files are refused.
const MOST_LINES: usize = 500;

/// Longer files are warned about.
const MANY_LINES: usize = 400;

/// Names that say nothing about what a module is for.
const EMPTY_NAMES: &[&str] = &["utils", "helpers", "common", "manager"];

/// What no file may have, in two halves so that this file does not have it: hosts of package registries (which
/// registry is used is the user's configuration), and paths outside of the repository.
const FORBIDDEN: &[(&str, &str)] = &[
    ("pypi", ".org"),
    ("python", "hosted.org"),
    ("index.crates", ".io"),
    ("static.crates", ".io"),
    ("registry.npmjs", ".org"),
    ("/work", "/"),
    ("../sh", "ared"),
];

/// Folders that are not ours: build outputs and git's own.
const NOT_OURS: &[&str] = &["target", ".git"];

/// Checks all files below `root` and returns how many they are.
pub(super) fn check(root: &Path, findings: &mut Findings) -> Result<usize> {
    let mut paths = Vec::new();
    collect(root, &mut paths)?;
    for path in &paths {
        // What is not text is not written by hand.
        let Ok(text) =
            String::from_utf8(fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)
        else {
            continue;
        };
        let shown = path.strip_prefix(root).unwrap_or(path);
        forbidden_words(shown, &text, findings);
        if path.extension().is_some_and(|extension| extension == "rs") {
            length(shown, &text, findings);
            header(shown, &text, findings);
            module_names(shown, &text, findings);
        }
    }
    Ok(paths.len())
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        // The type of the entry itself: links are not followed.
        let kind = entry.file_type()?;
        if kind.is_file() {
            paths.push(entry.path());
        } else if kind.is_dir() && !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            collect(&entry.path(), paths)?;
        }
    }
    paths.sort();
    Ok(())
}

fn length(path: &Path, text: &str, findings: &mut Findings) {
    let lines = text.lines().count();
    if lines > MOST_LINES {
        findings.problem(format!("{} has {lines} lines: split it by idea", path.display()));
    } else if lines > MANY_LINES {
        findings.warning(format!("{} has {lines} lines", path.display()));
    }
}

/// The root of a crate says first what the crate is.
fn header(path: &Path, text: &str, findings: &mut Findings) {
    let is_root = path.file_name().is_some_and(|name| name == "lib.rs" || name == "main.rs");
    if is_root && !text.starts_with("//!") {
        findings.problem(format!("{} does not open with `//!`", path.display()));
    }
}

fn module_names(path: &Path, text: &str, findings: &mut Findings) {
    let in_path = path.iter().filter_map(|part| Path::new(part).file_stem()?.to_str());
    let in_text = text.lines().filter_map(|line| {
        let (_, name) = line.split_once("mod ").filter(|(before, _)| {
            let before = before.trim();
            before.is_empty() || before.starts_with("pub")
        })?;
        Some(name.trim_end_matches(['{', ';', ' ']))
    });
    for name in in_path.chain(in_text).filter(|name| EMPTY_NAMES.contains(name)) {
        findings.problem(format!("{}: `{name}` says nothing about what it is for", path.display()));
    }
}

fn forbidden_words(path: &Path, text: &str, findings: &mut Findings) {
    for (index, line) in text.lines().enumerate() {
        for word in FORBIDDEN.iter().map(|(start, end)| format!("{start}{end}")) {
            if line.contains(&word) {
                findings.problem(format!("{}:{} has `{word}`", path.display(), index + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: impl FnOnce(&mut Findings)) -> Findings {
        let mut findings = Findings::default();
        check(&mut findings);
        findings
    }

    #[test]
    fn long_files_are_warned_about_and_longer_ones_refused() {
        let of = |lines: usize| found(|findings| length(Path::new("a.rs"), &"\n".repeat(lines), findings));
        assert_eq!(of(MANY_LINES), Findings::default());
        assert_eq!(of(MOST_LINES).warnings.len(), 1);
        assert_eq!(of(MOST_LINES + 1).problems.len(), 1);
    }

    #[test]
    fn roots_of_crates_open_with_their_documentation() {
        let of = |path: &str, text: &str| found(|findings| header(Path::new(path), text, findings)).problems;
        assert!(of("src/lib.rs", "//! What it is.\n").is_empty());
        assert!(of("src/other.rs", "use a;").is_empty());
        assert_eq!(of("src/main.rs", "use a;").len(), 1);
    }

    #[test]
    fn empty_names_are_found_in_paths_and_in_text() {
        let of =
            |path: &str, text: &str| found(|findings| module_names(Path::new(path), text, findings)).problems;
        assert!(of("src/actor.rs", "mod ledger;\n// the common case").is_empty());
        assert_eq!(of("src/common.rs", "").len(), 1);
        assert_eq!(of("src/helpers/mod.rs", "").len(), 1);
        assert_eq!(of("src/lib.rs", "pub(crate) mod utils {").len(), 1);
        assert_eq!(of("src/lib.rs", "    mod manager;").len(), 1);
    }

    #[test]
    fn forbidden_words_are_found_with_their_line() {
        let (start, end) = FORBIDDEN[0];
        let text = format!("fine\nhttps://{start}{end}/simple\n");
        let problems = found(|findings| forbidden_words(Path::new("a.md"), &text, findings)).problems;
        assert_eq!(problems, [format!("a.md:2 has `{start}{end}`")]);
    }

    #[test]
    fn files_are_found_in_folders_and_build_outputs_are_not_looked_at() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src", "target"] {
            fs::create_dir(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("main.rs"), "fn main() {}").unwrap();
        }
        let mut findings = Findings::default();
        assert_eq!(check(root.path(), &mut findings).unwrap(), 1);
        assert_eq!(findings.problems.len(), 1);
    }
}
