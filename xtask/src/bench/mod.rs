//! `cargo xtask bench`: figures that are measured here and written into `docs/benchmarks.md`.

mod builds;
mod conversation;
mod daemon;
mod estimate;
mod fetch;
mod gateway;
mod header;
mod http;
mod images;
mod loads;
mod machine;
mod median;
mod overhead;
mod page;
pub(crate) mod scene;
mod scheduler;
mod serve;
mod server;
mod serving;
mod swap;

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
    /// Real loads: what was predicted beside the memory of the server's process
    Loads {
        /// The date to write beside the figures, such as 2026-02-28
        #[arg(long)]
        date: String,
    },
    /// Reading headers, from disk and from a server, beside the readers of npm and PyPI
    Header {
        /// The date to write beside the figures, such as 2026-02-28
        #[arg(long)]
        date: String,
        /// How often each reader is started
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Two models and room for one, under many clients, beside llama-server's own router
    Swap(swap::Arguments),
    /// A long conversation, offloaded and brought back, beside starting over and llama-server's own router
    Conversation(conversation::Arguments),
    /// Chats and images under a budget that holds one of the two models
    Scene(scene::Arguments),
    /// Patterns of requests over many models in virtual time, under our decisions and simpler ones
    Scheduler {
        /// The date to write beside the figures, such as 2026-02-28
        #[arg(long)]
        date: String,
    },
    /// What the gateway adds to an answer, beside llama-server's own router
    Gateway(gateway::Arguments),
    /// Downloads beside curl and aria2c, SHA-256 beside sha256sum and openssl
    Fetch(fetch::Arguments),
    /// Images in a row, beside sd-server itself and an sd-cli for each
    Overhead(overhead::Arguments),
    /// Predicted memory of images beside the peaks of real processes
    Images(images::Arguments),
    /// The check of a build before each start of a server, beside sha256sum
    Builds {
        /// The date to write beside the figures, such as 2026-02-28
        #[arg(long)]
        date: String,
        /// How often each is measured
        #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
}

/// Measures, and writes the result.
pub(crate) fn run(what: Benchmark) -> Result<()> {
    match what {
        Benchmark::Daemon { date, repetitions } => daemon::run(&date, repetitions),
        Benchmark::Loads { date } => loads::run(&date),
        Benchmark::Header { date, rounds } => header::run(&date, rounds),
        Benchmark::Estimate(arguments) => estimate::run(&arguments),
        Benchmark::Scheduler { date } => scheduler::run(&date),
        Benchmark::Scene(arguments) => scene::run(&arguments),
        Benchmark::Swap(arguments) => swap::run(&arguments),
        Benchmark::Conversation(arguments) => conversation::run(&arguments),
        Benchmark::Gateway(arguments) => gateway::run(&arguments),
        Benchmark::Builds { date, rounds } => builds::run(&date, rounds),
        Benchmark::Images(arguments) => images::run(&arguments),
        Benchmark::Overhead(arguments) => overhead::run(&arguments),
        Benchmark::Fetch(arguments) => fetch::run(&arguments),
        Benchmark::Ways(arguments) => estimate::ways::run(&arguments),
    }
}
