//! The files of the page: what is vendored is what is pinned, what is needed is fetched early, all of it is small.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Component, Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// The most that the page may weigh when it is packed, in bytes.
const MOST: usize = 150 * 1024;

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

/// What is needed to draw the page that is shown first.
const FIRST: [&str; 2] = ["js/main.js", "js/tabs/system/page.js"];

/// The modules that the module at `path` imports when it is loaded.
fn imports(path: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(path).expect("it is a module of this crate");
    let code = text.lines().filter(|line| !line.trim_start().starts_with(['/', '*']));
    let named = code.flat_map(|line| line.split("from").skip(1)).filter_map(|rest| {
        let (name, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        name.starts_with('.').then(|| name.to_owned())
    });
    named.map(|name| plain(&path.with_file_name("").join(name))).collect()
}

/// `path` without `..` in it.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
        plain
    })
}

#[test]
fn what_the_first_page_needs_is_fetched_with_it() {
    let page = fs::read_to_string(ui().join("index.html")).unwrap();
    let named: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("<link rel=\"modulepreload\" href=\"")?.strip_suffix("\">"))
        .map(str::to_owned)
        .collect();
    let mut needed = BTreeSet::new();
    let mut open: Vec<PathBuf> = FIRST.iter().map(|name| ui().join(name)).collect();
    while let Some(path) = open.pop() {
        if needed.insert(address(&path)) {
            open.extend(imports(&path));
        }
    }
    let missing: Vec<_> = needed.difference(&named).collect();
    let idle: Vec<_> = named.difference(&needed).collect();
    assert!(
        missing.is_empty() && idle.is_empty(),
        "index.html lacks {missing:?}, and names {idle:?} in vain"
    );
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
