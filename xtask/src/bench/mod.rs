//! `cargo xtask bench`: figures that are measured here and written into `docs/benchmarks.md`.

mod daemon;
mod estimate;
mod machine;
mod page;
mod server;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Benchmark {
    /// Loadmaster's daemon without a model in memory, beside llama-server's own router
    Daemon {
        /// The date to write beside the figures, such as 2026-02-28
        #[arg(long)]
        date: String,
        /// How often each is started
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        repetitions: u32,
    },
    /// Predicted memory beside what llama-server says, over many models and settings
    Estimate(estimate::Arguments),
    /// The same over ways of loading: several devices, tensors put elsewhere, the cache on the host
    Ways(estimate::Arguments),
}

/// Measures, and writes the result.
pub(crate) fn run(what: Benchmark) -> Result<()> {
    match what {
        Benchmark::Daemon { date, repetitions } => daemon::run(&date, repetitions),
        Benchmark::Estimate(arguments) => estimate::run(&arguments),
        Benchmark::Ways(arguments) => estimate::ways::run(&arguments),
    }
}
