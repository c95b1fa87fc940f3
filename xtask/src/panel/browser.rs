//! `cargo xtask integration panel`: the page in a real browser, against a real daemon with real servers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::folder;
use crate::bench::scene::Parts;
use crate::fixtures::Store;
use crate::steps::Steps;
use crate::{command, prerequisites, workspace};

/// Where the driver finds what npm brought.
const TOOLS: &str = "PANEL_TOOLS";

/// What the driver is told.
const GIVEN: &str = "PANEL_TEST";

/// Each page, as the documentation shows it.
const SHOWN: &[&str] = &["system", "models", "llm", "images", "resources"];

/// Runs all scenes. Screenshots are in `target/panel` then, and some of them in `docs/panel` if `docs` says so.
pub(crate) fn run(docs: bool) -> Result<()> {
    let mut steps = Steps::default();
    let result = all(&mut steps, docs);
    steps.print_summary();
    result
}

fn all(steps: &mut Steps, docs: bool) -> Result<()> {
    let browser = steps.run("prerequisites", prerequisites::chromium)?;
    let store = Store::open()?;
    let tools = steps.run("fixtures", || store.panel_tools())?;
    let binary = steps.run("build", workspace::build_command)?;
    let parts = steps.run("servers and models", || Parts::of(&store, binary.clone()))?;
    steps.run("scenes", || {
        // A home of its own: nothing of the user's is read or changed.
        let home = tempfile::tempdir().context("cannot create a temporary folder")?;
        fs::write(home.path().join("config.toml"), parts.configuration())?;
        let out = workspace::root().join("target/panel");
        fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        let given = json!({
            "binary": binary,
            "home": home.path(),
            "chromium": browser,
            "out": out,
            "model": parts.smollm2,
        });
        let (node, _) = prerequisites::node_with_npm()?;
        let mut drive = command::new(node);
        drive.arg(folder().join("tests/browser/main.mjs")).env(TOOLS, &tools).env(GIVEN, given.to_string());
        command::run(&mut drive)?;
        println!("screenshots: {}", out.display());
        if docs { keep(&out) } else { Ok(()) }
    })
}

/// Copies the screenshots that the documentation shows.
fn keep(screenshots: &Path) -> Result<()> {
    let folder = workspace::root().join("docs/panel");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for page in SHOWN {
        for scheme in ["light", "dark"] {
            let name = format!("{page}-{scheme}.png");
            fs::copy(screenshots.join(&name), folder.join(&name))
                .with_context(|| format!("cannot keep {name}"))?;
        }
    }
    Ok(())
}
