//! What became of all requests of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::{Loss, Outcome};
use super::clients::Ended;
use crate::bench::median::percentile;

/// The sum of one run.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// Whole answers that were there in time.
    pub(super) completions: u64,
    pub(super) left: u64,
    pub(super) losses: BTreeMap<Loss, u64>,
    /// Waits for whole answers, those that came after the time was over too.
    waits: Vec<f64>,
    /// Models started in this run.
    pub(super) starts: u64,
    /// Servers killed in this run.
    pub(super) killed: u32,
}

impl Tally {
    pub(super) fn of(all: Vec<Ended>, starts: u64, killed: u32) -> Self {
        let mut tally = Self { starts, killed, ..Self::default() };
        for Ended { answer, in_time } in all {
            match answer.outcome {
                Outcome::Left => tally.left += 1,
                Outcome::Lost(loss) => *tally.losses.entry(loss).or_default() += 1,
                Outcome::Whole => {
                    tally.completions += u64::from(in_time);
                    tally.waits.push(answer.took.as_secs_f64());
                }
            }
        }
        tally
    }

    /// Adds another run of the same kind.
    pub(super) fn add(&mut self, other: Self) {
        self.completions += other.completions;
        self.left += other.left;
        for (loss, count) in other.losses {
            *self.losses.entry(loss).or_default() += count;
        }
        self.waits.extend(other.waits);
        self.starts += other.starts;
        self.killed += other.killed;
    }

    pub(super) fn lost(&self) -> u64 {
        self.losses.values().sum()
    }

    /// Those that were lost although none of their answer had been sent, or without a word why.
    pub(super) fn lost_for_no_reason(&self) -> u64 {
        let wrong = self.losses.iter().filter(|(loss, _)| !loss.begun || !loss.told);
        wrong.map(|(_, count)| count).sum()
    }

    /// The wait that so many percent of the whole answers did not exceed; zero when there are none.
    pub(super) fn wait(&self, percent: usize) -> Duration {
        Duration::from_secs_f64(percentile(self.waits.clone(), percent).unwrap_or(0.0))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::answer::Answer;
    use super::*;

    pub(in crate::bench::swap) fn ended(outcome: Outcome, seconds: u64, in_time: bool) -> Ended {
        let answer = Answer { outcome, first_token: None, took: Duration::from_secs(seconds) };
        Ended { answer, in_time }
    }

    pub(in crate::bench::swap) fn lost(begun: bool, told: bool) -> Outcome {
        Outcome::Lost(Loss { begun, told, why: "502 server_crashed".to_owned() })
    }

    #[test]
    fn a_late_answer_is_neither_lost_nor_a_completion() {
        let all = vec![
            ended(Outcome::Whole, 1, true),
            ended(Outcome::Whole, 3, true),
            ended(Outcome::Whole, 9, false),
            ended(Outcome::Left, 20, true),
            ended(lost(true, true), 20, true),
            ended(lost(true, false), 20, true),
            ended(lost(false, true), 20, true),
        ];
        let tally = Tally::of(all, 4, 1);
        assert_eq!((tally.completions, tally.left, tally.lost(), tally.lost_for_no_reason()), (2, 1, 3, 2));
        assert_eq!((tally.wait(50).as_secs(), tally.wait(100).as_secs()), (3, 9));
        assert_eq!(Tally::default().wait(99), Duration::ZERO);
    }

    #[test]
    fn runs_add_up() {
        let mut tally =
            Tally::of(vec![ended(Outcome::Whole, 1, true), ended(lost(true, true), 1, true)], 2, 1);
        tally.add(Tally::of(vec![ended(Outcome::Whole, 5, true), ended(lost(true, true), 1, true)], 3, 0));
        assert_eq!((tally.completions, tally.lost(), tally.losses.len()), (2, 2, 1));
        assert_eq!((tally.starts, tally.killed, tally.wait(100).as_secs()), (5, 1, 5));
    }
}
