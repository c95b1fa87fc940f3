//! `cargo xtask bench gateway`: what the gateway adds to an answer.

mod asking;
mod section;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::http::Address;
use super::median::{median, percentile};
use super::serving::{Daemon, MODELS, Programs, Router, Serves};
use super::{machine, page};
use asking::Asked;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// How often each way is measured, in turn
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many requests each round has on one connection; 32 connections share twice as many
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Of an empty prompt: answered with 200 and without computing.
    Nothing,
    OneToken,
}

impl Work {
    fn body(self) -> String {
        let prompt = if self == Self::Nothing { "" } else { "a" };
        let model = MODELS[0];
        serde_json::json!({ "model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0 }).to_string()
    }
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    /// The server's own socket.
    Direct,
    /// The same server, through Loadmaster.
    Gateway,
    /// Another server with the same model, through llama-server's router.
    Router,
}

const CONNECTIONS: [u32; 2] = [1, 32];

/// One way to ask, and what all its requests took.
struct Case {
    work: Work,
    connections: u32,
    road: Road,
    asked: Asked,
}

impl Case {
    fn p50(&self) -> f64 {
        median(self.asked.latencies.clone()).unwrap_or(f64::NAN)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
    fn per_second(&self) -> f64 {
        self.asked.latencies.len() as f64 / self.asked.took.as_secs_f64()
    }

    fn p99(&self) -> f64 {
        percentile(self.asked.latencies.clone(), 99).unwrap_or(f64::NAN)
    }
}

/// Measures, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let programs = Programs::prepare()?;
    let (daemon, router) = (Daemon::start(&programs)?, Router::start(&programs)?);
    let mut cases = cases();
    for address in [daemon.address(), router.address()] {
        // Loads the model.
        asking::ask(&address, &Work::OneToken.body(), 1, 1)?;
    }
    let direct = direct(&daemon)?;
    for round in 0..arguments.rounds {
        for case in &mut cases {
            let address = match case.road {
                Road::Direct => direct.clone(),
                Road::Gateway => daemon.address(),
                Road::Router => router.address(),
            };
            let requests = if case.connections == 1 { arguments.requests } else { 2 * arguments.requests };
            let body = case.work.body();
            let asked = asking::ask(&address, &body, case.connections, requests.div_ceil(case.connections));
            let asked = asked.with_context(|| format!("{:?} by {:?}", case.work, case.road))?;
            case.asked.latencies.extend(asked.latencies);
            case.asked.took += asked.took;
        }
        eprintln!("{} of {}", round + 1, arguments.rounds);
    }
    let section = section::section(arguments, &machine::describe()?, &cases);
    println!("{section}");
    page::write("gateway", &section)
}

/// Neighbours in time are what is compared.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for work in [Work::Nothing, Work::OneToken] {
        for connections in CONNECTIONS {
            for road in [Road::Direct, Road::Gateway, Road::Router] {
                cases.push(Case { work, connections, road, asked: Asked::default() });
            }
        }
    }
    cases
}

/// Where the daemon's own server listens.
fn direct(daemon: &Daemon) -> Result<Address> {
    let running = daemon.running()?.context("no model is ready")?;
    let path = running.endpoint.strip_prefix("unix:");
    Ok(Address::Unix(path.with_context(|| format!("{} is no Unix socket", running.endpoint))?.into()))
}
