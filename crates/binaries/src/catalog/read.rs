//! From TOML to builds that make sense; every refusal names its line.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::build::{Build, Source};

/// The one form there is.
const SCHEMA: u32 = 1;

/// The longest id: it becomes the name of a folder.
const LONGEST_ID: usize = 80;

/// A catalog as read.
pub(super) struct Read {
    pub(super) builds: Vec<Build>,
    pub(super) hide: BTreeSet<String>,
    pub(super) mirrors: BTreeMap<String, String>,
}

/// What is wrong, and on which line (from 1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) cause: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Spanned<u32>,
    #[serde(default)]
    hide: BTreeSet<String>,
    #[serde(default)]
    mirrors: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    build: Vec<Spanned<Build>>,
}

/// Reads and checks a catalog.
pub(super) fn read(text: &str) -> Result<Read, Fault> {
    let fault = |at: usize, cause: String| Fault { line: line(text, at), cause };
    let file: File = toml::from_str(text)
        .map_err(|error| fault(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    if *file.schema.get_ref() != SCHEMA {
        let cause =
            format!("schema {} is not known; this version reads schema {SCHEMA}", file.schema.get_ref());
        return Err(fault(file.schema.span().start, cause));
    }
    for mirror in file.mirrors.values() {
        address(mirror.get_ref()).map_err(|cause| fault(mirror.span().start, cause))?;
    }
    let mut seen = BTreeSet::new();
    for build in &file.build {
        let at = build.span().start;
        let build = build.get_ref();
        check(build).map_err(|cause| fault(at, format!("build `{}`: {cause}", build.id)))?;
        if !seen.insert(&build.id) {
            return Err(fault(at, format!("there is another build `{}`", build.id)));
        }
    }
    Ok(Read {
        builds: file.build.into_iter().map(Spanned::into_inner).collect(),
        hide: file.hide,
        mirrors: file.mirrors.into_iter().map(|(from, to)| (from, to.into_inner())).collect(),
    })
}

fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn check(build: &Build) -> Result<(), String> {
    id(&build.id)?;
    if build.version.is_empty() {
        return Err("it has no version".to_owned());
    }
    if build.variants.is_empty() {
        return Err("it is for nothing: `variants` is empty".to_owned());
    }
    if let Some(driver) = &build.needs.driver
        && crate::choose::numbers(driver).is_none()
    {
        return Err(format!("`{driver}` is no version of a driver: numbers with points between them are"));
    }
    match &build.from {
        Source::Archive(archive) => {
            address(&archive.url)?;
            sha256(&archive.sha256)?;
            folders(&archive.only)?;
        }
        Source::Pip(pip) => {
            python_name(&pip.package)?;
            python_name(&pip.version)?;
            file_name(&pip.file)?;
            sha256(&pip.sha256)?;
            folders(&pip.only)?;
        }
        Source::Path(path) if !path.is_absolute() => {
            return Err(format!("the path {} is not absolute", path.display()));
        }
        Source::Path(_) if !build.also.is_empty() => {
            return Err("nothing can be added (`also`) to what is on this machine already".to_owned());
        }
        Source::Path(_) => {}
    }
    for extra in &build.also {
        address(&extra.url)?;
        sha256(&extra.sha256)?;
    }
    Ok(())
}

/// Whether `id` is fit to be a folder on any system, and no option of any program.
fn id(id: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let starts = id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts && id.len() <= LONGEST_ID && id.chars().all(fits) && !id.ends_with('.') {
        return Ok(());
    }
    Err(format!(
        "an id has at most {LONGEST_ID} of a to z, 0 to 9, `.`, `_` and `-`, begins with a letter or digit, and does not end with `.`"
    ))
}

fn sha256(digits: &str) -> Result<(), String> {
    if digits.len() == 64 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(format!("`{digits}` is no SHA-256: it has 64 digits of 0 to 9 and a to f"))
}

fn address(url: &str) -> Result<(), String> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    Err(format!("`{url}` is no address: it begins with https://"))
}

/// Letters, digits, `.`, `_`, `-`, `+` and `!` make up names and versions of packages; so none is an option.
fn python_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-+!".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(format!("`{name}` is no name or version of a Python package"))
}

fn file_name(name: &str) -> Result<(), String> {
    let is_wheel = name.strip_suffix(".whl").is_some_and(|stem| !stem.is_empty());
    if is_wheel && !name.contains(['/', '\\']) && !name.starts_with('.') {
        return Ok(());
    }
    Err(format!("`{name}` is no name of a wheel"))
}

fn folders(only: &[String]) -> Result<(), String> {
    match only.iter().find(|folder| crate::extract::parts_of(folder).is_err()) {
        Some(folder) => Err(format!("`{folder}` is no folder of an archive")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Fault {
        match read(text) {
            Ok(_) => panic!("it was taken: {text}"),
            Err(fault) => fault,
        }
    }

    /// A catalog with one build, in which `line` takes the place of the line that begins like it.
    fn with(line: &str) -> String {
        let start = line.split('=').next().unwrap();
        let sha256 = "ab".repeat(32);
        let good = format!(
            "schema = 1\n[[build]]\nid = \"a\"\nprogram = \"llama\"\nversion = \"1\"\nvariants = [\"cpu\"]\n\
             needs = {{ driver = \"1.2\" }}\n[build.from.archive]\nurl = \"https://a/b\"\nsha256 = \"{sha256}\"\n\
             only = [\"a/b\"]\n"
        );
        let lines = good.lines().map(|old| if old.starts_with(start) { line } else { old });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        assert!(read(&with("id = \"a\"")).is_ok());
        for (line, number, part) in [
            ("schema = 2", 1, "schema 2"),
            ("schema = \"1\"", 1, "expected u32"),
            ("id = \"../a\"", 2, "an id has"),
            ("id = \"\"", 2, "an id has"),
            ("program = \"word\"", 4, "unknown variant"),
            ("variants = []", 2, "for nothing"),
            ("variants = [\"cpu\", \"tpu\"]", 6, "unknown variant"),
            ("needs = { driver = \"new\" }", 2, "no version of a driver"),
            ("needs = { diver = \"1\" }", 7, "unknown field"),
            ("url = \"ftp://a/b\"", 2, "no address"),
            ("sha256 = \"AB\"", 2, "no SHA-256"),
            ("only = [\"../a\"]", 2, "no folder"),
        ] {
            let fault = refused(&with(line));
            assert!(fault.cause.contains(part), "{line}: {}", fault.cause);
            assert_eq!(fault.line, number, "{line}: {}", fault.cause);
        }
    }

    #[test]
    fn packages_cannot_be_options() {
        assert!(python_name("llama-server").is_ok());
        assert!(python_name("1.0.post1+cu12").is_ok());
        for name in ["-r", "--index-url=x", "a b", "", "a;b", "a@http"] {
            assert!(python_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_same_id_twice_is_refused() {
        let build = "[[build]]\nid = \"a\"\nprogram = \"llama\"\nversion = \"1\"\nvariants = [\"cpu\"]\nfrom = { path = \"/a\" }\n";
        let fault = refused(&format!("schema = 1\n{build}{build}"));
        assert_eq!((fault.line, fault.cause.contains("another")), (8, true));
    }
}
