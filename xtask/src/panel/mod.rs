//! `cargo xtask panel` and `cargo xtask integration panel`: what checks the control panel's page.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

pub(crate) use browser::run as in_a_browser;

use crate::fixtures::Store;
use crate::steps::Steps;
use crate::{command, prerequisites, workspace};

/// Packages whose types the vendored modules have, and the folder of each below `node_modules`.
const TYPES: &[&str] = &["preact", "@preact/signals", "@preact/signals-core", "htm"];

/// Checks types, and runs the unit tests.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::default();
    let result = checks(&mut steps);
    steps.print_summary();
    result
}

/// The same, as steps of a longer run.
pub(crate) fn checks(steps: &mut Steps) -> Result<()> {
    let tools = steps.run("panel tools", || Store::open()?.panel_tools())?;
    steps.run("panel types", || types(&tools))?;
    steps.run("panel unit tests", unit_tests)
}

fn folder() -> PathBuf {
    workspace::root().join("crates/panel")
}

/// Checks the types in comments of the page's modules, strictly.
fn types(tools: &Path) -> Result<()> {
    let modules = tools.join("node_modules");
    let mut paths: serde_json::Map<_, _> =
        TYPES.iter().map(|name| ((*name).to_owned(), json!([modules.join(name)]))).collect();
    paths.insert("preact/hooks".to_owned(), json!([modules.join("preact/hooks")]));
    let scripts = folder().join("ui/js");
    let configuration = json!({
        "extends": folder().join("tsconfig.json"),
        "compilerOptions": { "paths": paths },
        "include": [scripts.join("**/*.js"), scripts.join("types.d.ts")],
    });
    // The paths are this machine's: the file that has them is made anew each time.
    let project = tempfile::tempdir().context("cannot make a temporary folder")?;
    let file = project.path().join("tsconfig.json");
    fs::write(&file, configuration.to_string())?;
    let (node, _) = prerequisites::node_with_npm()?;
    let compiler = modules.join("typescript/bin/tsc");
    command::run(command::new(node).arg(compiler).arg("--project").arg(&file))
}

fn unit_tests() -> Result<()> {
    let (node, _) = prerequisites::node_with_npm()?;
    let tests = folder().join("tests/unit");
    let mut files: Vec<PathBuf> = fs::read_dir(&tests)
        .with_context(|| format!("cannot list {}", tests.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    command::run(command::new(node).arg("--test").args(files))
}
