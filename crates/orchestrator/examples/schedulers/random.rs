//! Numbers that look random and are the same in every run.

use std::time::Duration;

/// The generator `SplitMix64`: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
pub(crate) struct Random(u64);

impl Random {
    /// Of another sequence for each `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed);
        // Neighbouring seeds begin with neighbouring states: one step parts them.
        random.0 = random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to and without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which a f64 holds exactly")]
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A time with this mean, as between events that do not know of each other.
    pub(crate) fn pause(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.share()).ln())
    }

    /// A place in a list of `len`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lists here have a thousand entries at most"
    )]
    pub(crate) fn below(&mut self, len: usize) -> usize {
        (self.share() * len as f64) as usize
    }
}

/// How often each of a number of models is asked for.
pub(crate) struct Popularity(Vec<f64>);

impl Popularity {
    /// Zipf's law: the second is asked for half as often as the first, the third a third as often.
    #[expect(clippy::cast_precision_loss, reason = "there are a thousand models at most")]
    pub(crate) fn zipf(models: usize) -> Self {
        Self::of((1..=models).map(|rank| 1.0 / rank as f64))
    }

    pub(crate) fn uniform(models: usize) -> Self {
        Self::of((0..models).map(|_| 1.0))
    }

    /// The first few as often as each other, all others together with this share of all.
    #[expect(clippy::cast_precision_loss, reason = "there are a thousand models at most")]
    pub(crate) fn favourites(models: usize, few: usize, share: f64) -> Self {
        let others = models.saturating_sub(few).max(1) as f64;
        let rare = share / (1.0 - share) * few as f64 / others;
        Self::of((0..models).map(|model| if model < few { 1.0 } else { rare }))
    }

    fn of(weights: impl Iterator<Item = f64>) -> Self {
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self(sums.collect())
    }

    /// One of them.
    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        let at = random.share() * self.0.last().copied().unwrap_or_default();
        self.0.partition_point(|sum| *sum <= at).min(self.0.len() - 1)
    }
}
