//! `cargo xtask bench images`: what an image was predicted to take of memory, beside the peak of the real process.

mod case;
mod grid;
mod log;
mod one_shot;
mod picture;
mod prediction;
mod resident;
mod section;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::estimate::rows;
use super::machine::{self, kibibytes};
use super::page;
use crate::fixtures::{Store, hold_out};
use crate::workspace;
use case::{Case, Folders, Options, Set};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// Measure alone the models with this in their names, or `hold-out`, and leave the page as it is
    #[arg(long)]
    only: Option<String>,
}

/// How a model is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// By `sd-cli`, once.
    OneShot,
    /// By `sd-server`, which had the model loaded.
    Resident,
}

/// What one image took.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    model: String,
    options: Options,
    /// Width and height in pixels.
    size: (u32, u32),
    way: Way,
    /// The most that the process had resident, in bytes.
    peak: u64,
    /// The buffers that the program printed, in bytes: those of weights and those of computing, by what it calls them.
    weights: BTreeMap<String, u64>,
    compute: BTreeMap<String, u64>,
}

impl Row {
    fn of(
        case: &Case,
        size: (u32, u32),
        way: Way,
        peak: u64,
        weights: BTreeMap<String, u64>,
        compute: BTreeMap<String, u64>,
    ) -> Self {
        Self { model: case.model.name.to_owned(), options: case.options, size, way, peak, weights, compute }
    }

    fn is_of(&self, case: &Case, size: (u32, u32), way: Way) -> bool {
        self.model == case.model.name && self.options == case.options && self.size == size && self.way == way
    }
}

/// What is measured, and with what.
struct Bench {
    cli: PathBuf,
    server: PathBuf,
    python: PathBuf,
    folders: Folders,
}

/// Measures what is missing, predicts, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let store = Store::open()?;
    let (images, python) = (store.images()?, store.python()?);
    // What was measured is kept for as long as these programs are, so that a run goes on where one stopped.
    let folder = workspace::root().join("target/bench-images");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    hold_out::write_all(&folder)?;
    let path = folder.join(format!("rows-{}.jsonl", build(&images.server)?));
    let folders = Folders { fixtures: images.models, hold_out: folder };
    let bench = Bench { cli: images.cli, server: images.server, python, folders };
    let mut measured = rows::read::<Row>(&path)?;
    let mut file = rows::write(&path, &measured)?;
    let is_wanted = |case: &&Case| {
        arguments.only.as_deref().is_none_or(|only| {
            case.model.name.contains(only) || only == "hold-out" && case.set == Set::HoldOut
        })
    };
    let wanted: Vec<&Case> = grid::CASES.iter().filter(is_wanted).collect();
    let all: usize = wanted.iter().map(|case| case.images().count()).sum();
    eprintln!("{all} images, {} of any are measured already", measured.len());
    let mut measuring = Measuring { bench: &bench, rows: &mut measured, file: &mut file };
    for case in &wanted {
        measuring.case(case)?;
    }
    let mut compared = Vec::new();
    for (case, size, way) in wanted.iter().flat_map(|case| case.images()) {
        let row = measured.iter().find(|row| row.is_of(case, size, way)).context("it was measured above")?;
        compared.push((case.set, row, prediction::of(case, &bench.folders, size, way)?));
    }
    let section = section::section(&arguments.date, &machine::describe()?, &compared)?;
    println!("{section}");
    if arguments.only.is_some() { Ok(()) } else { page::write("images", &section) }
}

/// What tells builds of the program apart: its length and when it was written, in seconds.
fn build(server: &Path) -> Result<String> {
    let metadata = fs::metadata(server).with_context(|| format!("cannot find {}", server.display()))?;
    let written = metadata.modified()?.duration_since(UNIX_EPOCH).context("it was written before 1970")?;
    Ok(format!("{}-{}", metadata.len(), written.as_secs()))
}

/// Rows, and the file that keeps them.
struct Measuring<'run> {
    bench: &'run Bench,
    rows: &'run mut Vec<Row>,
    file: &'run mut File,
}

impl Measuring<'_> {
    /// Measures what of `case` is missing.
    fn case(&mut self, case: &Case) -> Result<()> {
        for size in self.missing(case, Way::OneShot) {
            self.check_memory(case, size, Way::OneShot)?;
            let row = one_shot::measure(case, self.bench, size)
                .with_context(|| format!("sd-cli, {}, {size:?}", case.model.name))?;
            self.keep(row)?;
        }
        let sizes = self.missing(case, Way::Resident);
        let Some(&largest) = sizes.iter().max_by_key(|(width, height)| width * height) else {
            return Ok(());
        };
        self.check_memory(case, largest, Way::Resident)?;
        let mut server = resident::Resident::start(case, self.bench)
            .with_context(|| format!("sd-server, {}", case.model.name))?;
        for size in sizes {
            let row = server
                .measure(case, size)
                .with_context(|| format!("sd-server, {}, {size:?}", case.model.name))?;
            self.keep(row)?;
        }
        Ok(())
    }

    fn missing(&self, case: &Case, way: Way) -> Vec<(u32, u32)> {
        let is_missing = |size: &(u32, u32)| !self.rows.iter().any(|row| row.is_of(case, *size, way));
        case.sizes.iter().copied().filter(is_missing).collect()
    }

    fn keep(&mut self, row: Row) -> Result<()> {
        let (width, height) = row.size;
        eprintln!(
            "{} {} {width} x {height} {}: {} MiB",
            row.model,
            row.options.name(),
            way(row.way),
            row.peak >> 20
        );
        rows::append(self.file, &row)?;
        self.rows.push(row);
        Ok(())
    }

    /// Refuses what the machine could swap or kill: half as much again as is predicted must be free.
    fn check_memory(&self, case: &Case, size: (u32, u32), way: Way) -> Result<()> {
        let memory = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
        let available = kibibytes(&memory, "MemAvailable").context("it has no MemAvailable")? * 1024;
        let needed = prediction::of(case, &self.bench.folders, size, way)?.peak / 2 * 3;
        ensure!(available >= needed, "{} MiB are available, and {} needed", available >> 20, needed >> 20);
        Ok(())
    }
}

fn way(way: Way) -> &'static str {
    match way {
        Way::OneShot => "one-shot",
        Way::Resident => "resident",
    }
}

/// What both programs are given, and the environment that the product gives them: no spinning threads, and a heap
/// that gives back what is freed.
fn prepare(program: &mut Command, case: &Case, folders: &Folders) {
    program.args(case.arguments(folders)).arg("-v");
    program.envs([
        ("GGML_NO_BACKTRACE", "1"),
        ("OMP_WAIT_POLICY", "passive"),
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_MMAP_THRESHOLD_", "1048576"),
        ("MALLOC_TRIM_THRESHOLD_", "1048576"),
    ]);
}
