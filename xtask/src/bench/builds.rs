//! `cargo xtask bench builds`: the check of a build at each start of a server, beside hashing the same files.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use super::median::median;
use super::{machine, page};
use crate::fixtures::Store;
use crate::{command, workspace};

/// Measures, and writes the page.
pub(super) fn run(date: &str, rounds: u32) -> Result<()> {
    let check = workspace::build_release_example("loadmaster-binaries", "check")?;
    let server = Store::open()?.llama_server()?;
    let folder = tempfile::tempdir().context("cannot create a folder")?;
    let mut ours = command::new(check);
    ours.arg(folder.path()).arg(&server).arg(rounds.to_string());
    let ours: Value = serde_json::from_str(&command::capture(&mut ours)?).context("the check's answer")?;
    let (files, bytes) = files(folder.path(), server.parent().context("the server lies in a folder")?)?;
    let mut others = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        command::capture(command::new("sha256sum").args(&files))?;
        others.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let times = |name: &str| -> Vec<f64> {
        ours[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let rows = [
        ("a glance (`run`, `serve`)", times("glance")),
        ("`Library::find`, which compares the machine's cards as well", times("find")),
        ("`binaries verify`: all bytes", times("read")),
        ("`sha256sum` of the same files", others),
    ];
    let section = section(date, rounds, &machine::describe()?, (files.len(), bytes), rows)?;
    println!("{section}");
    page::write("builds", &section)
}

/// The files that the check looks at, as its record has them, and their bytes.
fn files(library: &Path, root: &Path) -> Result<(Vec<PathBuf>, u64)> {
    let records = library.join("llama/records");
    let record = fs::read_dir(&records)?.next().context("there is no record")??.path();
    let record: Value = serde_json::from_slice(&fs::read(record)?)?;
    let files = record["files"].as_array().context("the record has no files")?;
    let paths = files.iter().filter_map(|file| file["path"].as_str()).map(|path| root.join(path));
    Ok((paths.collect(), files.iter().filter_map(|file| file["bytes"].as_u64()).sum()))
}

fn section(
    date: &str,
    rounds: u32,
    machine: &str,
    (files, bytes): (usize, u64),
    rows: [(&str, Vec<f64>); 4],
) -> Result<String> {
    let mut text = format!(
        "## Builds of servers\n\n\
         `cargo xtask bench builds --date {date} --rounds {rounds}`, on {machine}. What tells before each start that the server is \
         the one that was proven: {files} files, {} MiB, in the page cache; medians of {rounds}.\n\n\
         | check | time |\n|---|---|\n",
        bytes >> 20
    );
    for (name, times) in rows {
        let middle = median(times).with_context(|| format!("{name} was not measured"))?;
        writeln!(text, "| {name} | {middle:.2} ms |").context("writing to a String cannot fail")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_its_median() {
        let rows = [("a", vec![0.1, 0.3, 0.2]), ("b", vec![1.0]), ("c", vec![2.0]), ("d", vec![3.0])];
        let text = section("2026-02-28", 3, "a machine", (31, 5 << 20), rows).unwrap();
        assert!(text.contains("31 files, 5 MiB") && text.contains("| a | 0.20 ms |\n"), "{text}");
        let nothing = [("a", vec![]), ("b", vec![]), ("c", vec![]), ("d", vec![])];
        assert!(section("", 0, "", (0, 0), nothing).is_err());
    }
}
