//! One simulated server: it works on some requests at once, which share what it can do.

use std::{collections::VecDeque, time::Duration};

use super::SimulatedModel;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) model: usize,
    slots: usize,
    slowdown_percent: u32,
    /// Requests with what is left of each, as if it were alone.
    working: Vec<(u64, Duration)>,
    queue: VecDeque<(u64, Duration)>,
    /// Up to when `working` was brought.
    at: Duration,
}

impl Server {
    pub(super) fn new(number: usize, model: &SimulatedModel) -> Self {
        Self {
            model: number,
            slots: usize::try_from(model.slots.max(1)).unwrap_or(usize::MAX),
            slowdown_percent: model.slowdown_percent,
            working: Vec::new(),
            queue: VecDeque::new(),
            at: Duration::ZERO,
        }
    }

    /// How much longer than alone everything takes now, in percent.
    fn stretch(&self) -> u128 {
        let others = self.working.len().saturating_sub(1) as u128;
        100 + others * u128::from(self.slowdown_percent)
    }

    /// Brings the work up to `now`.
    fn advance(&mut self, now: Duration) {
        let done = nanoseconds(now.saturating_sub(self.at).as_nanos() * 100 / self.stretch());
        for (_, left) in &mut self.working {
            *left = left.saturating_sub(done);
        }
        self.at = now;
    }

    /// Takes a request; returns those whose work begins now.
    pub(super) fn take(&mut self, now: Duration, request: u64, service: Duration) -> Vec<u64> {
        self.advance(now);
        self.queue.push_back((request, service));
        self.begin()
    }

    fn begin(&mut self) -> Vec<u64> {
        let places = self.slots.saturating_sub(self.working.len()).min(self.queue.len());
        let begun: Vec<_> = self.queue.drain(..places).collect();
        self.working.extend(&begun);
        begun.into_iter().map(|(request, _)| request).collect()
    }

    /// When the next request is answered.
    pub(super) fn next_end(&self) -> Option<Duration> {
        let left = self.working.iter().map(|(_, left)| *left).min()?;
        let takes = (left.as_nanos() * self.stretch()).div_ceil(100);
        Some(self.at.saturating_add(nanoseconds(takes)))
    }

    /// Ends the request whose time has come; returns it with those whose work begins in its place.
    pub(super) fn end(&mut self, now: Duration) -> Option<(u64, Vec<u64>)> {
        self.advance(now);
        let next = self.working.iter().enumerate().min_by_key(|(_, (request, left))| (*left, *request));
        let (place, _) = next?;
        let (request, _) = self.working.swap_remove(place);
        Some((request, self.begin()))
    }

    /// All requests that it has.
    pub(super) fn into_requests(self) -> impl Iterator<Item = u64> {
        self.working.into_iter().chain(self.queue).map(|(request, _)| request)
    }
}

fn nanoseconds(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}
