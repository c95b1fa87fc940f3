//! The peak of `sd-cli`, as the kernel counts it for a process that has ended.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::case::{Case, Options};
use super::{Bench, Row, Way, log, picture, prepare};
use crate::command;

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
pub(super) fn measure(case: &Case, bench: &Bench, size: (u32, u32)) -> Result<Row> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut cli = command::new(&bench.python);
    cli.args(["-c", WAIT4]).arg(&bench.cli);
    prepare(&mut cli, case, &bench.folders);
    let (width, height, batch) = (size.0.to_string(), size.1.to_string(), case.options.batch().to_string());
    cli.args(["-p", "a cat", "-W", &width, "-H", &height, "--steps", "1", "--seed", "1", "-b", &batch]);
    if case.options == Options::Picture {
        let path = folder.path().join("picture.ppm");
        fs::write(&path, picture::ppm(size)).context("cannot write a picture")?;
        cli.args(["--strength", "1", "-i"]).arg(path);
    }
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
    Ok(Row::of(case, size, Way::OneShot, peak, weights, compute))
}
