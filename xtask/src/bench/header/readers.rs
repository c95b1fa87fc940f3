//! The readers that are measured: ours and two others, each in a process of its own that times itself, so that
//! neither the start of an interpreter nor that of a process counts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::fixtures::Store;
use crate::{command, prerequisites, workspace};

const NODE_PROGRAM: &str = include_str!("../../../peers/header.mjs");
const PYTHON_PROGRAM: &str = include_str!("../../../peers/header.py");

/// How often each reader reads a file in one start. The slow ones take seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// To measure.
    Many,
    /// To hear what it says.
    One,
}

/// `@huggingface/gguf` in a start that measures; it takes up to seconds.
const NODE_RUNS: u32 = 5;
/// PyPI's `gguf`, which takes up to a minute.
const PYTHON_RUNS: u32 = 1;
/// Ours.
const OUR_RUNS: u32 = 101;

/// By what readers can be checked against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Counts {
    pub(super) keys: u64,
    pub(super) tensors: u64,
    pub(super) tokens: u64,
}

/// What our reader says about one file.
#[derive(Debug, Deserialize)]
pub(super) struct Ours {
    /// For facts without large arrays, in milliseconds.
    pub(super) facts_ms: f64,
    /// With all arrays.
    pub(super) all_ms: f64,
    pub(super) header_bytes: u64,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// What another reader says about one file: it reads all arrays, and cannot do otherwise.
#[derive(Debug, Deserialize)]
pub(super) struct Theirs {
    pub(super) median_ms: f64,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

impl Runs {
    /// `many`, or none behind the first, which is never counted where there are others.
    fn or_one(self, many: u32) -> u32 {
        match self {
            Self::Many => many,
            Self::One => 0,
        }
    }
}

/// The programs.
pub(super) struct Readers {
    ours: PathBuf,
    python: PathBuf,
    node: PathBuf,
    /// Where Node.js finds the package.
    node_modules: PathBuf,
}

impl Readers {
    /// Brings and builds what is missing.
    pub(super) fn prepare(store: &Store) -> Result<Self> {
        Ok(Self {
            node: prerequisites::node_with_npm()?.0,
            node_modules: store.peer_node_modules()?,
            python: store.peer_python()?,
            ours: workspace::build_release_example("loadmaster-gguf", "timing")?,
        })
    }

    /// `loadmaster-gguf`.
    pub(super) fn ours(&self, files: &[PathBuf], runs: Runs) -> Result<Vec<Ours>> {
        let mut ours = command::new(&self.ours);
        answers(ours.arg(runs.or_one(OUR_RUNS).to_string()).args(files), files.len())
    }

    /// PyPI's `gguf`.
    pub(super) fn python(&self, files: &[PathBuf]) -> Result<Vec<Theirs>> {
        let mut python = command::new(&self.python);
        python.args(["-c", PYTHON_PROGRAM, &PYTHON_RUNS.to_string()]).args(files);
        answers(&mut python, files.len())
    }

    /// npm's `@huggingface/gguf`.
    pub(super) fn node(&self, files: &[PathBuf], runs: Runs) -> Result<Vec<Theirs>> {
        answers(self.node_program(runs.or_one(NODE_RUNS)).args(files), files.len())
    }

    /// npm's `@huggingface/gguf`, which reads `url` once.
    pub(super) fn node_remote(&self, url: &str) -> Result<Counts> {
        let answers: Vec<Theirs> = answers(self.node_program(0).arg(url), 1)?;
        answers.into_iter().next().map(|theirs| theirs.counts).context("it printed nothing")
    }

    fn node_program(&self, runs: u32) -> Command {
        let mut node = command::new(&self.node);
        // A program on the command line finds its packages below the current folder.
        node.current_dir(&self.node_modules).args(["--input-type=module", "-e", NODE_PROGRAM]);
        node.arg("--").arg(runs.to_string());
        node
    }
}

/// The JSON lines that `program` prints, of which there must be `count`.
fn answers<T: DeserializeOwned>(program: &mut Command, count: usize) -> Result<Vec<T>> {
    let name = Path::new(program.get_program()).file_name().map(OsStr::to_owned).unwrap_or_default();
    let context = || format!("measuring with {}", name.display());
    let output = program.output().with_context(context)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {}", name.display(), errors.trim());
    let lines = String::from_utf8(output.stdout).with_context(context)?;
    let answers: Vec<T> =
        lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().with_context(context)?;
    ensure!(answers.len() == count, "{} answered for {} of {count} files", name.display(), answers.len());
    Ok(answers)
}
