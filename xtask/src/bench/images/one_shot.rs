//! The peak of `sd-cli`, as the kernel counts it for a process that has ended.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::case::Case;
use super::{Row, Way, log, prepare};
use crate::command;
use crate::fixtures::Images;

/// Runs its arguments and prints their largest resident set. Python can `wait4`, and the standard library of Rust
/// cannot.
const WAIT4: &str = "\
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print('ru_maxrss', usage.ru_maxrss, flush=True)
sys.exit(0 if status == 0 else f'it ended with the status {os.waitstatus_to_exitcode(status)}')";

/// The line in which it prints it, in KiB.
const PEAK: &str = "ru_maxrss ";

/// Paints one image and measures what that took.
pub(super) fn measure(case: &Case, images: &Images, python: &Path, side: u32) -> Result<Row> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut cli = command::new(python);
    cli.args(["-c", WAIT4]).arg(&images.cli);
    prepare(&mut cli, case, &images.models);
    let side_argument = side.to_string();
    cli.args(["-p", "a cat", "-W", &side_argument, "-H", &side_argument, "--steps", "1", "--seed", "1"]);
    cli.arg("-o").arg(folder.path().join("image.png")).current_dir(folder.path());
    let output = cli.stdin(Stdio::null()).output().context("cannot start Python")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{}{}",
        said.lines().last().unwrap_or_default(),
        String::from_utf8_lossy(&output.stderr)
    );
    let peak = said.lines().rev().find_map(|line| line.strip_prefix(PEAK)?.parse::<u64>().ok());
    let peak = peak.context("Python printed no peak")? * 1024;
    let (weights, compute) = log::buffers(&said);
    let model = case.model.name.to_owned();
    Ok(Row { model, options: case.options, side, way: Way::OneShot, peak, weights, compute })
}
