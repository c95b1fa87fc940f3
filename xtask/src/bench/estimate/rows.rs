//! `engine.jsonl`: what the engine said, a line for each model and settings, so that a run goes on where one stopped.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::grid::Settings;
use super::report::Answer;

/// One answer of the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Row {
    /// The build of the engine, as its `--version` says it.
    pub(super) build: String,
    pub(super) model: String,
    #[serde(flatten)]
    pub(super) settings: Settings,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

/// The rows of `path`; none when there is no such file.
pub(in crate::bench) fn read<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    };
    // A run that was killed may have left half a line at the end; it is asked again.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), index + 1))
        })
        .collect()
}

/// Writes `rows` in the place of what `path` has.
pub(in crate::bench) fn write<R: Serialize>(path: &Path, rows: &[R]) -> Result<File> {
    let mut file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    rows.iter().try_for_each(|row| append(&mut file, row))?;
    Ok(file)
}

/// Adds a row at the end.
pub(in crate::bench) fn append<R: Serialize>(file: &mut File, row: &R) -> Result<()> {
    let line = serde_json::to_string(row).context("a row is no JSON")?;
    file.write_all(format!("{line}\n").as_bytes()).context("cannot write a row")
}

#[cfg(test)]
mod tests {
    use super::super::grid;
    use super::*;

    #[test]
    fn half_a_line_at_the_end_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.jsonl");
        assert!(read::<Row>(&path).unwrap().is_empty());
        let settings = grid::settings(2)[0];
        let answer = Answer::Refused { refused: "it is too large".into() };
        let row = Row { build: "1".into(), model: "a".into(), settings, answer };
        let mut file = write(&path, std::slice::from_ref(&row)).unwrap();
        append(&mut file, &row).unwrap();
        file.write_all(b"{\"build\":").unwrap();
        let rows: Vec<Row> = read(&path).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].settings, settings);
    }
}
