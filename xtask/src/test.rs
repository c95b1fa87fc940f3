//! `cargo xtask test` and `cargo xtask integration`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::fixtures::{Paths, Store};
use crate::steps::Steps;
use crate::{command, environment, prerequisites, tidy, workspace};

/// Tests with this in their name run the command as it ships.
const SHIPPED: &str = "shipped_binary";

/// How often processes are killed at random moments where the tests run alone and have the time.
const MANY_KILLS: &str = "200";

/// Runs all tests, or those that match a filter.
pub(crate) fn run(filters: &[String]) -> Result<()> {
    let mut steps = Steps::default();
    let result =
        if filters.is_empty() { everything(&mut steps, "default") } else { filtered(&mut steps, filters) };
    steps.print_summary();
    result
}

/// Every test there is, and `tidy`.
pub(crate) fn everything(steps: &mut Steps, profile: &str) -> Result<()> {
    let paths = prepare(steps)?;
    let binary = steps.run("build", workspace::build_all_binaries)?;
    let release = steps.run("build release", workspace::build_release)?;
    let mut nextest = nextest("run", &["--workspace", "--profile", profile]);
    nextest.envs(variables(&paths, binary)).env(environment::TEST_BIN_RELEASE, release);
    run_tests(steps, &mut nextest)?;
    steps.run("doc tests", || {
        command::run(command::cargo().args(["test", "--workspace", "--doc", "--quiet"]))
    })?;
    steps.run("tidy", tidy::run)
}

fn filtered(steps: &mut Steps, filters: &[String]) -> Result<()> {
    let paths = prepare(steps)?;
    let binary = steps.run("build", workspace::build_all_binaries)?;
    let listed = command::capture(nextest("list", &["--workspace"]).args(filters))?;
    let mut run = nextest("run", &["--workspace"]);
    run.args(filters).envs(variables(&paths, binary));
    if listed.contains(SHIPPED) {
        // Link-time optimisation takes minutes: only for those who ask for a test that needs it.
        run.env(environment::TEST_BIN_RELEASE, steps.run("build release", workspace::build_release)?);
    }
    run_tests(steps, &mut run)
}

/// Runs the whole-system tests alone, with the user's own server and model where given.
pub(crate) fn run_integration(llama_server: Option<PathBuf>, model: Option<PathBuf>) -> Result<()> {
    let own = |path: Option<PathBuf>| {
        path.map(|path| path.canonicalize().with_context(|| format!("cannot use {}", path.display())))
            .transpose()
    };
    let (llama_server, model) = (own(llama_server)?, own(model)?);
    let mut steps = Steps::default();
    let result = integration(&mut steps, llama_server, model);
    steps.print_summary();
    result
}

fn integration(steps: &mut Steps, llama_server: Option<PathBuf>, model: Option<PathBuf>) -> Result<()> {
    steps.run("prerequisites", prerequisites::for_tests)?;
    let paths = steps.run("fixtures", || {
        let store = Store::open()?;
        Ok(Paths {
            llama_server: llama_server.map_or_else(|| store.llama_server(), Ok)?,
            smollm2: model.map_or_else(|| store.smollm2(), Ok)?,
            python: store.python()?,
            images: store.images()?,
        })
    })?;
    let binary = steps.run("build", workspace::build_all_binaries)?;
    let release = steps.run("build release", workspace::build_release)?;
    let mut nextest = nextest("run", &["--package", "loadmaster-tests"]);
    nextest.envs(variables(&paths, binary)).env(environment::TEST_BIN_RELEASE, release);
    nextest.env(environment::TEST_KILLS, MANY_KILLS);
    run_tests(steps, &mut nextest)
}

fn prepare(steps: &mut Steps) -> Result<Paths> {
    steps.run("prerequisites", prerequisites::for_tests)?;
    steps.run("fixtures", || Store::open()?.all())
}

fn nextest(subcommand: &str, arguments: &[&str]) -> Command {
    let mut nextest = command::cargo();
    nextest.args(["nextest", subcommand]).args(arguments);
    nextest
}

/// Runs the tests; nextest's own summary closes the table of steps, whether they pass or not.
fn run_tests(steps: &mut Steps, nextest: &mut Command) -> Result<()> {
    if std::io::stderr().is_terminal() {
        nextest.args(["--color", "always"]);
    }
    let mut summary = None;
    let result = steps.run("tests", || command::run_and_keep_line(nextest, "Summary", &mut summary));
    steps.closing_line = summary;
    result
}

/// What the tests find their real servers, models and clients by.
fn variables(paths: &Paths, binary: PathBuf) -> [(&'static str, PathBuf); 8] {
    [
        (environment::TEST_LLAMA_SERVER, paths.llama_server.clone()),
        (environment::TEST_SMOLLM2, paths.smollm2.clone()),
        (environment::TEST_PYTHON, paths.python.clone()),
        (environment::TEST_SD_CLI, paths.images.cli.clone()),
        (environment::TEST_SD_SERVER, paths.images.server.clone()),
        (environment::TEST_SD_MODELS, paths.images.models.clone()),
        (environment::TEST_SD_LORAS, paths.images.loras.clone()),
        (environment::TEST_BIN, binary),
    ]
}
