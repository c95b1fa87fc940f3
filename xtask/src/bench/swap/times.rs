//! How long one swap takes, from the request to the first token, beside the floor.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::answer::{self, Outcome, Question};
use crate::bench::http::Address;
use crate::bench::median::median;
use crate::bench::serving::{Bare, Daemon, MODELS, Programs, Router, Serves};

/// How long nobody asks before each swap: the model that goes is idle, and machines are still.
const PAUSE: Duration = Duration::from_millis(300);

/// Medians, in milliseconds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Times {
    pub(super) rounds: u32,
    pub(super) daemon: f64,
    pub(super) router: f64,
    /// Stopping the bare server, starting it again, and its first token.
    pub(super) stop: f64,
    pub(super) start: f64,
    pub(super) first_token: f64,
    /// The three together, as the median of their sums.
    pub(super) floor: f64,
}

/// What the bare server took in one round.
struct Floor {
    stop: Duration,
    start: Duration,
    first_token: Duration,
}

/// Measures them in turn, `rounds` times.
pub(super) fn measure(programs: &Programs, rounds: u32) -> Result<Times> {
    let (daemon, router) = (Daemon::start(programs)?, Router::start(programs)?);
    for server in [&daemon as &dyn Serves, &router] {
        // Each model once: from then on the file is in the system's cache, and what it takes is known.
        for model in MODELS {
            first_token(&server.address(), model, 0)?;
        }
    }
    let running = daemon.running()?.context("no model is ready")?;
    let mut bare = Bare::like(running.pid)?;
    bare.start()?;
    first_token(&bare.address(), MODELS[0], 0)?;
    let (mut ours, mut theirs, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        // The second model ran last: the first one is the other one.
        let model = MODELS[usize::try_from(round % 2)?];
        ours.push(swap(&daemon, model, round).context("loadmaster")?);
        floors.push(floor(&mut bare, model, round)?);
        theirs.push(swap(&router, model, round).context("the router")?);
    }
    summed_up(rounds, &ours, &theirs, &floors).context("nothing was measured")
}

/// Asks for the model that does not run, and makes sure that there was a swap.
fn swap(server: &impl Serves, model: &str, round: u32) -> Result<Duration> {
    let before = server.starts()?;
    thread::sleep(PAUSE);
    let took = first_token(&server.address(), model, round)?;
    let starts = server.starts()? - before;
    anyhow::ensure!(starts == 1, "{starts} models were started for one request");
    Ok(took)
}

fn floor(bare: &mut Bare, model: &str, round: u32) -> Result<Floor> {
    thread::sleep(PAUSE);
    let (stop, start) = (bare.stop()?, bare.start()?);
    Ok(Floor { stop, start, first_token: first_token(&bare.address(), model, round)? })
}

/// Asks another question in each round: the answer to the last one may have been kept over the swap.
fn first_token(address: &Address, model: &str, round: u32) -> Result<Duration> {
    // Of three digits each, so that all prompts have as many tokens.
    let question = Question { model, number: 100 + u64::from(round), tokens: 1, leaves_after: None };
    let answer = answer::ask(address, &question);
    match (answer.outcome, answer.first_token) {
        (Outcome::Whole, Some(first_token)) => Ok(first_token),
        (outcome, _) => bail!("'{model}' did not answer: {outcome:?}"),
    }
}

fn summed_up(rounds: u32, ours: &[Duration], theirs: &[Duration], floors: &[Floor]) -> Option<Times> {
    let of = |times: Vec<Duration>| median(times.iter().map(|time| time.as_secs_f64() * 1000.0).collect());
    let part = |part: fn(&Floor) -> Duration| of(floors.iter().map(part).collect());
    Some(Times {
        rounds,
        daemon: of(ours.to_vec())?,
        router: of(theirs.to_vec())?,
        stop: part(|floor| floor.stop)?,
        start: part(|floor| floor.start)?,
        first_token: part(|floor| floor.first_token)?,
        floor: part(|floor| floor.stop + floor.start + floor.first_token)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_median_of_sums() {
        let ms = Duration::from_millis;
        let floor = |stop, start, first| Floor { stop: ms(stop), start: ms(start), first_token: ms(first) };
        let floors = [floor(1, 200, 3), floor(2, 100, 9), floor(3, 300, 1)];
        let times = summed_up(3, &[ms(250)], &[ms(400)], &floors).unwrap();
        assert_eq!((times.stop, times.start, times.first_token, times.floor), (2.0, 200.0, 3.0, 204.0));
        assert_eq!((times.daemon, times.router), (250.0, 400.0));
        assert_eq!(summed_up(0, &[], &[], &[]), None);
    }
}
