//! The page's section of this benchmark.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::case::Set;
use super::prediction::Prediction;
use super::{Row, Way, way};
use crate::bench::median::{median, percentile};

/// What the programs call the denoisers, and what they call the decoders.
const DENOISERS: [&str; 3] = ["unet", "flux", "mmdit"];
const DECODERS: [&str; 2] = ["vae", "taesd"];

pub(super) fn section(date: &str, machine: &str, compared: &[(Set, &Row, Prediction)]) -> Result<String> {
    let mut text = format!(
        "## Memory of images\n\n\
         `cargo xtask bench images --date {date}`, on {machine}. The pinned stable-diffusion.cpp on the CPU, with models of \
         random weights in true shapes, one step, in the environment that Loadmaster gives it. Real is the largest \
         resident set of the process: of `sd-cli` over its life (`wait4`), of `sd-server` over one image (`VmHWM`, lowered \
         before each through `clear_refs`). Predicted is from the headers of the files alone. An error is what the \
         prediction has more (+) or less (-) than real. Constants of the formulas were fitted on rows of the fit; those \
         of the hold-out have numbers of pixels, and where they are named by their widths shapes, that were not seen \
         then.\n\n\
         | rows | way | images | median error | p95 | worst over | worst short |\n|---|---|---|---|---|---|---|\n"
    );
    for (rows, set) in [("hold-out", Set::HoldOut), ("fit", Set::Fit)] {
        for (name, ways) in [
            ("one-shot (`sd-cli`)", &[Way::OneShot][..]),
            ("resident (`sd-server`)", &[Way::Resident]),
            ("both", &[Way::OneShot, Way::Resident]),
        ] {
            let errors: Vec<f64> = compared
                .iter()
                .filter(|(of, row, _)| *of == set && ways.contains(&row.way))
                .map(|(_, row, prediction)| error(row.peak, prediction.peak))
                .collect();
            text.extend(summary(&format!("{rows} | {name}"), &errors));
        }
    }
    text.push_str(
        "\nPeaks, and the printed buffers of computing, predicted / real, in MiB:\n\n\
         | rows | model | options | size | way | peak | error | denoiser | decoder |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (set, row, prediction) in compared {
        let rows = if *set == Set::Fit { "fit" } else { "hold-out" };
        let line = line(row, *prediction);
        writeln!(text, "| {rows} | {line} |").context("writing to a String cannot fail")?;
    }
    Ok(text)
}

/// A line of the table; none where nothing was measured.
fn summary(name: &str, errors: &[f64]) -> Option<String> {
    let sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    let (middle, tail) = (median(sizes.clone())?, percentile(sizes, 95)?);
    let over = errors.iter().fold(0.0_f64, |worst, error| worst.max(*error));
    let short = errors.iter().fold(0.0_f64, |worst, error| worst.max(-error));
    Some(format!(
        "| {name} | {} | {middle:.2} % | {tail:.2} % | {over:.2} % | {short:.2} % |\n",
        errors.len()
    ))
}

fn line(row: &Row, prediction: Prediction) -> String {
    let printed = |names: &[&str]| names.iter().find_map(|name| row.compute.get(*name));
    let both = |predicted, real: Option<&u64>| {
        format!("{} / {}", mib(predicted), real.map_or_else(|| "?".to_owned(), |real| mib(*real)))
    };
    [
        row.model.clone(),
        row.options.name(),
        format!("{} x {}", row.size.0, row.size.1),
        way(row.way).to_owned(),
        both(prediction.peak, Some(&row.peak)),
        format!("{:+.2} %", error(row.peak, prediction.peak)),
        both(prediction.denoiser, printed(&DENOISERS)),
        both(prediction.decoder, printed(&DECODERS)),
    ]
    .join(" | ")
}

/// What the prediction has more than what was real, in percent of that.
#[expect(clippy::cast_precision_loss, reason = "bytes of one process are far below 2^52")]
fn error(real: u64, predicted: u64) -> f64 {
    (predicted as f64 - real as f64) / real as f64 * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "bytes of one process are far below 2^52")]
fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::case::Options;
    use super::*;

    const MIB: u64 = 1 << 20;

    fn row(way: Way, peak: u64) -> Row {
        let compute =
            BTreeMap::from([("unet".into(), 5 * MIB), ("vae".into(), 7 * MIB), ("clip".into(), MIB)]);
        let weights = BTreeMap::new();
        Row {
            model: "a model".into(),
            options: Options::Tiling,
            size: (64, 32),
            way,
            peak: peak * MIB,
            weights,
            compute,
        }
    }

    #[test]
    fn errors_have_their_sign_and_the_worst_of_either_is_told() {
        let (cli, server) = (row(Way::OneShot, 100), row(Way::Resident, 200));
        let predicted = |peak| Prediction { peak: peak * MIB, denoiser: 4 * MIB, decoder: 8 * MIB };
        let text = section(
            "2026-01-02",
            "a machine",
            &[(Set::HoldOut, &cli, predicted(102)), (Set::HoldOut, &server, predicted(196))],
        )
        .unwrap();
        assert!(text.contains("| hold-out | both | 2 | 2.00 % | 2.00 % | 2.00 % | 2.00 % |"), "{text}");
        assert!(
            text.contains("| hold-out | resident (`sd-server`) | 1 | 2.00 % | 2.00 % | 0.00 % | 2.00 % |"),
            "{text}"
        );
        let line = "| hold-out | a model | `--vae-tiling` | 64 x 32 | one-shot | 102.0 / 100.0 | +2.00 % | 4.0 / 5.0 | 8.0 / 7.0 |";
        assert!(text.contains(line), "{text}");
    }
}
