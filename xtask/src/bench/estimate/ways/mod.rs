//! `cargo xtask bench ways`: the same comparison over ways of loading, each device by itself.

mod grid;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use loadmaster_gguf::memory::MemoryModel;
use serde::{Deserialize, Serialize};

use super::compare::{Actual, Outcome, Place, Summary};
use super::grid::Settings;
use super::predict::Subject;
use super::report::{Answer, Report};
use super::{Arguments, build, ours, rows, workers};
use crate::bench::{machine, page};
use crate::fixtures::Store;
use crate::zoo::{self, Written};
use grid::{MODELS, WAYS, Way};

/// One answer of the engine.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    build: String,
    model: String,
    way: String,
    #[serde(flatten)]
    settings: Settings,
    #[serde(flatten)]
    answer: Answer,
}

/// Asks the engine what is not known yet, compares, and writes the page.
pub(in crate::bench) fn run(arguments: &Arguments) -> Result<()> {
    let llama_server = Store::open()?.llama_server()?;
    let folder = arguments.zoo.clone().unwrap_or_else(zoo::folder);
    let mut rows = engine_rows(&llama_server, &folder, arguments)?;
    rows.retain(|row| arguments.models.is_empty() || arguments.models.contains(&row.model));
    let section = section(&arguments.date, &folder, &rows)?;
    println!("{section}");
    if arguments.models.is_empty() { page::write("ways", &section) } else { Ok(()) }
}

/// What a way came out like.
#[derive(Default)]
struct Outcomes {
    devices: Vec<Outcome>,
    host: Vec<Outcome>,
}

fn section(date: &str, folder: &Path, rows: &[Row]) -> Result<String> {
    let mut models: BTreeMap<&str, MemoryModel> = BTreeMap::new();
    let mut ways: BTreeMap<&str, Outcomes> = BTreeMap::new();
    let mut refused = 0;
    for row in rows {
        let Answer::Report(report) = &row.answer else {
            eprintln!("{} {}: {:?}", row.model, row.way, row.answer);
            refused += 1;
            continue;
        };
        let Some(way) = WAYS.iter().find(|way| way.name == row.way) else { continue };
        if !models.contains_key(row.model.as_str()) {
            let subject = Subject::open(&folder.join(format!("{}.gguf", row.model)))?;
            models.insert(&row.model, MemoryModel::of(&subject.header));
        }
        compare(&models[row.model.as_str()], way, row, report, ways.entry(way.name).or_default())?;
    }
    let build = rows.first().map_or("unknown", |row| row.build.as_str());
    let machine = machine::describe()?;
    let mut text = format!(
        "## Estimated memory, by way of loading\n\n\
         `cargo xtask bench ways --date {date}`, on {machine}. Predictions beside llama-server's own breakdown (version \
         {build}), {} answers over {} models, {refused} refused; each `ggml-rpc-server` by itself. Rounding and \
         exactness as above.\n\n\
         | way of loading | where | figures | median error | worst over | worst short | weights exact | cache exact | compute exact |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        rows.len() - refused,
        models.len(),
    );
    let named = WAYS.iter().filter_map(|way| Some((way.name, ways.remove(way.name)?)));
    let named: Vec<(&str, Outcomes)> = named.collect();
    let all = |pick: fn(&Outcomes) -> &Vec<Outcome>| -> Vec<Outcome> {
        named.iter().flat_map(|(_, outcomes)| pick(outcomes).iter().copied()).collect()
    };
    let sum = Outcomes { devices: all(|outcomes| &outcomes.devices), host: all(|outcomes| &outcomes.host) };
    for (name, outcomes) in named.iter().chain([&("all of them", sum)]) {
        for (place, outcomes) in [("devices", &outcomes.devices), ("host", &outcomes.host)] {
            if let Some(summary) = Summary::of(outcomes) {
                line(&mut text, name, place, &summary);
            }
        }
    }
    Ok(text)
}

fn line(text: &mut String, name: &str, place: &str, summary: &Summary) {
    let percent = |value: f64| format!("{:.1} %", value * 100.0);
    writeln!(
        text,
        "| {name} | {place} | {} | {} | {} | {} | {} | {} | {} |",
        summary.count,
        percent(summary.median),
        percent(summary.worst_over),
        percent(summary.worst_short),
        percent(summary.weights_exact),
        percent(summary.cache_exact),
        percent(summary.compute_exact),
    )
    .expect("writing to a String cannot fail");
}

fn compare(model: &MemoryModel, way: &Way, row: &Row, report: &Report, to: &mut Outcomes) -> Result<()> {
    let usage = model.predict(&way.load(&row.settings)?);
    let add = |actual: Option<Actual>, part, to: &mut Vec<Outcome>| {
        let Some(actual) = actual else { return };
        let outcome = actual.compare(&ours::bytes(part));
        // A line for whoever works on the formulas.
        if std::cmp::max_by(outcome.error.abs(), 0.0, f64::total_cmp) > 0.01
            || !outcome.weights_exact
            || !outcome.cache_exact
        {
            let Settings { flash_attention, gpu_layers, slots, micro_batch, .. } = row.settings;
            eprintln!(
                "{} {}: {:.2} % fa {flash_attention} layers {gpu_layers} slots {slots} batch {micro_batch}\n    {part:?}\n    {actual:?}",
                row.model,
                row.way,
                outcome.error * 100.0
            );
        }
        to.push(outcome);
    };
    for (number, part) in usage.devices.iter().enumerate() {
        add(Actual::of_device(report, number), part, &mut to.devices);
    }
    add(Actual::of(report, Place::Host), &usage.host, &mut to.host);
    Ok(())
}

/// One question for the engine.
struct Question<'models> {
    model: &'models Written,
    way: &'static Way,
    settings: Settings,
}

fn engine_rows(llama_server: &Path, folder: &Path, arguments: &Arguments) -> Result<Vec<Row>> {
    let build = build(llama_server)?;
    let file = folder.join("ways.jsonl");
    let known: Vec<Row> = rows::read::<Row>(&file)?.into_iter().filter(|row| row.build == build).collect();
    let names: Vec<String> = MODELS.iter().map(|&name| name.to_owned()).collect();
    let models = zoo::write(folder, &names)?;
    let mut open = VecDeque::new();
    for model in models.iter().filter(|model| is_asked(arguments, model)) {
        for way in WAYS {
            for settings in grid::settings(model.blocks) {
                let is_known =
                    |row: &Row| row.model == model.name && row.way == way.name && row.settings == settings;
                if !known.iter().any(is_known) {
                    open.push_back(Question { model, way, settings });
                }
            }
        }
    }
    eprintln!("{} answers are known, {} are asked for", known.len(), open.len());
    let rows = rows::write(&file, &known)?;
    workers::ask_all(
        llama_server,
        arguments.jobs,
        open,
        rows,
        |engine, Question { model, way, settings }| {
            let answer = engine.ask_in_a_way(model, &settings, way.devices(), &way.flags());
            let answer = answer.with_context(|| format!("{} {} with {settings:?}", model.name, way.name))?;
            Ok(Row { build: build.clone(), model: model.name.into(), way: way.name.into(), settings, answer })
        },
    )?;
    rows::read(&file)
}

fn is_asked(arguments: &Arguments, model: &Written) -> bool {
    arguments.models.is_empty() || arguments.models.iter().any(|name| name == model.name)
}
