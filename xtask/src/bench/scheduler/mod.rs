//! `cargo xtask bench scheduler`: patterns of requests in virtual time, under our decisions and simpler ones.
//!
//! The example `schedulers` of the orchestrator plays them: it has the patterns and the other schedulers.

mod section;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{machine, page};
use crate::{command, workspace};

/// What came of one pattern under one scheduler: a line that the example prints.
#[derive(Debug, Clone, Deserialize)]
struct Played {
    pattern: String,
    scheduler: String,
    models: u64,
    report: Report,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Report {
    completed: u64,
    refused: u64,
    loads: u64,
    bytes_loaded: u64,
    overcommitted: u64,
    peak_percent: f64,
    used_percent: f64,
    waits: Waits,
    cost: Cost,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Waits {
    median: Duration,
    p99: Duration,
    longest: Duration,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Cost {
    decisions: u64,
    each: Times,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Times {
    mean: Duration,
    median: Duration,
    p99: Duration,
}

/// Plays all patterns, and writes the page.
pub(super) fn run(date: &str) -> Result<()> {
    let program = workspace::build_release_example("loadmaster-orchestrator", "schedulers")?;
    let lines = command::capture(&mut command::new(program))?;
    let played: Vec<Played> = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("reading what was played")?;
    let ours = played.iter().filter(|one| one.scheduler == section::OURS);
    for one in ours {
        let Report { overcommitted, peak_percent, .. } = one.report;
        ensure!(overcommitted == 0, "{}: more than all memory was taken, {peak_percent:.0} %", one.pattern);
    }
    let section = section::section(date, &machine::describe()?, &played);
    println!("{section}");
    page::write("scheduler", &section)
}
