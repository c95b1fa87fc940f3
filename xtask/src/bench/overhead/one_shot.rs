//! An `sd-cli` for each image.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::{CFG_SCALE, Picture};
use crate::command;

/// Starts the program, waits for its end, and reads the image.
pub(super) fn paint(program: &Path, model: &Path, picture: Picture) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let image = folder.path().join("image.png");
    let side = picture.side.to_string();
    let mut cli = command::new(program);
    cli.arg("-m").arg(model).args(["-p", super::PROMPT, "-W", &side, "-H", &side]);
    cli.args(["--steps", &picture.steps.to_string(), "--seed", &picture.seed.to_string()]);
    cli.args(["--cfg-scale", &CFG_SCALE.to_string()]).arg("-o").arg(&image).current_dir(folder.path());
    let output = cli.stdin(Stdio::null()).output().context("cannot start sd-cli")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(&image).context("sd-cli wrote no image")
}
