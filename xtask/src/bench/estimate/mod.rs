//! `cargo xtask bench estimate`: predicted memory beside what llama-server says, over the zoo and a grid of settings.

mod compare;
mod engine;
mod grid;
mod ours;
mod peers;
mod predict;
mod report;
pub(super) mod rows;
mod section;
pub(super) mod ways;
mod workers;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{machine, page};
use crate::fixtures::Store;
use crate::zoo::Written;
use crate::{command, zoo};
use compare::{Actual, Outcome, Place, Summary};
use grid::{Accelerator, Settings};
use predict::{Predictor, Subject};
use report::Answer;
use rows::Row;
use section::{Facts, Line, ModelLine};

const PREDICTORS: &[Predictor] = &[
    Predictor { name: "loadmaster", predict: ours::predict },
    Predictor { name: "the original: 1.2 x file", predict: peers::original },
    Predictor { name: "file + naive cache", predict: peers::file_and_naive_cache },
];

/// What `bench estimate` is asked for.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// The folder of the models and of engine.jsonl instead of target/zoo
    #[arg(long, value_name = "DIR")]
    zoo: Option<PathBuf>,
    /// How many servers are asked at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    jobs: u32,
    /// The models to compare instead of all
    models: Vec<String>,
}

/// Asks the engine what is not known yet, compares, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark needs the pinned llama-server, which is for Linux");
    let llama_server = Store::open()?.llama_server()?;
    let folder = arguments.zoo.clone().unwrap_or_else(zoo::folder);
    let mut rows = engine_rows(&llama_server, &folder, arguments)?;
    rows.retain(|row| arguments.models.is_empty() || arguments.models.contains(&row.model));
    let section = compare_all(&arguments.date, &folder, &rows)?;
    println!("{section}");
    // A part of the models is for whoever works on the formulas, and no result.
    if arguments.models.is_empty() { page::write("estimate", &section) } else { Ok(()) }
}

/// What is compared apart: the software driver has limits that the other device has not.
const GROUPS: &[(&str, Place, &[Accelerator])] = &[
    ("device over RPC", Place::Device, &[Accelerator::Rpc]),
    ("device of Vulkan in software", Place::Device, &[Accelerator::Vulkan]),
    ("host, alone or beside RPC", Place::Host, &[Accelerator::None, Accelerator::Rpc]),
    ("host beside Vulkan in software", Place::Host, &[Accelerator::Vulkan]),
];

/// One prediction beside the truth.
struct Compared<'rows> {
    model: &'rows str,
    predictor: usize,
    group: usize,
    outcome: Outcome,
}

/// The section of the page.
fn compare_all(date: &str, folder: &Path, rows: &[Row]) -> Result<String> {
    let mut subjects: BTreeMap<&str, Subject> = BTreeMap::new();
    let mut compared = Vec::new();
    let mut refused = 0;
    for row in rows {
        let Answer::Report(report) = &row.answer else {
            refused += 1;
            continue;
        };
        let subject = match subjects.entry(&row.model) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Subject::open(&folder.join(format!("{}.gguf", row.model)))?),
        };
        for (predictor, Predictor { predict, .. }) in PREDICTORS.iter().enumerate() {
            let prediction = predict(subject, &row.settings);
            for (group, (_, place, accelerators)) in GROUPS.iter().enumerate() {
                let bytes = match place {
                    Place::Device => prediction.device,
                    Place::Host => prediction.host,
                };
                let actual =
                    Actual::of(report, *place).filter(|_| accelerators.contains(&row.settings.accelerator));
                let outcome = actual.zip(bytes).map(|(actual, bytes)| actual.compare(&bytes));
                compared.extend(outcome.map(|outcome| Compared {
                    model: &row.model,
                    predictor,
                    group,
                    outcome,
                }));
            }
        }
    }
    let build = rows.first().map_or("unknown", |row| row.build.as_str());
    let machine = machine::describe()?;
    let facts = Facts { date, machine: &machine, build, answers: rows.len() - refused, refused };
    let names: Vec<&str> = PREDICTORS.iter().map(|predictor| predictor.name).collect();
    Ok(section::section(&facts, &lines(&compared), &names, &by_model(&compared)))
}

fn summary<'rows>(
    compared: &[Compared<'rows>],
    is_meant: impl Fn(&Compared<'rows>) -> bool,
) -> Option<Summary> {
    let meant = compared.iter().filter(|compared| is_meant(compared));
    Summary::of(&meant.map(|compared| compared.outcome).collect::<Vec<_>>())
}

fn lines(compared: &[Compared<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (group, (place, ..)) in GROUPS.iter().enumerate() {
        for (predictor, Predictor { name, .. }) in PREDICTORS.iter().enumerate() {
            let summary =
                summary(compared, |compared| (compared.predictor, compared.group) == (predictor, group));
            lines.extend(summary.map(|summary| Line { predictor: name, place, summary }));
        }
    }
    lines
}

/// By model, on the first kind of device.
fn by_model(compared: &[Compared<'_>]) -> Vec<ModelLine> {
    let models: BTreeSet<&str> = compared.iter().map(|compared| compared.model).collect();
    let line = |model: &str| ModelLine {
        model: model.to_owned(),
        summaries: (0..PREDICTORS.len())
            .map(|predictor| {
                summary(compared, |compared| {
                    (compared.model, compared.predictor, compared.group) == (model, predictor, 0)
                })
            })
            .collect(),
    };
    models.into_iter().map(line).collect()
}

/// One question for the engine.
struct Question<'models> {
    model: &'models Written,
    settings: Settings,
}

/// The rows of all questions: known ones from the file, the others asked and added to it.
fn engine_rows(llama_server: &Path, folder: &Path, arguments: &Arguments) -> Result<Vec<Row>> {
    let build = build(llama_server)?;
    let file = folder.join("engine.jsonl");
    let known: Vec<Row> = rows::read::<Row>(&file)?.into_iter().filter(|row| row.build == build).collect();
    let models = zoo::write(folder, &arguments.models)?;
    let mut open = VecDeque::new();
    for model in &models {
        for settings in grid::settings(model.blocks) {
            let is_known = |row: &Row| row.model == model.name && row.settings == settings;
            if !known.iter().any(is_known) {
                open.push_back(Question { model, settings });
            }
        }
    }
    eprintln!("{} answers are known, {} are asked for", known.len(), open.len());
    let rows = rows::write(&file, &known)?;
    workers::ask_all(llama_server, arguments.jobs, open, rows, |engine, Question { model, settings }| {
        let answer = engine.ask(model, &settings);
        let answer = answer.with_context(|| format!("{} with {settings:?}", model.name))?;
        Ok(Row { build: build.clone(), model: model.name.into(), settings, answer })
    })?;
    rows::read(&file)
}

/// The build as `llama-server --version` says it; that goes to the standard error.
fn build(llama_server: &Path) -> Result<String> {
    let output = command::new(llama_server)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot start {}", llama_server.display()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let version = text.lines().find_map(|line| line.strip_prefix("version: "));
    version.map(str::to_owned).with_context(|| format!("llama-server --version printed {text:?}"))
}
