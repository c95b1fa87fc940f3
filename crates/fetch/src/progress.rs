//! How far a download is.

use std::time::{Duration, Instant};

use crate::error::FetchError;

/// Over which time the speed is smoothed.
const SMOOTH: Duration = Duration::from_secs(3);

/// What a download does just now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// It has not begun.
    #[default]
    Idle,
    /// Another download, of this process or of another, fetches the same target: this one waits for it, and
    /// shows its progress.
    WaitingForOther,
    /// It asks the server for the file.
    Connecting,
    /// Bytes come.
    Downloading,
    /// Something broke, and it is tried again.
    Retrying {
        /// How long until then.
        pause: Duration,
        /// What broke.
        cause: FetchError,
    },
    /// All bytes are here, and the rest of them is being hashed and synced.
    Verifying,
    /// The file is there.
    Done,
}

/// Why what was there of an earlier try could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartedOver {
    /// The file on the server is another one now.
    Changed,
    /// The server does not say which version of the file it has, so nothing shows that both are the same.
    NoProof,
    /// The server does not heed ranges: it sends the file from its start only.
    NoRanges,
    /// With what was there, the hash came out wrong.
    WrongHash,
}

/// How far a download is.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Bytes of the file that are here, those of earlier tries too.
    pub received: u64,
    /// Bytes from its start that are hashed.
    pub hashed: u64,
    /// Length of the file in bytes, once it is known.
    pub total: Option<u64>,
    /// Bytes that an earlier try had left.
    pub resumed: u64,
    /// Set once what an earlier try had left had to be thrown away.
    pub started_over: Option<StartedOver>,
    /// Bytes per second, smoothed over some seconds; 0 while nothing is known.
    pub speed: u64,
    /// How long the rest takes at this speed.
    pub remaining: Option<Duration>,
    /// How many connections there are.
    pub connections: usize,
}

/// The speed of something that grows, smoothed over some seconds.
#[derive(Debug)]
pub struct Speed {
    at: Instant,
    bytes: u64,
    /// Bytes per second, and for how long it has been watched.
    smooth: Option<(f64, Duration)>,
}

impl Speed {
    /// Of something that has `bytes` at that moment.
    pub fn new(at: Instant, bytes: u64) -> Self {
        Self { at, bytes, smooth: None }
    }

    /// Looks at how much there is now. An average at first, an exponential one from then on.
    #[expect(clippy::cast_precision_loss, reason = "a speed of which a few digits matter")]
    pub fn watch(&mut self, at: Instant, bytes: u64) {
        let passed = at.saturating_duration_since(self.at);
        if passed.is_zero() {
            return;
        }
        let now = bytes.saturating_sub(self.bytes) as f64 / passed.as_secs_f64();
        let (before, watched) = self.smooth.unwrap_or((now, Duration::ZERO));
        let watched = (watched + passed).min(SMOOTH);
        let weight = (passed.as_secs_f64() / watched.as_secs_f64()).min(1.0);
        self.smooth = Some((before + (now - before) * weight, watched));
        (self.at, self.bytes) = (at, bytes);
    }

    /// Bytes per second; 0 while nothing is known.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and small"
    )]
    pub fn now(&self) -> u64 {
        self.smooth.map_or(0, |(speed, _)| speed as u64)
    }

    /// How long `bytes` take; `None` while nothing comes.
    #[expect(clippy::cast_precision_loss, reason = "a time of which a few digits matter")]
    pub fn time_for(&self, bytes: u64) -> Option<Duration> {
        let speed = self.smooth.map(|(speed, _)| speed).filter(|speed| *speed >= 1.0)?;
        Duration::try_from_secs_f64(bytes as f64 / speed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_smooth_and_follows() {
        let start = Instant::now();
        let mut speed = Speed::new(start, 500);
        assert_eq!((speed.now(), speed.time_for(10)), (0, None));
        let mut bytes = 500;
        let mut pass = |speed: &mut Speed, from: u64, to: u64, rate: u64| {
            for tenth in from..to {
                bytes += rate / 10;
                speed.watch(start + Duration::from_millis(100 * (tenth + 1)), bytes);
            }
        };
        pass(&mut speed, 0, 10, 1000);
        assert_eq!((speed.now(), speed.time_for(2000)), (1000, Some(Duration::from_secs(2))));
        pass(&mut speed, 10, 11, 9000);
        assert!((1001..3000).contains(&speed.now()), "{}", speed.now());
        pass(&mut speed, 11, 200, 9000);
        assert!((8900..=9000).contains(&speed.now()), "{}", speed.now());
        pass(&mut speed, 200, 500, 0);
        assert_eq!(speed.time_for(1), None);
    }
}
