//! How far predictions are from what the engine said.

use super::predict::Bytes;
use super::report::Report;

const MIB: f64 = 1024.0 * 1024.0;

/// One of the two places of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Device,
    Host,
}

/// What the engine said of a place, in MiB. It rounds weights and cache down, so that the truth is in a range.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Actual {
    weights: Range,
    cache: Range,
    compute: Range,
    total: Range,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Range {
    low: f64,
    high: f64,
}

/// A prediction beside the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Relative to the truth; negative where the prediction is short.
    pub(super) error: f64,
    pub(super) weights_exact: bool,
    pub(super) cache_exact: bool,
    pub(super) compute_exact: bool,
}

/// Outcomes in figures; errors are relative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) count: usize,
    pub(super) median: f64,
    pub(super) percentile_95: f64,
    pub(super) worst_over: f64,
    pub(super) worst_short: f64,
    /// Shares of the outcomes.
    pub(super) weights_exact: f64,
    pub(super) cache_exact: f64,
    pub(super) compute_exact: f64,
}

impl Actual {
    /// What `report` says of `place`; none where it is less than a MiB, which the engine rounds away.
    pub(super) fn of(report: &Report, place: Place) -> Option<Self> {
        Self::sum(report, |name| is_device(name) == (place == Place::Device))
    }

    /// What `report` says of the RPC device with this number; see [`Actual::of`].
    pub(super) fn of_device(report: &Report, number: usize) -> Option<Self> {
        Self::sum(report, |name| name == format!("RPC{number}"))
    }

    fn sum(report: &Report, is_meant: impl Fn(&str) -> bool) -> Option<Self> {
        let mut actual = Self::default();
        for part in report.parts.iter().filter(|part| is_meant(&part.name)) {
            actual.weights.add_rounded_down(part.weights);
            actual.cache.add_rounded_down(part.cache);
            actual.total.add_rounded_down(part.weights);
            actual.total.add_rounded_down(part.cache);
            // Two digits are printed of a device's buffer; the host's is under the name of a buffer type.
            let mut compute = Range::default();
            match report.compute.get(&part.name) {
                Some(exact) => compute.add(exact - 0.005, exact + 0.005),
                None => compute.add_rounded_down(part.compute),
            }
            actual.compute.add(compute.low, compute.high);
            actual.total.add(compute.low, compute.high);
        }
        (actual.total.low >= 1.0).then_some(actual)
    }

    /// The prediction `bytes` beside this.
    pub(super) fn compare(&self, bytes: &Bytes) -> Outcome {
        let total = mib(bytes.total());
        let nearest = total.clamp(self.total.low, self.total.high);
        Outcome {
            error: (total - nearest) / nearest,
            weights_exact: self.weights.contains(mib(bytes.weights)),
            cache_exact: self.cache.contains(mib(bytes.cache)),
            compute_exact: self.compute.contains(mib(bytes.compute)),
        }
    }
}

fn is_device(name: &str) -> bool {
    let mut numbers = ["RPC", "Vulkan"].iter().filter_map(|prefix| name.strip_prefix(prefix));
    numbers.any(|rest| rest.parse::<u32>().is_ok())
}

impl Range {
    fn add(&mut self, low: f64, high: f64) {
        self.low += low;
        self.high += high;
    }

    #[expect(clippy::cast_precision_loss, reason = "MiB of one machine are far below 2^52")]
    fn add_rounded_down(&mut self, mib: u64) {
        self.add(mib as f64, mib as f64 + 1.0);
    }

    fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of one machine are below 2^52")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

impl Summary {
    /// The figures of `outcomes`; none of nothing.
    pub(super) fn of(outcomes: &[Outcome]) -> Option<Self> {
        let mut sizes: Vec<f64> = outcomes.iter().map(|outcome| outcome.error.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let count = sizes.len();
        let largest = |sign: f64| outcomes.iter().map(|outcome| sign * outcome.error).fold(0.0, f64::max);
        let share = |is_exact: fn(&Outcome) -> bool| {
            #[expect(clippy::cast_precision_loss, reason = "a few thousand outcomes")]
            let share = outcomes.iter().filter(|outcome| is_exact(outcome)).count() as f64 / count as f64;
            share
        };
        Some(Self {
            count,
            median: *sizes.get(count / 2)?,
            // The smallest that 95 of 100 do not exceed.
            percentile_95: *sizes.get((count * 95).div_ceil(100).checked_sub(1)?)?,
            worst_over: largest(1.0),
            worst_short: largest(-1.0),
            weights_exact: share(|outcome| outcome.weights_exact),
            cache_exact: share(|outcome| outcome.cache_exact),
            compute_exact: share(|outcome| outcome.compute_exact),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Part;
    use super::*;

    fn report() -> Report {
        let part = |name: &str, weights, cache, compute| Part { name: name.into(), weights, cache, compute };
        Report {
            parts: vec![part("RPC0", 100, 50, 16), part("Host", 10, 0, 4), part("CPU_REPACK", 20, 0, 0)],
            compute: [("RPC0".to_owned(), 16.5)].into(),
            ..Report::default()
        }
    }

    fn bytes(weights: u64, cache: u64, compute: u64) -> Bytes {
        let mib = |mib: u64| mib << 20;
        Bytes { weights: mib(weights), cache: mib(cache), compute: mib(compute) }
    }

    #[test]
    fn within_the_engines_rounding_there_is_no_error() {
        let device = Actual::of(&report(), Place::Device).unwrap();
        let outcome = device.compare(&bytes(101, 50, 16));
        let expected = Outcome { error: 0.0, weights_exact: true, cache_exact: true, compute_exact: false };
        assert_eq!(outcome, expected);
        assert_eq!(device.compute, Range { low: 16.495, high: 16.505 });
    }

    #[test]
    fn a_prediction_that_is_short_has_a_negative_error() {
        let device = Actual::of(&report(), Place::Device).unwrap();
        let outcome = device.compare(&bytes(83, 0, 0));
        assert!((outcome.error + 0.501_5).abs() < 1e-3, "{outcome:?}");
        assert!(!outcome.weights_exact && !outcome.cache_exact);
    }

    #[test]
    fn whatever_is_no_device_is_the_hosts() {
        let host = Actual::of(&report(), Place::Host).unwrap();
        assert_eq!(host.weights, Range { low: 30.0, high: 32.0 });
        assert_eq!(Actual::of(&Report::default(), Place::Device), None);
    }

    #[test]
    fn a_summary_has_the_worst_of_both_directions() {
        let outcome =
            |error| Outcome { error, weights_exact: error > 0.0, cache_exact: true, compute_exact: false };
        let summary = Summary::of(&[-0.5, 0.1, 0.2, 0.3].map(outcome)).unwrap();
        assert_eq!((summary.median, summary.percentile_95), (0.3, 0.5));
        assert_eq!((summary.worst_over, summary.worst_short), (0.3, 0.5));
        assert_eq!((summary.weights_exact, summary.cache_exact), (0.75, 1.0));
        assert_eq!(Summary::of(&[]), None);
    }
}
