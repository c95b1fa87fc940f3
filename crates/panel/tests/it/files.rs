//! The files of the page: what is vendored is what is pinned, what is needed is fetched early, all of it is small.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// The most that the page may weigh when it is packed, in bytes.
const MOST: usize = 150 * 1024;

/// Modules that are loaded later, when a chart is shown.
const LATER: &[&str] = &["/assets/vendor/uplot.js"];

fn ui() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
}

/// All files below `folder`.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("it is a folder of this crate") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() { files.extend(below(&path)) } else { files.push(path) }
    }
    files
}

/// Where a file is served.
fn address(path: &Path) -> String {
    let name =
        path.strip_prefix(ui()).expect("it is below").to_str().expect("names are plain").replace('\\', "/");
    format!("/assets/{name}")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own == extension)
}

#[test]
fn every_module_is_fetched_with_the_page() {
    let page = fs::read_to_string(ui().join("index.html")).unwrap();
    let named: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("<link rel=\"modulepreload\" href=\"")?.strip_suffix("\">"))
        .map(str::to_owned)
        .collect();
    let there: BTreeSet<String> = below(&ui())
        .iter()
        .filter(|path| has_extension(path, "js"))
        .map(|path| address(path))
        .filter(|address| !LATER.contains(&address.as_str()))
        .collect();
    let missing: Vec<_> = there.difference(&named).collect();
    let gone: Vec<_> = named.difference(&there).collect();
    assert!(missing.is_empty() && gone.is_empty(), "index.html lacks {missing:?}, and names {gone:?}");
}

#[test]
fn the_whole_page_is_small() {
    let sum: usize = below(&ui())
        .iter()
        .filter(|path| !path.to_string_lossy().ends_with(".d.ts") && !has_extension(path, "txt"))
        .map(|path| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            packed.write_all(&fs::read(path).unwrap()).unwrap();
            packed.finish().unwrap().len()
        })
        .sum();
    assert!(sum < MOST, "{sum} bytes packed, charts included");
}

#[test]
fn our_modules_make_no_html_of_text() {
    for path in below(&ui().join("js")) {
        let text = fs::read_to_string(&path).unwrap();
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn every_vendored_file_is_pinned_and_has_its_licence() {
    let pins = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor.json")).unwrap();
    let pins: serde_json::Value = serde_json::from_slice(&pins).unwrap();
    let licences = fs::read_to_string(ui().join("vendor/LICENCES.txt")).unwrap();
    let mut pinned = BTreeSet::new();
    for package in pins["packages"].as_array().unwrap() {
        let text = |name: &str| package[name].as_str().unwrap();
        assert_eq!(text("archive_sha256").len(), 64);
        let heading = format!("==== {} {}, {}", text("name"), text("version"), text("licence"));
        assert!(licences.contains(&heading), "{heading}");
        for file in package["files"].as_array().unwrap() {
            pinned.insert(file["to"].as_str().unwrap().to_owned());
        }
    }
    let there: BTreeSet<String> = below(&ui().join("vendor"))
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !name.ends_with(".d.ts") && name != "LICENCES.txt")
        .collect();
    assert_eq!(there, pinned);
}
