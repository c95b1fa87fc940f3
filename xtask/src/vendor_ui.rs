//! `cargo xtask vendor-ui`: brings the modules of the control panel from npm, as `crates/panel/vendor.json` pins
//! them, into `crates/panel/ui/vendor`, where they are checked in.
//!
//! Browsers resolve no names of packages without an import map, which would have to be a script in the page, and
//! the page allows none. So the few imports of packages are rewritten to the files' own paths.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{command, prerequisites, workspace};

/// How the modules name each other, and the file that is meant.
const IMPORTS: &[(&str, &str)] = &[
    ("\"preact\"", "\"./preact.js\""),
    ("\"preact/hooks\"", "\"./preact-hooks.js\""),
    ("\"@preact/signals-core\"", "\"./signals-core.js\""),
];

#[derive(Deserialize)]
struct Pinned {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    licence: String,
    archive_sha256: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    from: String,
    to: String,
}

/// Fetches, checks and writes them all.
pub(crate) fn run() -> Result<()> {
    let panel = workspace::root().join("crates/panel");
    let pins = panel.join("vendor.json");
    let text = fs::read(&pins).with_context(|| format!("cannot read {}", pins.display()))?;
    let Pinned { packages } =
        serde_json::from_slice(&text).with_context(|| format!("cannot read {}", pins.display()))?;
    let (_, npm) = prerequisites::node_with_npm()?;
    let folder = panel.join("ui/vendor");
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut licences = String::from("Files in this folder, with their licences.\n");
    for (index, package) in packages.iter().enumerate() {
        let unpacked = scratch.path().join(index.to_string());
        fs::create_dir(&unpacked)?;
        fetch(&npm, package, &unpacked)?;
        for file in &package.files {
            let from = unpacked.join("package").join(&file.from);
            let text = fs::read_to_string(&from)
                .with_context(|| format!("{} {} has no {}", package.name, package.version, file.from))?;
            fs::write(folder.join(&file.to), rewritten(&text))?;
        }
        licences.push_str(&licence(package, &unpacked)?);
        println!("{} {} ({})", package.name, package.version, package.licence);
    }
    fs::write(folder.join("LICENCES.txt"), licences)?;
    Ok(())
}

/// Packs `package` at the registry that npm is configured for, checks the archive and unpacks it into `folder`.
fn fetch(npm: &Path, package: &Package, folder: &Path) -> Result<()> {
    let mut pack = command::new(npm);
    pack.args(["pack", "--silent", &format!("{}@{}", package.name, package.version)]).current_dir(folder);
    pack.stdin(Stdio::null());
    let printed = command::capture(&mut pack).context("npm could not fetch a module: is there a network?")?;
    let archive: PathBuf = folder.join(printed.trim());
    let found = hex(&Sha256::digest(fs::read(&archive)?));
    if found != package.archive_sha256 {
        bail!("the archive of {} {} has the SHA-256 {found}", package.name, package.version);
    }
    command::run(command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(folder))
}

/// The same module with its imports as paths, and without the comment that names a map which is not here.
fn rewritten(text: &str) -> String {
    let text = IMPORTS.iter().fold(text.to_owned(), |text, (name, path)| text.replace(name, path));
    let lines = text.lines().filter(|line| !line.starts_with("//# sourceMappingURL="));
    lines.map(|line| line.to_owned() + "\n").collect()
}

fn licence(package: &Package, unpacked: &Path) -> Result<String> {
    let text = fs::read_to_string(unpacked.join("package/LICENSE"))
        .with_context(|| format!("{} has no LICENSE", package.name))?;
    ensure!(!text.trim().is_empty(), "the licence of {} is empty", package.name);
    let Package { name, version, licence, .. } = package;
    Ok(format!("\n==== {name} {version}, {licence}\n\n{}\n", text.trim_end()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_become_paths() {
        let module =
            "import{h}from\"preact\";import{useRef}from\"preact/hooks\";\n//# sourceMappingURL=a.map\n";
        let expected = "import{h}from\"./preact.js\";import{useRef}from\"./preact-hooks.js\";\n";
        assert_eq!(rewritten(module), expected);
    }
}
