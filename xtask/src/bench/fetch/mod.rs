//! `cargo xtask bench fetch`: downloads over loopback beside curl and aria2c, and SHA-256 beside sha256sum and
//! openssl.

mod section;
mod server;
mod timed;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::median::median;
use super::{machine, page};
use crate::fixtures::{Aria2, Store};
use crate::{command, workspace};
use section::{Facts, Row};
use timed::Run;

const CRATE: &str = "loadmaster-fetch";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// How often each program runs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long the file is, in MiB
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u64).range(1..))]
    mebibytes: u64,
}

/// What is measured: a name, and what is run for it: steps one after the other, the programs of a step at once.
struct Case {
    name: &'static str,
    steps: Vec<Vec<Command>>,
    runs: Vec<Run>,
}

/// Measures all in turn, so that what else the machine does hits all, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let download = workspace::build_release_example(CRATE, "download")?;
    let sha256 = workspace::build_release_example(CRATE, "sha256")?;
    let aria2 = Store::open()?.aria2().inspect_err(|error| eprintln!("without aria2c: {error:#}")).ok();
    let folder = tempfile::tempdir_in(workspace::root().join("target")).context("cannot create a folder")?;
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    let bytes = arguments.mebibytes << 20;
    fill(&source, bytes)?;
    let hash = command::capture(command::new("sha256sum").arg(&source))?;
    let hash = hash.split(' ').next().context("sha256sum says nothing")?.to_owned();
    let url = format!("http://{}/source", server::start(&source)?);

    let mut downloads = downloads(&download, aria2.as_ref(), &url, &target, &hash);
    let mut hashes = hashes(&sha256, &source, &hash)?;
    for round in 1..=arguments.rounds {
        for case in &mut downloads {
            let _ = fs::remove_file(&target);
            // What an earlier one left to be written is not this one's to wait for.
            command::run(&mut command::new("sync"))?;
            case.measure()?;
            ensure!(fs::metadata(&target)?.len() == bytes, "{} did not download the file", case.name);
        }
        for case in &mut hashes {
            case.measure()?;
        }
        eprintln!("{round} of {}", arguments.rounds);
    }
    let section = section::section(&Facts {
        arguments,
        machine: &machine::describe()?,
        downloads: &rows(downloads)?,
        hashes: &rows(hashes)?,
    });
    println!("{section}");
    page::write("fetch", &section)
}

impl Case {
    fn new(name: &'static str, steps: Vec<Command>) -> Self {
        Self { name, steps: steps.into_iter().map(|step| vec![step]).collect(), runs: Vec::new() }
    }

    fn at_once(name: &'static str, programs: Vec<Command>) -> Self {
        Self { name, steps: vec![programs], runs: Vec::new() }
    }

    fn measure(&mut self) -> Result<()> {
        let mut all = Run::default();
        for step in &mut self.steps {
            let run = timed::run(step).context(self.name)?;
            all = Run {
                seconds: all.seconds + run.seconds,
                cpu: all.cpu + run.cpu,
                memory: all.memory.max(run.memory),
            };
        }
        self.runs.push(all);
        Ok(())
    }
}

fn program(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = command::new(program);
    command.args(arguments);
    command
}

/// The downloads, ours first.
fn downloads(ours: &Path, aria2: Option<&Aria2>, url: &str, target: &Path, hash: &str) -> Vec<Case> {
    let path = target.to_string_lossy();
    let curl = || program("curl", &["--silent", "--fail", "--output", &path, url]);
    let openssl = || program("openssl", &["dgst", "-sha256", &path]);
    let mut cases = vec![
        Case::new(section::OURS, vec![program(ours, &[url, &path, hash])]),
        Case::new("curl", vec![curl()]),
        Case::new("curl, then openssl", vec![curl(), openssl()]),
        // All that ours does.
        Case::new(section::SAME_WORK, vec![curl(), openssl(), program("sync", &[&path])]),
    ];
    let Some(Aria2 { program: aria2, libraries }) = aria2 else { return cases };
    let mut aria2 = |name, more: &str| {
        let mut command = command::new(aria2);
        command.env("LD_LIBRARY_PATH", libraries).args(["--quiet", "--no-conf", "--file-allocation=none"]);
        command.args(["--max-connection-per-server=4", "--split=4", "--allow-overwrite=true", more]);
        command.arg("--dir").arg(target.parent().unwrap_or(target)).args(["--out", "target", url]);
        cases.push(Case::new(name, vec![command]));
    };
    aria2("aria2c, 4 connections", "--check-integrity=false");
    aria2("aria2c, 4 connections, SHA-256", &format!("--checksum=sha-256={hash}"));
    cases
}

/// The hashes of a file in the page cache, ours first.
fn hashes(ours: &Path, source: &Path, hash: &str) -> Result<Vec<Case>> {
    let path = source.to_string_lossy();
    let mut all = command::new(ours);
    let mut at_once = Vec::new();
    let cores = std::thread::available_parallelism().context("cannot count the cores")?.get();
    for core in 0..cores {
        let link: PathBuf = source.with_extension(core.to_string());
        fs::hard_link(source, &link).context("cannot link the file")?;
        all.arg(format!("{hash}={}", link.display()));
        at_once.push(program("openssl", &["dgst", "-sha256", &link.to_string_lossy()]));
    }
    Ok(vec![
        Case::new(section::OUR_HASH, vec![program(ours, &[&path])]),
        Case::new("openssl dgst", vec![program("openssl", &["dgst", "-sha256", &path])]),
        Case::new("sha256sum", vec![program("sha256sum", &[&path])]),
        Case::new(section::VERIFY, vec![all]),
        Case::at_once(section::AT_ONCE, at_once),
    ])
}

fn rows(cases: Vec<Case>) -> Result<Vec<Row>> {
    let row = |case: Case| {
        let middle = |value: fn(&Run) -> f64| median(case.runs.iter().map(value).collect());
        Some(Row {
            name: case.name,
            seconds: middle(|run| run.seconds)?,
            fastest: case.runs.iter().map(|run| run.seconds).min_by(f64::total_cmp)?,
            cpu: middle(|run| run.cpu)?,
            memory: middle(|run| run.memory)?,
        })
    };
    cases.into_iter().map(|case| row(case).context("nothing was measured")).collect()
}

/// Makes a file of random bytes, which no disk can compress.
fn fill(path: &Path, bytes: u64) -> Result<()> {
    let mut file = File::create(path).context("cannot create the file")?;
    let random = File::open("/dev/urandom").context("this runs on Linux alone")?;
    io::copy(&mut random.take(bytes), &mut file).context("cannot write the file")?;
    Ok(())
}
