//! Rules about crates: who may depend on whom, and what each crate has.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Findings;
use crate::command;

/// Who may depend on whom: a crate, and the members of the workspace that it may name in its manifest, in
/// `[dev-dependencies]` too. Arrows go one way; nothing below knows what is above.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "loadmaster",
        &[
            "loadmaster-backend-llama",
            "loadmaster-backend-sd",
            "loadmaster-binaries",
            "loadmaster-checkpoint",
            "loadmaster-control",
            "loadmaster-core",
            "loadmaster-fetch",
            "loadmaster-gateway",
            "loadmaster-gguf",
            "loadmaster-images",
            "loadmaster-models",
            "loadmaster-orchestrator",
            "loadmaster-panel",
            "loadmaster-supervise",
            "loadmaster-sysprobe",
        ],
    ),
    (
        "loadmaster-control",
        &[
            "loadmaster-binaries",
            "loadmaster-checkpoint",
            "loadmaster-core",
            "loadmaster-fetch",
            "loadmaster-gateway",
            "loadmaster-gguf",
            "loadmaster-models",
            "loadmaster-orchestrator",
            "loadmaster-supervise",
            "loadmaster-sysprobe",
        ],
    ),
    (
        "loadmaster-gateway",
        &["loadmaster-core", "loadmaster-images", "loadmaster-orchestrator", "loadmaster-upstream"],
    ),
    ("loadmaster-orchestrator", &["loadmaster-core", "loadmaster-sysprobe"]),
    (
        "loadmaster-backend-llama",
        &["loadmaster-core", "loadmaster-gguf", "loadmaster-supervise", "loadmaster-upstream"],
    ),
    (
        "loadmaster-backend-sd",
        &[
            "loadmaster-checkpoint",
            "loadmaster-core",
            "loadmaster-gguf",
            "loadmaster-images",
            "loadmaster-supervise",
            "loadmaster-upstream",
        ],
    ),
    ("loadmaster-binaries", &["loadmaster-fetch", "loadmaster-supervise", "loadmaster-sysprobe"]),
    ("loadmaster-upstream", &["loadmaster-core"]),
    ("loadmaster-core", &[]),
    ("loadmaster-fetch", &[]),
    ("loadmaster-checkpoint", &["loadmaster-gguf"]),
    ("loadmaster-gguf", &[]),
    ("loadmaster-images", &[]),
    ("loadmaster-models", &["loadmaster-checkpoint", "loadmaster-fetch", "loadmaster-gguf"]),
    ("loadmaster-panel", &[]),
    ("loadmaster-supervise", &[]),
    ("loadmaster-sysprobe", &[]),
    ("xtask", &["loadmaster-checkpoint", "loadmaster-gguf", "loadmaster-images"]),
];

/// The tests see the whole system.
const MAY_DEPEND_ON_ANYTHING: &str = "loadmaster-tests";

/// The command is an example of itself.
const NEEDS_NO_EXAMPLE: &str = "loadmaster";

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// Set for members of the workspace.
    path: Option<PathBuf>,
}

pub(super) fn check(findings: &mut Findings) -> Result<()> {
    let metadata = command::capture(command::cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cannot read cargo's metadata")?;
    for package in &metadata.packages {
        direction(package, findings);
        let manifest = fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("cannot read {}", package.manifest_path.display()))?;
        lints(&package.name, &manifest, findings);
        if let Some(folder) = package.manifest_path.parent() {
            front_page(&package.name, folder, findings);
        }
    }
    Ok(())
}

fn direction(package: &Package, findings: &mut Findings) {
    let name = &package.name;
    if name == MAY_DEPEND_ON_ANYTHING {
        return;
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(from, _)| from == name) else {
        findings.problem(format!(
            "{name} is not in the table of who may depend on whom (xtask/src/tidy/crates.rs)"
        ));
        return;
    };
    for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
        let to = &dependency.name;
        if !allowed.contains(&to.as_str()) {
            findings.problem(format!("{name} may not depend on {to}: arrows go one way"));
        }
    }
}

fn lints(name: &str, manifest: &str, findings: &mut Findings) {
    let inherits = manifest
        .parse::<toml::Table>()
        .ok()
        .and_then(|manifest| manifest.get("lints")?.get("workspace")?.as_bool())
        .unwrap_or(false);
    if !inherits {
        findings.problem(format!("{name} does not inherit the lints: add `[lints]` with `workspace = true`"));
    }
}

/// Crates for others to use have a front page and something to run.
fn front_page(name: &str, folder: &Path, findings: &mut Findings) {
    if name == MAY_DEPEND_ON_ANYTHING {
        return;
    }
    if !folder.join("README.md").is_file() {
        findings.problem(format!("{name} has no README.md"));
    }
    let has_example = fs::read_dir(folder.join("examples")).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
    });
    if !has_example && ![NEEDS_NO_EXAMPLE, "xtask"].contains(&name) {
        findings.problem(format!("{name} has no examples/*.rs"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, members: &[&str], others: &[&str]) -> Package {
        let dependency = |name: &&str, path| Dependency { name: (*name).to_owned(), path };
        let members = members.iter().map(|name| dependency(name, Some(PathBuf::from("/crates"))));
        let others = others.iter().map(|name| dependency(name, None));
        Package {
            name: name.into(),
            manifest_path: PathBuf::new(),
            dependencies: members.chain(others).collect(),
        }
    }

    fn problems(check: impl FnOnce(&mut Findings)) -> Vec<String> {
        let mut findings = Findings::default();
        check(&mut findings);
        findings.problems
    }

    #[test]
    fn an_arrow_upwards_is_a_problem_and_one_downwards_is_not() {
        let down = package("loadmaster-gateway", &["loadmaster-orchestrator"], &["axum"]);
        assert!(problems(|findings| direction(&down, findings)).is_empty());
        let up = package("loadmaster-orchestrator", &["loadmaster-gateway"], &[]);
        assert_eq!(
            problems(|findings| direction(&up, findings)),
            ["loadmaster-orchestrator may not depend on loadmaster-gateway: arrows go one way"]
        );
        let around = package("loadmaster-gateway", &["loadmaster-backend-llama"], &[]);
        assert_eq!(problems(|findings| direction(&around, findings)).len(), 1);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_a_problem() {
        assert_eq!(problems(|findings| direction(&package("new", &[], &[]), findings)).len(), 1);
        let tests = package(MAY_DEPEND_ON_ANYTHING, &["loadmaster"], &[]);
        assert!(problems(|findings| direction(&tests, findings)).is_empty());
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Each crate's arrows lead to crates that can be laid below it, until all are laid.
        let mut laid: Vec<&str> = Vec::new();
        while laid.len() < ALLOWED.len() {
            let before = laid.len();
            for (name, below) in ALLOWED {
                if !laid.contains(name) && below.iter().all(|name| laid.contains(name)) {
                    laid.push(name);
                }
            }
            assert!(laid.len() > before, "a cycle among those that are not in {laid:?}");
        }
    }

    #[test]
    fn lints_are_inherited_or_it_is_a_problem() {
        assert!(problems(|findings| lints("a", "[lints]\nworkspace = true", findings)).is_empty());
        assert_eq!(problems(|findings| lints("a", "[lints]\nworkspace = false", findings)).len(), 1);
        assert_eq!(problems(|findings| lints("a", "[package]\nname = \"a\"", findings)).len(), 1);
    }

    #[test]
    fn a_crate_needs_a_front_page_and_something_to_run() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(problems(|findings| front_page("loadmaster-core", folder.path(), findings)).len(), 2);
        assert_eq!(problems(|findings| front_page("loadmaster", folder.path(), findings)).len(), 1);
        fs::write(folder.path().join("README.md"), "# Core").unwrap();
        fs::create_dir(folder.path().join("examples")).unwrap();
        fs::write(folder.path().join("examples/show.rs"), "fn main() {}").unwrap();
        assert!(problems(|findings| front_page("loadmaster-core", folder.path(), findings)).is_empty());
    }
}
