//! A limit to the bytes per second of a client's downloads together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How much may come at once after a pause: what the limit allows in this time.
const BURST: Duration = Duration::from_millis(250);

/// A token bucket. What comes is paid for afterwards, and who owes waits: a chunk has arrived when its size
/// is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limit(Arc<Mutex<Bucket>>);

#[derive(Debug, Default)]
struct Bucket {
    /// Bytes per second.
    rate: Option<u64>,
    /// When all that came is paid for, if that is still to be.
    paid: Option<Instant>,
}

impl Limit {
    pub(crate) fn set(&self, rate: Option<u64>) {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *bucket = Bucket { rate, paid: None };
    }

    /// Pays for `bytes` that have come.
    pub(crate) async fn pay(&self, bytes: usize) {
        let wait = {
            let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.pay(bytes, Instant::now())
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

impl Bucket {
    /// How long to wait after these bytes.
    #[expect(clippy::cast_precision_loss, reason = "a time of which a few digits matter")]
    fn pay(&mut self, bytes: usize, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let cost = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let paid = self.paid.map_or(earliest, |paid| paid.max(earliest)) + cost;
        self.paid = Some(paid);
        paid.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_pauses_are_not_saved_up() {
        let start = Instant::now();
        let mut bucket = Bucket { rate: Some(1000), paid: None };
        // A burst of a quarter of a second is free.
        assert_eq!(bucket.pay(250, start), Duration::ZERO);
        assert_eq!(bucket.pay(1000, start), Duration::from_secs(1));
        // Two who ask together share: the second waits for both.
        assert_eq!(bucket.pay(500, start), Duration::from_millis(1500));
        let later = start + Duration::from_mins(1);
        assert_eq!(bucket.pay(1250, later), Duration::from_secs(1));
        bucket.rate = None;
        assert_eq!(bucket.pay(usize::MAX, later), Duration::ZERO);
    }
}
