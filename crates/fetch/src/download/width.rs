//! How many connections a download has.

use std::{ops::RangeInclusive, time::Duration};

/// How long a number of connections is watched before it is changed.
const WATCHED: Duration = Duration::from_secs(2);

/// How much faster one connection more must make it, to be worth it.
const WORTH: f64 = 1.1;

/// How long the number does not grow after a connection was lost for the first time; then twice as long.
const CAUTION: Duration = Duration::from_secs(5);

/// Decides how many connections there should be, by what one more or one less has brought. Times are since
/// the start of the download.
#[derive(Debug)]
pub(crate) struct Width {
    now: usize,
    most: usize,
    /// When `now` was chosen, and how many bytes there were then.
    since: (Duration, u64),
    /// Bytes per second with one connection less, if that is how it was before.
    before: Option<f64>,
    settled: bool,
    not_before: Duration,
    caution: Duration,
}

impl Width {
    pub(crate) fn new(allowed: &RangeInclusive<usize>) -> Self {
        let now = (*allowed.start()).max(1);
        Self {
            now,
            most: (*allowed.end()).max(now),
            since: (Duration::ZERO, 0),
            before: None,
            settled: false,
            not_before: Duration::ZERO,
            caution: CAUTION,
        }
    }

    /// How many connections there should be now.
    pub(crate) fn now(&self) -> usize {
        self.now
    }

    /// Looks at how far the download is.
    #[expect(clippy::cast_precision_loss, reason = "a speed of which two digits matter")]
    pub(crate) fn watch(&mut self, time: Duration, received: u64) {
        let watched = time.saturating_sub(self.since.0);
        if watched < WATCHED || time < self.not_before {
            return;
        }
        let speed = received.saturating_sub(self.since.1) as f64 / watched.as_secs_f64();
        self.since = (time, received);
        match self.before {
            Some(before) if speed < before * WORTH => {
                // The last one brought nothing: without it, and no more tries.
                self.now = self.now.saturating_sub(1).max(1);
                self.before = None;
                self.settled = true;
            }
            _ if !self.settled && self.now < self.most => {
                self.before = Some(speed);
                self.now += 1;
            }
            _ => self.before = None,
        }
    }

    /// A connection was lost, and `left` go on; the server wants `pause` before another comes.
    pub(crate) fn lost(&mut self, time: Duration, received: u64, left: usize, pause: Duration) {
        self.now = left.max(1);
        self.before = None;
        self.settled = false;
        self.since = (time, received);
        self.not_before = time + self.caution.max(pause);
        self.caution *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(width: &mut Width, seconds: u64, speed: impl Fn(usize) -> u64) -> usize {
        let (mut time, mut received) = width.since;
        for _ in 0..seconds {
            time += Duration::from_secs(1);
            received += speed(width.now());
            width.watch(time, received);
        }
        width.now()
    }

    #[test]
    fn it_grows_while_that_helps() {
        assert_eq!(after(&mut Width::new(&(4..=8)), 30, |now| now as u64 * 1000), 8);
        assert_eq!(after(&mut Width::new(&(4..=8)), 30, |now| now.min(6) as u64 * 1000), 6);
        assert_eq!(after(&mut Width::new(&(4..=8)), 30, |_| 1000), 4);
        assert_eq!(after(&mut Width::new(&(1..=1)), 30, |_| 1000), 1);
    }

    #[test]
    fn it_is_careful_after_a_loss() {
        let mut width = Width::new(&(4..=8));
        width.lost(Duration::from_secs(1), 1000, 2, Duration::from_secs(20));
        assert_eq!(after(&mut width, 19, |now| now as u64 * 1000), 2);
        assert_eq!(after(&mut width, 20, |now| now as u64 * 1000), 3);
    }
}
