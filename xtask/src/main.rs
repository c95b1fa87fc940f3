//! Development tasks of Loadmaster: `cargo xtask <task>`, described by `cargo xtask --help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user through them"
)]

mod bench;
mod ci;
mod command;
mod demo;
mod environment;
mod fixtures;
mod panel;
mod platform;
mod prerequisites;
mod steps;
mod test;
mod tidy;
mod vendor_ui;
mod workspace;
mod zoo;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Development tasks of Loadmaster", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show the product: a chat, an image under a budget that cannot hold both models, and the chat goes on
    Demo,
    /// Bring the pinned server, model and Python client into the cache folder
    Fixtures {
        /// Print the paths as JSON
        #[arg(long)]
        json: bool,
        /// Hash every file again instead of trusting sizes and times
        #[arg(long)]
        verify: bool,
    },
    /// Run every test; with filters, only the tests whose name contains one of them
    Test {
        /// Parts of test names, handed to `cargo nextest run`
        filter: Vec<String>,
    },
    /// Check the control panel's types, and run its unit tests
    Panel,
    /// Run the whole-system tests only, with a server and model of your own if you like
    Integration {
        /// `panel`: drive the control panel in a browser instead
        suite: Option<Suite>,
        /// Keep the screenshots of the control panel in docs/panel
        #[arg(long, requires = "suite")]
        docs: bool,
        /// The `llama-server` to test with instead of the pinned one
        #[arg(long, value_name = "PATH")]
        llama_server: Option<PathBuf>,
        /// The GGUF file to test with instead of the pinned model
        #[arg(long, value_name = "PATH")]
        model: Option<PathBuf>,
    },
    /// Bring the modules of the control panel from npm into its folder, as they are pinned
    VendorUi,
    /// Check the rules that no compiler checks: direction of crates, sizes, names
    Tidy,
    /// Run all that continuous integration runs, in its order
    Ci,
    /// Write the headers of well-known models, in files without weights
    Zoo {
        /// The folder to write into instead of target/zoo
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// The models to write instead of all
        names: Vec<String>,
    },
    /// Measure, and write the figures into docs/benchmarks.md
    Bench {
        #[command(subcommand)]
        what: bench::Benchmark,
    },
}

/// Whole-system tests that are run by themselves.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Suite {
    /// The control panel in a real browser.
    Panel,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo => return demo::run(),
        Task::Fixtures { json, verify } => fixtures::run(json, verify)?,
        Task::Test { filter } => test::run(&filter)?,
        Task::Panel => panel::run()?,
        Task::Integration { suite: Some(Suite::Panel), docs, .. } => panel::in_a_browser(docs)?,
        Task::Integration { suite: None, llama_server, model, docs: _ } => {
            test::run_integration(llama_server, model)?;
        }
        Task::VendorUi => vendor_ui::run()?,
        Task::Tidy => tidy::run()?,
        Task::Ci => ci::run()?,
        Task::Zoo { out, names } => zoo::run(out, &names)?,
        Task::Bench { what } => bench::run(what)?,
    }
    Ok(ExitCode::SUCCESS)
}
