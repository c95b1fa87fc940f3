//! `cargo xtask bench swap`: two models and room for one, under clients that ask for both.

mod answer;
mod clients;
mod killer;
mod random;
mod section;
mod tally;
mod times;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::serving::{Daemon, MODELS, Programs, Router, Serves};
use super::{machine, page};
use answer::Question;
use clients::Habits;
use tally::Tally;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// How long clients ask in each way, in two runs
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..))]
    seconds: u64,
    /// How many clients ask at once, one set of runs for each number
    #[arg(long, value_delimiter = ',', default_values_t = [4, 16])]
    clients: Vec<u32>,
    /// How often a single swap is timed
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Of a hundred requests, how many are given up in the run with clients that leave.
const LEAVE_PERCENT: u64 = 5;

/// In how many runs each way is measured.
const PASSES: u32 = 2;

/// What is done to the server, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Every client asks for the same model: the line of 100 %.
    OneModel,
    TwoModels,
    ClientsLeave,
    ServersDie,
    Router,
}

impl Way {
    const ALL: [Self; 5] =
        [Self::OneModel, Self::TwoModels, Self::Router, Self::ClientsLeave, Self::ServersDie];

    fn habits(self) -> Habits<'static> {
        Habits {
            models: if self == Self::OneModel { &MODELS[..1] } else { &MODELS },
            leave_percent: if self == Self::ClientsLeave { LEAVE_PERCENT } else { 0 },
        }
    }
}

/// All ways with so many clients.
struct Runs {
    clients: u32,
    tallies: Vec<(Way, Tally)>,
}

/// Measures, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let programs = Programs::prepare()?;
    let times = times::measure(&programs, arguments.rounds).context("timing single swaps")?;
    let mut runs = Vec::new();
    for &clients in &arguments.clients {
        runs.push(all_ways(&programs, clients, arguments.seconds)?);
    }
    let section = section::section(arguments, &machine::describe()?, &runs, &times);
    println!("{section}");
    page::write("swap", &section)
}

/// Each way in turn, so that what else the machine does hits all.
fn all_ways(programs: &Programs, clients: u32, seconds: u64) -> Result<Runs> {
    let duration = Duration::from_secs(seconds) / PASSES;
    let mut tallies: Vec<_> = Way::ALL.iter().map(|way| (*way, Tally::default())).collect();
    for _ in 0..PASSES {
        for (way, sum) in &mut tallies {
            let tally = tally(programs, *way, clients, duration).with_context(|| format!("{way:?}"))?;
            eprintln!("{clients} clients, {way:?}: {} whole, {} lost", tally.completions, tally.lost());
            sum.add(tally);
        }
    }
    Ok(Runs { clients, tallies })
}

/// A server of its own for each run: nothing is left of the one before.
fn tally(programs: &Programs, way: Way, clients: u32, duration: Duration) -> Result<Tally> {
    if way == Way::Router {
        let router = Router::start(programs)?;
        return asked(&router, way, clients, duration, |_| Ok(0));
    }
    let daemon = Daemon::start(programs)?;
    asked(&daemon, way, clients, duration, |over| match way {
        Way::ServersDie => killer::run(&daemon, over),
        _ => Ok(0),
    })
}

/// Lets clients ask `server` while `beside` goes on, which is told when it is over and says how many it killed.
fn asked(
    server: &(impl Serves + Sync),
    way: Way,
    clients: u32,
    duration: Duration,
    beside: impl FnOnce(&AtomicBool) -> Result<u32> + Send,
) -> Result<Tally> {
    let address = server.address();
    // The last one is the first model, which the run without swaps asks for.
    for model in MODELS.iter().rev() {
        let question = Question { model, number: 0, tokens: 1, leaves_after: None };
        let answer = answer::ask(&address, &question);
        ensure!(answer.outcome == answer::Outcome::Whole, "'{model}' does not answer: {:?}", answer.outcome);
    }
    let (before, over) = (server.starts()?, AtomicBool::new(false));
    let (ended, killed) = thread::scope(|scope| {
        let beside = scope.spawn(|| beside(&over));
        let ended = clients::run(&address, way.habits(), clients, duration);
        over.store(true, Ordering::Relaxed);
        (ended, beside.join().expect("killing has nothing to panic at"))
    });
    Ok(Tally::of(ended, server.starts()? - before, killed?))
}
