//! The page's section of this benchmark.

use std::fmt::Write as _;

use super::compare::Summary;

/// What is written for one predictor and one place.
pub(super) struct Line {
    pub(super) predictor: &'static str,
    pub(super) place: &'static str,
    pub(super) summary: Summary,
}

/// The worst errors of one predictor with one model.
pub(super) struct ModelLine {
    pub(super) model: String,
    /// By predictor, in the order of the page; none where it predicts nothing.
    pub(super) summaries: Vec<Option<Summary>>,
}

/// The facts above the tables.
pub(super) struct Facts<'a> {
    pub(super) date: &'a str,
    pub(super) machine: &'a str,
    pub(super) build: &'a str,
    pub(super) answers: usize,
    pub(super) refused: usize,
}

pub(super) fn section(facts: &Facts<'_>, lines: &[Line], names: &[&str], models: &[ModelLine]) -> String {
    let Facts { date, machine, build, answers, refused } = facts;
    let mut text = format!(
        "## Estimated memory\n\n\
         `cargo xtask bench estimate --date {date}`, on {machine}. Predictions from the header alone beside llama-server's \
         own breakdown (version {build}), {answers} answers over {} models and a grid of settings; {refused} \
         combinations it refused are left out. Device: `ggml-rpc-server`, or Vulkan in software. The engine rounds \
         weights and cache down to MiB, and a device's compute buffer to 0.01 MiB: a total within that rounding is no error. Exact: within that rounding by \
         itself. Its breakdown has no output buffers, so neither have the predictions.\n\n\
         | predictor | where | answers | median error | 95th percentile | worst over | worst short | weights exact | cache exact | compute exact |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
        models.len(),
    );
    for Line { predictor, place, summary } in lines {
        let percent = |value: f64| format!("{:.1} %", value * 100.0);
        writeln!(
            text,
            "| {predictor} | {place} | {} | {} | {} | {} | {} | {} | {} | {} |",
            summary.count,
            percent(summary.median),
            percent(summary.percentile_95),
            percent(summary.worst_over),
            percent(summary.worst_short),
            percent(summary.weights_exact),
            percent(summary.cache_exact),
            percent(summary.compute_exact),
        )
        .expect("writing to a String cannot fail");
    }
    let header = names.join(" | ");
    let rule = "---|".repeat(names.len());
    write!(
        text,
        "\nOn the device over RPC, by model: worst short / worst over.\n\n| model | {header} |\n|---|{rule}\n"
    )
    .expect("writing to a String cannot fail");
    for ModelLine { model, summaries } in models {
        let cells: Vec<String> = summaries.iter().map(|summary| cell(summary.as_ref())).collect();
        writeln!(text, "| {model} | {} |", cells.join(" | ")).expect("writing to a String cannot fail");
    }
    text
}

fn cell(summary: Option<&Summary>) -> String {
    summary.map_or_else(
        || "-".into(),
        |summary| format!("{:.1} % / {:.1} %", summary.worst_short * 100.0, summary.worst_over * 100.0),
    )
}
