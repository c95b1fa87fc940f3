//! `cargo xtask bench images`: what an image was predicted to take of memory, beside the peak of the real process.

mod case;
mod log;
mod one_shot;
mod prediction;
mod resident;
mod section;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::estimate::rows;
use super::{machine, page};
use crate::fixtures::{Images, Store};
use case::{Case, Options};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// A file that keeps what was measured, a line for each; what it has is not measured again
    #[arg(long)]
    rows: Option<PathBuf>,
    /// Measure alone what has this in its name, and leave the page as it is
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
    side: u32,
    way: Way,
    /// The most that the process had resident, in bytes.
    peak: u64,
    /// The buffers that the program printed, in bytes: those of weights and those of computing, by what it calls them.
    weights: BTreeMap<String, u64>,
    compute: BTreeMap<String, u64>,
}

impl Row {
    fn is_of(&self, case: &Case, side: u32, way: Way) -> bool {
        self.model == case.model.name && self.options == case.options && self.side == side && self.way == way
    }
}

/// Measures what is missing, predicts, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let store = Store::open()?;
    let (images, python) = (store.images()?, store.python()?);
    let kept = tempfile::tempdir().context("cannot create a temporary folder")?;
    let path = arguments.rows.clone().unwrap_or_else(|| kept.path().join("rows.jsonl"));
    let mut measured = rows::read::<Row>(&path)?;
    let mut file = rows::write(&path, &measured)?;
    let wanted =
        |case: &&Case| arguments.only.as_ref().is_none_or(|only| case.model.name.contains(only.as_str()));
    for case in case::CASES.iter().filter(wanted) {
        let known = measured.len();
        measure(case, &images, &python, &mut measured, &mut file)?;
        for row in &measured[known..] {
            eprintln!("{} {} {}: {} MiB", row.model, row.side, way(row.way), row.peak >> 20);
        }
    }
    let mut compared = Vec::new();
    for (case, side, way) in case::CASES.iter().filter(wanted).flat_map(Case::images) {
        let row = measured.iter().find(|row| row.is_of(case, side, way)).context("it was measured above")?;
        compared.push((row, prediction::of(case, &images.models, side, way)?));
    }
    let section = section::section(&arguments.date, &machine::describe()?, &compared)?;
    println!("{section}");
    if arguments.only.is_some() { Ok(()) } else { page::write("images", &section) }
}

/// Measures what of `case` is not among `rows` yet, and adds it to them and to their file.
fn measure(case: &Case, images: &Images, python: &Path, rows: &mut Vec<Row>, file: &mut File) -> Result<()> {
    let missing = |way: Way, rows: &[Row]| -> Vec<u32> {
        let is_missing = |side: &u32| !rows.iter().any(|row| row.is_of(case, *side, way));
        case.sides.iter().copied().filter(is_missing).collect()
    };
    for side in missing(Way::OneShot, rows) {
        let row = one_shot::measure(case, images, python, side)
            .with_context(|| format!("sd-cli, {}, {side}", case.model.name))?;
        rows::append(file, &row)?;
        rows.push(row);
    }
    let sides = missing(Way::Resident, rows);
    if sides.is_empty() {
        return Ok(());
    }
    let mut server =
        resident::Resident::start(case, images).with_context(|| format!("sd-server, {}", case.model.name))?;
    for side in sides {
        let row =
            server.measure(case, side).with_context(|| format!("sd-server, {}, {side}", case.model.name))?;
        rows::append(file, &row)?;
        rows.push(row);
    }
    Ok(())
}

fn way(way: Way) -> &'static str {
    match way {
        Way::OneShot => "one-shot",
        Way::Resident => "resident",
    }
}

/// What both programs are given, and the environment that the product gives them: no spinning threads, and a heap
/// that gives back what is freed.
fn prepare(program: &mut Command, case: &Case, models: &Path) {
    program.args(case.arguments(models)).arg("-v");
    program.envs([
        ("GGML_NO_BACKTRACE", "1"),
        ("OMP_WAIT_POLICY", "passive"),
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_MMAP_THRESHOLD_", "1048576"),
        ("MALLOC_TRIM_THRESHOLD_", "1048576"),
    ]);
}
