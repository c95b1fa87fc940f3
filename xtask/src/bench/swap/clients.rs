//! Clients that ask again as soon as they are answered.

use std::thread;
use std::time::{Duration, Instant};

use super::answer::{self, Answer, Question, TOKENS};
use super::random::Random;
use crate::bench::http::Address;

/// A client that leaves does so within this time: in the queue, while a model loads, or in the middle of an answer.
const LEAVES_WITHIN: Duration = Duration::from_secs(1);

/// What clients do.
#[derive(Clone, Copy)]
pub(super) struct Habits<'a> {
    /// One of them is asked for, at random.
    pub(super) models: &'a [&'a str],
    /// Of a hundred requests, how many are given up.
    pub(super) leave_percent: u64,
}

/// An answer, and whether it was there before the time was over.
pub(super) struct Ended {
    pub(super) answer: Answer,
    pub(super) in_time: bool,
}

/// Lets so many clients ask for `duration`, and waits for their last answers.
pub(super) fn run(address: &Address, habits: Habits, clients: u32, duration: Duration) -> Vec<Ended> {
    let end = Instant::now() + duration;
    thread::scope(|scope| {
        let ask = |client| scope.spawn(move || client_of(address, habits, client, end));
        let clients: Vec<_> = (0..clients).map(ask).collect();
        let ended =
            clients.into_iter().map(|client| client.join().expect("a client has nothing to panic at"));
        ended.flatten().collect()
    })
}

fn client_of(address: &Address, habits: Habits, client: u32, end: Instant) -> Vec<Ended> {
    let mut random = Random::new(u64::from(client));
    let mut ended = Vec::new();
    while Instant::now() < end {
        let answer = answer::ask(address, &next(&mut random, habits));
        ended.push(Ended { answer, in_time: Instant::now() < end });
    }
    ended
}

fn next<'a>(random: &mut Random, habits: Habits<'a>) -> Question<'a> {
    let count = u64::try_from(habits.models.len()).expect("there are two at most");
    let at = usize::try_from(random.below(count)).expect("there are two at most");
    let leaves = random.below(100) < habits.leave_percent;
    let within = u64::try_from(LEAVES_WITHIN.as_millis()).expect("it is a second");
    let after = Duration::from_millis(1 + random.below(within));
    Question {
        model: habits.models[at],
        number: random.below(1000),
        tokens: TOKENS,
        leaves_after: leaves.then_some(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_same_in_every_run_and_some_are_given_up() {
        let asked = |leave_percent| {
            let mut random = Random::new(3);
            let habits = Habits { models: &["one", "two"], leave_percent };
            let questions = (0..1000).map(|_| next(&mut random, habits));
            questions.map(|one| (one.model, one.number, one.leaves_after)).collect::<Vec<_>>()
        };
        assert_eq!(asked(5), asked(5));
        let leaving = |percent| asked(percent).iter().filter(|one| one.2.is_some()).count();
        assert_eq!(leaving(0), 0);
        assert!((20..100).contains(&leaving(5)), "{}", leaving(5));
        assert!((400..600).contains(&asked(0).iter().filter(|one| one.0 == "one").count()));
    }
}
