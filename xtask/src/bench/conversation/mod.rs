//! `cargo xtask bench conversation`: a long conversation that goes on after another model had its place.

mod chat;
mod section;

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::serving::{Bare, Daemon, MODELS, Programs, Router, Serves};
use super::{machine, page};
use chat::{Chat, Reply};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The date to write beside the figures, such as 2026-02-28
    #[arg(long)]
    date: String,
    /// How many conversations are offloaded and brought back
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// The whole context belongs to one conversation.
const SLOTS: &str = "1";

/// How long nobody asks before each request.
const PAUSE: Duration = Duration::from_millis(300);

/// How a conversation went on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Going {
    /// Tokens of the conversation when it was left.
    had: u64,
    /// Of these, how many were evaluated again.
    again: u64,
    /// Evaluated in all, the new question among them.
    evaluated: u64,
    /// From the request that goes on, servers' starts and stops included, to the first token.
    first_token: Duration,
}

/// The same conversations, by each.
#[derive(Debug, Default)]
struct Results {
    daemon: Vec<Going>,
    over: Vec<Going>,
    router: Vec<Going>,
}

/// Measures, and writes the page.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this benchmark reads /proc: it runs on Linux only");
    let programs = Programs::prepare()?.with_slots(SLOTS);
    let results = measure(&programs, arguments.rounds)?;
    let section = section::section(arguments, &machine::describe()?, &results);
    println!("{section}");
    page::write("conversation", &section)
}

/// In turn, so that what else the machine does hits all.
fn measure(programs: &Programs, rounds: u32) -> Result<Results> {
    let (daemon, router) = (Daemon::start(programs)?, Router::start(programs)?);
    for server in [&daemon as &dyn Serves, &router] {
        // Each model once: from then on the file is in the system's cache, and what it takes is known.
        for model in MODELS {
            Chat::short().ask(&server.address(), model)?;
        }
    }
    let mut bare = Bare::like(daemon.running()?.context("no model is ready")?.pid)?;
    bare.start()?;
    let mut results = Results::default();
    for round in 0..rounds {
        results.daemon.push(brought_back(&daemon, round).context("loadmaster")?);
        results.over.push(started_over(&mut bare, round).context("the bare server")?);
        results.router.push(brought_back(&router, round).context("the router")?);
    }
    Ok(results)
}

/// A conversation with the first model, a word with the second one, which takes its place, and on it goes.
fn brought_back(server: &impl Serves, round: u32) -> Result<Going> {
    let address = server.address();
    let mut chat = Chat::about(round);
    let first = chat.ask(&address, MODELS[0])?;
    Chat::short().ask(&address, MODELS[1])?;
    thread::sleep(PAUSE);
    let before = server.starts()?;
    chat.go_on(&first);
    let second = chat.ask(&address, MODELS[0])?;
    let starts = server.starts()? - before;
    ensure!(starts == 1, "{starts} models were started for one request");
    Ok(Going::of(&first, &second, Duration::ZERO))
}

/// A server that is stopped and started, and then reads the same conversation from its beginning.
fn started_over(bare: &mut Bare, round: u32) -> Result<Going> {
    let mut chat = Chat::about(round);
    let first = chat.ask(&bare.address(), MODELS[0])?;
    thread::sleep(PAUSE);
    let restart = bare.stop()? + bare.start()?;
    chat.go_on(&first);
    let second = chat.ask(&bare.address(), MODELS[0])?;
    Ok(Going::of(&first, &second, restart))
}

impl Going {
    fn of(first: &Reply, second: &Reply, restart: Duration) -> Self {
        let had = first.prompt + first.answered;
        Self {
            had,
            again: had.saturating_sub(second.cached),
            evaluated: second.evaluated,
            first_token: restart + second.first_token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_not_evaluated_again() {
        let reply = |prompt, cached, evaluated| Reply {
            text: String::new(),
            prompt,
            answered: 24,
            cached,
            evaluated,
            first_token: Duration::from_millis(70),
        };
        let going = Going::of(&reply(1776, 0, 1776), &reply(1830, 1799, 31), Duration::from_millis(200));
        let first_token = Duration::from_millis(270);
        assert_eq!(going, Going { had: 1800, again: 1, evaluated: 31, first_token });
    }
}
